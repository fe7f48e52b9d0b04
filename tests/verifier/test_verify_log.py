"""What a stranger finds with verify_log.py: heads that contradict each other, a rewritten past, proofs."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from werkzeug.serving import make_server

from booking.domain.identity import BirthDate, Identity
from booking.domain.log import Tree
from booking.ports import World
from booking.services import draw, log, proofs, publications
from booking.store import log as log_rows
from booking.store.log import LogEntry
from booking.web.app import create_app
from tests.support import filings
from tests.support.filings import FAMILY, TERRITORY
from tests.support.proofs import all_leaves
from verifier import verify_log

Run = Callable[..., tuple[int, str]]


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


def younger(world: World, entries: int) -> str:
    """A signed head that is not published: fewer than ten entries are new since the last one."""
    for number in range(entries):
        filings.by_staff(world, identity=Identity("Ndiaye", f"Awa{number}", BirthDate(1991, 5, 12), "Dax", "FR"))
    world.clock.advance(timedelta(hours=1))
    log.sequence(world)
    with world.reading() as session:
        head = log_rows.last_head(session)
        assert head is not None
        assert head.published_at is None
        return f"{head.size}:{head.root.hex()}"


def test_a_kept_head_younger_than_the_published_ones_is_tied_by_a_proof(drawn: World, site: str, run: Run) -> None:
    head = younger(drawn, 2)
    code, said = run("--site", site, "--tete", head)
    assert (code, "votre tête 7, 1 tête(s) sur 1" in said, "DIFFÈRE [" in said) == (0, True, False), said
    code, said = run("--site", site, "--tete", f"7:{OTHER_ROOT}")
    assert (code, "se contredisent" in said) == (1, True)


def test_a_head_that_the_site_does_not_tie_to_its_own_is_not_compared_and_no_fraud(
    drawn: World, site: str, run: Run
) -> None:
    """Never found right: this is also what a log that was cut short looks like."""
    code, said = run("--site", site, "--tete", f"9999:{OTHER_ROOT}")
    assert (code, "NON COMPARÉ : votre tête 9999" in said, "DIFFÈRE [" in said) == (2, True, False), said


def test_a_proof_names_the_published_head_when_that_covers_the_leaf(drawn: World) -> None:
    """Else the one that was signed within the hour, which stays unpublished: it would say the hour of a leaf."""
    younger(drawn, 2)
    with drawn.reading() as session:
        demandes = session.scalars(select(LogEntry.demande_id).order_by(LogEntry.position)).all()
    old, new = (proofs.inclusion_of(drawn, demande_id) for demande_id in (demandes[0], demandes[-1]))
    assert old is not None
    assert new is not None
    assert (old.size, new.size) == (5, 7)
    assert [head["size"] for head in publications.heads(drawn)] == [3, 5]


def test_heads_that_stand_beside_nothing_are_counted(drawn: World, run: Run, tmp_path: Path) -> None:
    heads = tmp_path / "tetes.json"
    heads.write_text(json.dumps({"heads": publications.heads(drawn)}))
    code, said = run("--tetes", heads, "--tete", kept(drawn))
    assert (code, SOME in last_line(said)) == (2, True), said
    assert "NON COMPARÉ : tetes.json (rien d'autre ici ne prouve 1 tête(s), jusqu'à la taille 5" in said
    code, said = run("--tetes", heads, "--tete", kept(drawn), kept(drawn, 1))
    assert (code, last_line(said)) == (0, ALL)


def test_a_signature_is_something_to_compare_with_and_only_of_its_head(
    drawn: World, run: Run, tmp_path: Path, keys: Path
) -> None:
    heads, published = tmp_path / "tetes.json", publications.heads(drawn)
    heads.write_text(json.dumps({"heads": published}))
    assert run("--tetes", heads, "--tete", kept(drawn), "--cles", keys)[0] == 0
    heads.write_text(json.dumps({"heads": [published[0], {**published[1], "kid": "00000000"}]}))
    code, said = run("--tetes", heads, "--cles", keys)
    assert (code, "1 signature(s)" in said, "prouve 1 tête(s)" in said) == (2, True, True)


def test_heads_that_a_site_publishes_besides_are_only_a_remark(drawn: World, site: str, run: Run) -> None:
    """Nobody gave them; what was given was compared."""
    for name in ("Fay", "Gil"):
        filings.by_staff(drawn, identity=Identity("Zola", name, BirthDate(1990, 5, 12), "Dax", "FR"))
        draw.run_now(drawn, TERRITORY, FAMILY, "system")
    assert [head["size"] for head in publications.heads(drawn)] == [3, 5, 6, 7]
    code, said = run("--site", site, "--tete", kept(drawn))
    assert (code, last_line(said), "à savoir : le site (rien d'autre ici ne prouve 3 tête(s)" in said) == (0, ALL, True)


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


NOTHING, SOME, ALL = "RIEN N’A ÉTÉ COMPARÉ", "LE RESTE N’A PAS ÉTÉ COMPARÉ", "RIEN NE DIFFÈRE"


def last_line(said: str) -> str:
    return said.splitlines()[-1]


@pytest.fixture
def inclusion(drawn: World, tmp_path: Path) -> Path:
    """The proof of the first receipt, under the newest head."""
    with drawn.reading() as session:
        [demande_id, *_] = session.scalars(select(LogEntry.demande_id).order_by(LogEntry.position))
    found = proofs.inclusion_of(drawn, demande_id)
    assert found is not None
    path = tmp_path / "preuve-registre.json"
    path.write_bytes(proofs.inclusion_bytes(found))
    return path


@pytest.fixture
def keys(drawn: World, tmp_path: Path) -> Path:
    path = tmp_path / "cles.json"
    path.write_text(json.dumps({"keys": [dict(key) for key in drawn.keys.public_keys()]}))
    return path


def test_what_stands_beside_nothing_is_never_found_right(
    drawn: World, site: str, run: Run, tmp_path: Path, inclusion: Path
) -> None:
    old, new = (head["size"] for head in publications.heads(drawn))
    proof, draw_file = tmp_path / "coherence.json", tmp_path / "1.json"
    proof.write_bytes(publications.consistency(drawn, old, new))
    draw_file.write_bytes(publications.bundle(drawn, TERRITORY, FAMILY, 1))
    other = f"{new + 100}:{OTHER_ROOT}"
    for arguments in (
        [],
        ["--site", site],
        ["--tete", other],
        ["--coherence", proof],
        ["--preuve", inclusion],
        ["--tete", other, "--preuve", inclusion],
        ["--tete", other, "--coherence", proof],
        ["--tirages", draw_file],
    ):
        code, said = run(*arguments)
        assert (code, last_line(said)) == (2, NOTHING), arguments
    both = run("--preuve", inclusion, "--coherence", proof)  # one site made both, and nothing else vouches for them
    assert (both[0], last_line(both[1])) == (2, NOTHING)
    code, said = run("--tete", kept(drawn), other, "--coherence", proof, "--preuve", inclusion)
    assert (code, SOME in last_line(said), "preuve-registre.json, 1 tête(s)" in said) == (2, True, True)
    code, said = run("--tete", kept(drawn), "--coherence", proof, "--preuve", inclusion)
    assert (code, last_line(said)) == (0, ALL)


def test_heads_given_one_by_one_are_all_compared(drawn: World, run: Run) -> None:
    """``--tete A --tete B`` is ``--tete A B``."""
    size = publications.heads(drawn)[0]["size"]
    assert run("--tete", f"{size}:{OTHER_ROOT}", "--tete", kept(drawn))[0] == 1
    assert run("--tete", kept(drawn), "--tete", kept(drawn))[0] == 0


def test_a_list_older_than_the_head_is_no_fraud(drawn: World, run: Run, tmp_path: Path) -> None:
    leaves, draw_file = tmp_path / "registre.txt", tmp_path / "2.json"
    leaves.write_text("".join(list(publications.leaf_lines(drawn))[:2]))
    draw_file.write_bytes(publications.bundle(drawn, TERRITORY, FAMILY, 2))
    code, said = run(leaves, "--tete", kept(drawn, 1), "--tirages", draw_file)
    assert (code, "téléchargez-le à nouveau" in said, "DIFFÈRE [" in said) == (2, True, False)


def test_a_head_is_worth_its_signature(drawn: World, run: Run, inclusion: Path, keys: Path) -> None:
    assert "signature des têtes non vérifiée" in run("--preuve", inclusion, "--tete", kept(drawn, 1))[1]
    code, said = run("--preuve", inclusion, "--cles", keys)
    assert (code, "1 signature(s)" in said) == (0, True)
    honest = json.loads(inclusion.read_bytes())
    leaf = bytes([7]) * 32  # of the forger's own log of one leaf
    head = {**honest["head"], "size": 1, "root": leaf.hex()}
    for signature in ("00" * 64, head["signature"]):
        forged = {**honest, "leaf": leaf.hex(), "position": 0, "path": [], "head": {**head, "signature": signature}}
        inclusion.write_bytes(publications.canonical(forged))
        code, said = run("--preuve", inclusion, "--cles", keys)
        assert (code, "[signature]" in said) == (1, True)
    inclusion.write_bytes(publications.canonical({**forged, "head": {**head, "kid": "00000000"}}))
    assert run("--preuve", inclusion, "--cles", keys)[0] == 2


def test_published_heads_are_signed(drawn: World, site: str, run: Run, tmp_path: Path, keys: Path) -> None:
    heads = tmp_path / "tetes.json"
    heads.write_text(json.dumps({"heads": publications.heads(drawn)}))
    assert run("--tetes", heads, "--cles", keys)[0] == 0
    assert run("--site", site, "--tete", kept(drawn), "--cles", keys)[0] == 0


def test_without_the_module_the_signature_is_said_to_be_unchecked(
    drawn: World, run: Run, inclusion: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_log, "Ed25519PublicKey", None)
    code, said = run("--preuve", inclusion, "--cles", keys, "--tete", kept(drawn, 1))
    assert (code, "cryptography n'est pas installé" in said) == (0, True)
    assert run("--preuve", inclusion, "--cles", keys)[0] == 2


def test_the_leaf_of_the_receipt_is_compared(drawn: World, run: Run, tmp_path: Path, inclusion: Path) -> None:
    mine, head = json.loads(inclusion.read_bytes())["leaf"], kept(drawn, 1)
    assert run("--preuve", inclusion, "--tete", head, "--feuille", mine)[0] == 0
    assert "[feuille]" in run("--preuve", inclusion, "--tete", head, "--feuille", OTHER_ROOT)[1]
    leaves = tmp_path / "registre.txt"
    leaves.write_text(all_leaves(drawn))
    assert run(leaves, "--feuille", mine)[0] == 0
    assert run(leaves, "--feuille", f" {mine.upper()}\n")[0] == 0
    for no_leaf in ("ab", mine[2:], "feuille"):
        code, said = run(leaves, "--feuille", no_leaf)
        assert (code, "ILLISIBLE" in said) == (2, True), no_leaf
    assert run(leaves, "--feuille", OTHER_ROOT)[0] == 2
    assert run("--feuille", mine)[0] == 2


@pytest.mark.parametrize("option", ["--coherence", "--preuve", "--tetes", "--tirages", "--cles"])
def test_what_is_nested_too_deep_is_unreadable(tmp_path: Path, option: str) -> None:
    """In a process of its own: py_ecc lets Python nest deeper than its stack."""
    (tmp_path / "deep.json").write_bytes(b"[" * 100000)
    command = [sys.executable, verify_log.__file__, option, "deep.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "ILLISIBLE" in done.stdout, done.stderr) == (2, True, "")


def test_without_its_neighbour_it_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "verify_log.py").write_bytes(Path(verify_log.__file__).read_bytes())
    done = subprocess.run([sys.executable, "verify_log.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "mettez verify_draw.py à côté" in done.stdout) == (2, True)


def test_every_leaf_of_every_size_is_under_its_root() -> None:
    tree = Tree([bytes([number + 1]) * 32 for number in range(20)])
    for size in range(1, 21):
        for at in range(size):
            leaf, left, path = (
                bytes([at + 1]) * 32,
                verify_log.sides(at + 1, size, whole=False),
                tree.inclusion(at, size),
            )
            assert verify_log.climb(leaf, left, path)[1] == tree.root(size)
            assert verify_log.climb(leaf, left, [*path, bytes(32)])[1] != tree.root(size)
