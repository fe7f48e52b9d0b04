"""P1 and P4: the last page of the stepper sent, against a form, one Core insert and a commit on the same server.

The page that is sent registers a demande for good: sealed draft opened, answers read again under the rules in force,
every check, limits in Valkey, blind indexes, AES-GCM, five rows, one durable commit, one job for the message.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

from bench import load, measures, processes, servers, twin
from bench.measures import Round, Side, Verdict
from bench.servers import Serving
from booking import bootstrap
from booking.ports import World
from booking.settings import Settings
from booking.web.public import draft

P1_RATE, P1_CPU, P4_TAIL, SATURATION = 0.6, 1.6, 5.0, 0.7
ANSWERS: dict[str, dict[str, str]] = {
    "famille": {"family": "emeraude"},
    "besoin": {"motif": "titre-etudiant"},
    "lieux": {},
    "moments": {"availability": "mont-de-marsan/all"},
    "identite": {
        "family_name": "Personne",
        "given_names": "Alix",
        "birth_day": "12",
        "birth_month": "5",
        "birth_year": "1990",
        "birth_country": "SN",
        "commune": "Mont-de-Marsan",
        "no_foreigner_number": "1",
        "no_contact_centre_ticket": "1",
    },
    "contact": {"email": "personne@exemple.example"},
}
LETTERS = "abcdefghijklmnopqrst"


class Stepper:
    """One browser without script that walks to the summary."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}/demande/"
        self.opener: OpenerDirector = build_opener(HTTPCookieProcessor())
        self.page = self._read(self.opener.open(self.address, timeout=30))

    @staticmethod
    def _read(answer) -> str:  # type: ignore[no-untyped-def]
        with answer:
            return str(answer.read().decode())

    def hidden(self, name: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]*)"', self.page)
        if not found:
            raise SystemExit(f"the stepper shows no {name}: {self.page[:2000]}")
        return found.group(1)

    def walk(self) -> None:
        """Answer screen after screen until the summary."""
        while (screen := self.hidden("ecran")) != "resume":
            names = ("brouillon", "ecran")
            typed = {**{name: self.hidden(name) for name in names}, **ANSWERS[screen]}
            self.page = self._read(self.opener.open(self.address, urlencode(typed).encode(), timeout=30))
            if self.hidden("ecran") == screen:
                raise SystemExit(f"the stepper stays on {screen}: {re.findall('class=.error[^>]*>([^<]+)', self.page)}")


def filings(world: World, stepper: Stepper, numbers: Iterator[int], how_many: int) -> list[bytes]:
    """As many summaries to send, each of another person with another mailbox."""
    summary = draft.opened(world, stepper.hidden("brouillon"))
    found = []
    for number in [next(numbers) for _ in range(how_many)]:
        name = "".join(LETTERS[int(digit)] for digit in str(number))
        answers = summary.answers.with_({"family_name": [f"Personne {name}"], "email": [f"{name}@exemple.example"]})
        sealed = draft.sealed(world, replace(summary, key=f"{number:048x}", answers=answers))
        form = {"brouillon": sealed, "ecran": "resume"}
        found.append(load.post("/demande/", form))
    return found


def bare_forms(filed: Sequence[bytes]) -> list[bytes]:
    """Forms of the same size for the twin."""
    size = len(filed[0].partition(b"\r\n\r\n")[2])
    form = {"name": "Personne", "email": "personne@exemple.example", "family": "emeraude"}
    return [load.post("/need", {**form, "draft": "x" * (size - len(urlencode(form)) - len("&draft="))})]


@contextmanager
def both(settings: Settings, database_url: str) -> Iterator[tuple[Serving, Serving, World]]:
    """Ours and the twin, each with a database of its own, and the world of ours."""
    with ExitStack() as stack:
        world = stack.enter_context(bootstrap.opened(settings))
        servers.seed(settings, world)
        twin.prepare(settings.model_copy(update={"database_url": database_url}))
        ours = stack.enter_context(servers.serving("ours", settings))
        bare = stack.enter_context(servers.serving("twin", settings, database_url))
        yield ours, bare, world


def measure(
    settings: Settings, twin_url: str, rounds: int, seconds: float
) -> tuple[list[Verdict], dict[str, list[Side]]]:
    """Both goals on one database."""
    with both(settings, twin_url) as (ours, bare, world):
        stepper = Stepper(ours.port)
        stepper.walk()
        numbers = count(1)

        def file(_number: int, per_s: float = 0) -> Round:
            most = int(max(per_s, 2500) * seconds)
            return measures.one_round(ours, filings(world, stepper, numbers, most), seconds, per_s=per_s)

        bare_requests = bare_forms(filings(world, stepper, numbers, 1))
        sides = measures.in_turn(
            rounds, {"intake": file, "form + Core insert": lambda _: measures.one_round(bare, bare_requests, seconds)}
        )
        pace = SATURATION * sides[0].middle("per_s")
        paced = measures.in_turn(rounds, {f"intake at {pace:.0f} per s": lambda number: file(number, pace)})
    return _verdicts(sides, paced), {"saturated": sides, "paced": paced}


def _verdicts(sides: Sequence[Side], paced: Sequence[Side]) -> list[Verdict]:
    ours, bare = sides
    rate = ours.middle("per_s") / bare.middle("per_s")
    cpu = ours.middle("cpu_us") / bare.middle("cpu_us")
    tail = paced[0].middle("p99_ms") / paced[0].middle("p50_ms")
    return [
        Verdict("P1", "requests per second, of the bare route", rate, P1_RATE, at_least=True),
        Verdict("P1", "CPU of the server for each request, of the bare route", cpu, P1_CPU, at_least=False),
        Verdict("P4", "p99 of p50 at 70 % of saturation", tail, P4_TAIL, at_least=False),
    ]


def main(folder: Path, *, quick: bool = False) -> list[Verdict]:
    """On SQLite, as ``make run`` has it."""
    rounds, seconds = (1, 2.0) if quick else (3, 5.0)
    with processes.spinner(), servers.place() as settings:
        verdicts, sides = measure(settings, f"sqlite:///{settings.var_dir / 'twin.sqlite3'}", rounds, seconds)
    for title, found in sides.items():
        measures.show(f"Intake, {title} (SQLite)", found)
    measures.keep(folder, "intake", verdicts, sides)
    return verdicts


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    main(chosen.out, quick=chosen.quick)
