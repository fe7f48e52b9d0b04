"""P2: the status page behind a secret link, against a bare Jinja page of its size on the same server; and what a poller
costs. A page that asks again with the mark that it has gets 304."""

from __future__ import annotations

import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench import intake, load, measures, processes, servers
from bench.measures import Side, Verdict
from bench.servers import Serving
from booking import bootstrap
from booking.domain.accounts import ANYWHERE, Actor, Right, Role
from booking.domain.demande import Availability, Channel, Contact, Half
from booking.domain.identity import BirthDate, Identity
from booking.ports import World
from booking.services import accounts, filing, slots, waitlist
from booking.services.accounts import NewAccount
from booking.settings import Settings

P2_RATE = 0.5
PEOPLE = 200
TERRITORY, MOTIF = "40-landes", "titre-etudiant"
MORNING = Availability(frozenset({("mont-de-marsan", 1, Half.AM)}))


def waiting_people(world: World) -> list[str]:
    """The links of people who wait for the next draw, entered at the counter."""
    slots.plan(world)
    right = Right(Role.AGENT, TERRITORY, ANYWHERE)
    made = accounts.create(world, NewAccount("bench", "Bench", frozenset({right})), "a long enough phrase", "system")
    agent = Actor(made.account_id, "Bench", frozenset({right}), world.clock.now())
    links = []
    for number in range(PEOPLE):
        name = "".join(intake.LETTERS[int(digit)] for digit in str(number))
        identity = Identity(f"Personne {name}", "Alix", BirthDate(1990, 5, 12), birth_country="SN")
        need = filing.Filing(TERRITORY, MOTIF, identity, Contact(email=f"{name}@exemple.example"), MORNING)
        links.append(filing.file(world, need, f"bench-{number}", Channel.COUNTER, agent).link)
    waitlist.rebuild(world)
    return links


def _size_of(serving: Serving, path: str) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{serving.port}{path}", timeout=30) as answer:
        return len(answer.read())


def _mark_of(serving: Serving, path: str) -> str | None:
    with urllib.request.urlopen(f"http://127.0.0.1:{serving.port}{path}", timeout=30) as answer:
        mark: str | None = answer.headers["ETag"]
        return mark


def measure(settings: Settings, rounds: int, seconds: float) -> tuple[list[Verdict], list[Side], int]:
    """Verdicts, sides, and the size of the page in bytes."""
    with ExitStack() as stack:
        world = stack.enter_context(bootstrap.opened(settings))
        servers.seed(settings, world)
        links = waiting_people(world)
        ours = stack.enter_context(servers.serving("ours", settings))
        bare = stack.enter_context(servers.serving("twin", settings, f"sqlite:///{settings.var_dir / 'twin.sqlite3'}"))
        size = _size_of(ours, f"/s/{links[0]}")
        pages = [load.get(f"/s/{link}") for link in links]
        polls = [load.get(f"/s/{link}", If_None_Match=mark) for link in links if (mark := _mark_of(ours, f"/s/{link}"))]
        bare_page = [load.get(f"/page/{size}")]
        runs = {
            "status page": lambda _: measures.one_round(ours, pages, seconds),
            f"bare Jinja page, {_size_of(bare, f'/page/{size}')} bytes": lambda _: measures.one_round(
                bare, bare_page, seconds
            ),
        }
        if polls:
            runs["poll, unchanged (304)"] = lambda _: measures.one_round(ours, polls, seconds)
        sides = measures.in_turn(rounds, runs)
    return _verdicts(sides), sides, size


def _verdicts(sides: Sequence[Side]) -> list[Verdict]:
    page, bare, *polled = sides
    rate = page.middle("per_s") / bare.middle("per_s")
    found = [Verdict("P2", "status pages per second, of a bare Jinja page of that size", rate, P2_RATE, at_least=True)]
    # A page that is looked at by 1,000 people, each asking again once a minute.
    cost = (polled[0] if polled else page).middle("cpu_us") * 1000 / 60 / 1_000_000
    return [*found, Verdict("P2", "of one core, for 1,000 pollers a minute", cost, 0.1, at_least=False)]


def main(folder: Path, *, quick: bool = False) -> list[Verdict]:
    """On SQLite, as ``make run`` has it."""
    rounds, seconds = (1, 2.0) if quick else (3, 5.0)
    with processes.spinner(), servers.place() as settings:
        verdicts, sides, size = measure(settings, rounds, seconds)
    measures.show(f"Status page, {size} bytes (SQLite)", sides)
    measures.keep(folder, "pages", verdicts, {"pages": sides})
    return verdicts
