"""What a stranger finds with verify_log.py: heads that contradict each other, a rewritten past, proofs."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from werkzeug.serving import make_server

from booking.domain.identity import BirthDate, Identity
from booking.domain.log import Tree
from booking.ports import World
from booking.services import draw, proofs, publications, slots
from booking.store.log import LogEntry
from booking.web.app import create_app
from tests.support import filings
from tests.support.filings import FAMILY, TERRITORY
from verifier import verify_log

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def go(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["verify_log.py", *map(str, arguments)])
        code = verify_log.main()
        return code, capsys.readouterr().out

    return go


@pytest.fixture
def drawn(world: World) -> World:
    """Two draws, hence two published heads."""
    filings.seeded(world)
    slots.plan(world)
    for names in (("Ada", "Bob", "Cid"), ("Dan", "Eve")):
        for name in names:
            filings.by_staff(world, identity=Identity("Zola", name, BirthDate(1990, 5, 12), "Dax", "FR"))
        draw.run_now(world, TERRITORY, FAMILY, "system")
    return world


@pytest.fixture
def site(drawn: World) -> Iterator[str]:
    """The public pages over HTTP on this machine."""
    server = make_server("127.0.0.1", 0, create_app(drawn, config={"TESTING": True}), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def kept(world: World, number: int = 0) -> str:
    head = publications.heads(world)[number]
    return f"{head['size']}:{head['root']}"


OTHER_ROOT = "ab" * 32


def test_a_proof_as_a_file_ties_a_kept_head_to_the_newest(drawn: World, run: Run, tmp_path: Path) -> None:
    old, new = (head["size"] for head in publications.heads(drawn))
    proof = tmp_path / "coherence.json"
    proof.write_bytes(publications.consistency(drawn, old, new))
    assert run("--tete", kept(drawn), kept(drawn, 1), "--coherence", proof)[0] == 0
    code, said = run("--tete", f"{old}:{OTHER_ROOT}", "--coherence", proof)
    assert (code, "se contredisent" in said) == (1, True)


def test_two_lists_of_heads_that_contradict_each_other(drawn: World, run: Run, tmp_path: Path) -> None:
    """The site told one person one past, and another person another."""
    lists = []
    for number, root in enumerate((None, OTHER_ROOT)):
        heads = [{**head, "root": root or head["root"]} for head in publications.heads(drawn)]
        lists.append(tmp_path / f"{number}.json")
        lists[-1].write_text(json.dumps({"heads": heads}))
    assert run("--tetes", lists[0], lists[0])[0] == 0
    assert "[tête]" in run("--tetes", *lists)[1]


def test_the_site_itself_is_asked(drawn: World, site: str, run: Run) -> None:
    assert run("--site", site, "--tete", kept(drawn))[0] == 0
    size = publications.heads(drawn)[0]["size"]
    code, said = run("--site", site, "--tete", f"{size}:{OTHER_ROOT}")
    assert (code, "[tête]" in said) == (1, True)
    assert run("--site", site, "--tete", f"9999:{OTHER_ROOT}")[0] == 1


def test_a_site_that_rewrote_its_log_finds_no_proof(drawn: World, run: Run, tmp_path: Path) -> None:
    """Its proof ties the new past to the new head; the head that was kept is none of them."""
    leaves = list(proofs.leaves(drawn))
    old, new = (head["size"] for head in publications.heads(drawn))
    rewritten = Tree([bytes(32), *leaves[1:]])
    honest = Tree(leaves)
    for old_root in (honest.root(old), rewritten.root(old)):
        said = {
            "v": "RDV-CONSISTENCY-1",
            "old": {"size": old, "root": old_root.hex()},
            "new": {"size": new, "root": rewritten.root().hex()},
            "path": [node.hex() for node in rewritten.consistency(old, new)],
        }
        proof = tmp_path / "coherence.json"
        proof.write_bytes(publications.canonical(said))
        assert run("--tete", kept(drawn), "--coherence", proof)[0] == 1


def test_every_pair_of_sizes_follows_and_no_altered_proof_does() -> None:
    tree = Tree([bytes([number + 1]) * 32 for number in range(20)])
    for size in range(1, 21):
        for old in range(1, size + 1):
            path = tree.consistency(old, size)
            assert verify_log.follows(old, tree.root(old), size, tree.root(size), path)
            assert not verify_log.follows(old, bytes(32), size, tree.root(size), path)
            assert not verify_log.follows(old, tree.root(old), size, tree.root(size), [*path, bytes(32)])


@pytest.mark.parametrize("content", [b"", b"{}", b'{"old":1}'])
def test_what_is_no_proof_is_said_to_be_unreadable(run: Run, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "coherence.json"
    path.write_bytes(content)
    assert run("--coherence", path)[0] == 2


def test_the_leaf_of_a_receipt_is_proved_in_and_no_other(drawn: World, run: Run, tmp_path: Path) -> None:
    with drawn.reading() as session:
        [demande_id, *_] = session.scalars(select(LogEntry.demande_id).order_by(LogEntry.position))
    found = proofs.inclusion_of(drawn, demande_id)
    assert found is not None
    proof = tmp_path / "preuve.json"
    proof.write_bytes(proofs.inclusion_bytes(found))
    newest = f"{found.size}:{found.root.hex()}"
    assert run("--preuve", proof, "--tete", newest)[0] == 0
    assert run("--preuve", proof, "--tete", f"{found.size}:{OTHER_ROOT}")[0] == 1
    for change in ({"leaf": OTHER_ROOT}, {"position": 1}, {"position": 99}):
        proof.write_bytes(publications.canonical({**json.loads(proofs.inclusion_bytes(found)), **change}))
        assert run("--preuve", proof)[0] == 1


def test_every_leaf_of_every_size_is_under_its_root() -> None:
    tree = Tree([bytes([number + 1]) * 32 for number in range(20)])
    for size in range(1, 21):
        for at in range(size):
            path = tree.inclusion(at, size)
            assert verify_log.above(
                bytes([at + 1]) * 32,
                at,
                size,
                path,
            ) == tree.root(size)
            assert path == []
