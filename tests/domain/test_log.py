"""Canonical bytes, leaves, promises, heads and the tree: allocation.md 4."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from booking.domain import canonical as forms
from booking.domain import log as rules
from booking.domain.log import EntryType, Tree
from tests.support.proofs import consistent, included

AT = datetime(2026, 3, 2, 8, 15, 30, 999999, tzinfo=UTC)
SALT = bytes(range(32))
IDENTITY = b'{"birth":"1990-05-12","family":"diallo"}'
ENTRY = rules.entry_bytes(
    kind=EntryType.ADMITTED,
    ref=bytes(range(16)),
    territory="40-landes",
    family="emeraude",
    at=AT,
    prev=None,
    canon=1,
    person=rules.person_commitment(SALT, IDENTITY),
)

_names = st.text(st.characters(max_codepoint=126, min_codepoint=1), max_size=5)
_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).filter(lambda t: forms.is_normalized("NFC", t))
_atoms = st.none() | st.booleans() | st.integers(-forms.MAX_INTEGER, forms.MAX_INTEGER) | _texts
values = st.recursive(_atoms, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_names, inner, max_size=4))


@given(values)
def test_canonical_bytes_are_those_of_rfc_8785(value: object) -> None:
    data = forms.canonical(value)
    assert data == rfc8785.dumps(value)  # type: ignore[arg-type]
    assert forms.parse(data) == value


def test_an_object_is_assembled_from_the_bytes_of_its_members() -> None:
    whole = {"lines": [{"b": 1, "a": None}], "a": "é", "commitment": {"n": [True]}, "": 0}
    assert forms.assembled({name: forms.canonical(value) for name, value in whole.items()}) == forms.canonical(whole)
    assert forms.assembled({}) == forms.canonical({})


@pytest.mark.parametrize("value", [1.0, 2**53, "e\u0301", {"é": 1}, {1: 2}, b"x", "\ud800", {"a": [float("nan")]}])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(forms.NotCanonical):
        forms.canonical(value)


@pytest.mark.parametrize(
    "data", [b'{"a": 1}', b'{"b":1,"a":2}', b'{"a":1,"a":1}', b"1.0", b'"\\u0041"', b"[1,2]\n", b"{", b"\xff", b"NaN"]
)
def test_only_canonical_bytes_are_read(data: bytes) -> None:
    with pytest.raises(forms.NotCanonical):
        forms.parse(data)


def test_an_instant_needs_a_zone_and_keeps_whole_seconds() -> None:
    assert forms.instant(AT) == "2026-03-02T08:15:30Z"
    with pytest.raises(ValueError, match="time zone"):
        forms.instant(AT.replace(tzinfo=None))


def test_bytes_of_an_entry_are_pinned() -> None:
    expected = (
        b'{"canon":1,"family":"emeraude","hour":"2026-03-02T08:15:30Z",'
        b'"person":"' + sha256(b"\x02" + SALT + IDENTITY).hexdigest().encode() + b'","prev":null,'
        b'"ref":"000102030405060708090a0b0c0d0e0f","territory":"40-landes","type":"admitted","v":1}'
    )
    assert expected == ENTRY
    assert rules.leaf_hash(SALT, ENTRY) == sha256(b"\x00" + SALT + ENTRY).digest()
    assert rules.leaf_hash(SALT, ENTRY).hex() == "b2b38e9766091ffd4c6f91cd44e7a6cdba1bffc07b88ab43364faabec53792ad"


def test_bytes_that_are_signed_are_pinned_and_never_mistaken_for_one_another() -> None:
    leaf = bytes(32)
    assert rules.promise_bytes(leaf, AT) == (
        b'{"leaf":"' + b"00" * 32 + b'","promised":"2026-03-02T08:15:30Z","signed":"RDV-PROMISE-v1","v":1}'
    )
    assert rules.head_bytes(7, leaf, AT) == (
        b'{"at":"2026-03-02T08:15:30Z","root":"' + b"00" * 32 + b'","signed":"RDV-HEAD-v1","size":7,"v":1}'
    )


# --- the tree ------------------------------------------------------------------------------------------------


def leaves(count: int) -> list[bytes]:
    return [sha256(b"\x00" + i.to_bytes(4, "big")).digest() for i in range(count)]


def by_definition(found: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word for word."""
    if not found:
        return sha256(b"").digest()
    if len(found) == 1:
        return found[0]
    k = 1
    while 2 * k < len(found):
        k *= 2
    return sha256(b"\x01" + by_definition(found[:k]) + by_definition(found[k:])).digest()


def test_root_of_the_certificate_transparency_test_tree() -> None:
    """The eight inputs of the reference implementation of RFC 6962."""
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    tree = Tree(sha256(b"\x00" + bytes.fromhex(data)).digest() for data in inputs)
    assert tree.root(1).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert tree.root(8).hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


@given(st.lists(st.integers(0, 9), max_size=8))
def test_the_root_is_that_of_the_definition_however_leaves_arrive(portions: list[int]) -> None:
    found = leaves(sum(portions))
    tree, done = Tree(), 0
    for portion in portions:
        tree.extend(found[done : done + portion])
        done += portion
        assert tree.root() == by_definition(found[:done])


def test_every_leaf_of_every_size_is_proved_included_and_nothing_else() -> None:
    found = leaves(20)
    tree = Tree(found)
    for size in range(1, 21):
        root = tree.root(size)
        for index in range(size):
            path = tree.inclusion(index, size)
            assert included(found[index], index, size, path, root)
            assert not included(found[index], (index + 1) % size, size, path, root) or size == 1
            assert not included(bytes(32), index, size, path, root)
            assert not included(found[index], index, size, [*path, bytes(32)], root)
            assert not path or not included(found[index], index, size, path[:-1], root)


def test_every_pair_of_sizes_is_proved_consistent() -> None:
    tree = Tree(leaves(20))
    for size in range(1, 21):
        for old in range(1, size + 1):
            path = tree.consistency(old, size)
            before, after = tree.root(old), tree.root(size)
            assert consistent(old, before, size, after, path)
            if old != size:
                assert not consistent(old, bytes(32), size, after, path)
                assert not consistent(old, before, size, after, path[:-1])


@given(st.integers(2, 40), st.data())
def test_a_rewritten_past_has_no_consistency_proof(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size - 1))
    rewritten = leaves(size)
    rewritten[data.draw(st.integers(0, old - 1))] = bytes(32)
    other = Tree(rewritten)
    honest = Tree(leaves(old)).root()
    assert not consistent(old, honest, size, other.root(), other.consistency(old, size))


@pytest.mark.parametrize("size", [-1, 4])
def test_nothing_is_said_beyond_the_end(size: int) -> None:
    tree = Tree(leaves(3))
    with pytest.raises(ValueError, match="outside"):
        tree.root(size)
    with pytest.raises(ValueError, match="outside"):
        tree.inclusion(size, 3)
    with pytest.raises(ValueError, match="outside"):
        tree.consistency(2, size)


# --- a tree that is kept elsewhere ---------------------------------------------------------------------------


class Store:
    """Leaves and kept subtrees as a database would have them; counts what is read."""

    def __init__(self, found: list[bytes], kept: int | None = None) -> None:
        self.levels: dict[int, list[bytes]] = {0: found}
        self.read_rows = 0
        frontier = rules.Frontier()
        for leaf in found:
            for height, number, node in frontier.add(leaf):
                if kept is None or number < kept:
                    self.levels.setdefault(height, []).append(node)

    def read(self, height: int, first: int, count: int) -> list[bytes]:
        nodes = self.levels.get(height, [])[first : first + count]
        self.read_rows += len(nodes)
        return nodes


@given(st.integers(0, 700), st.data())
def test_roots_and_proofs_from_kept_subtrees_are_those_of_the_definition(size: int, data: st.DataObject) -> None:
    found = leaves(700)
    tree, kept = Tree(found), rules.KeptTree(Store(found).read)
    assert kept.root(size) == tree.root(size) == by_definition(found[:size])
    old = data.draw(st.integers(0, size))
    assert kept.consistency(old, size) == tree.consistency(old, size)
    if old < size:
        assert kept.inclusion(old, size) == tree.inclusion(old, size)
        assert included(found[old], old, size, kept.inclusion(old, size), by_definition(found[:size]))


@given(st.integers(1, 700), st.integers(0, 40))
def test_subtrees_that_are_not_kept_yet_change_no_root(size: int, kept: int) -> None:
    found = leaves(700)
    assert rules.KeptTree(Store(found, kept).read).root(size) == by_definition(found[:size])


@given(st.integers(0, 300))
def test_reading_a_log_once_gives_its_root_and_its_subtrees(size: int) -> None:
    frontier = rules.Frontier()
    made = [node for leaf in leaves(size) for node in frontier.add(leaf)]
    assert frontier.root() == by_definition(leaves(size))
    assert all(node == by_definition(leaves(300)[n << h : (n + 1) << h]) for h, n, node in made)
    assert len(made) == size // 16 + size // 256


@pytest.mark.parametrize("size", [4096, 4095, 65537, 70000])
def test_a_root_and_proofs_read_little_however_long_the_log(size: int) -> None:
    store = Store(leaves(70000))
    kept, bits = rules.KeptTree(store.read), size.bit_length()
    for ask in (lambda: kept.root(size), lambda: kept.inclusion(size // 3, size), lambda: kept.consistency(777, size)):
        store.read_rows = 0
        ask()
        assert store.read_rows <= rules.FAN * bits


def test_a_kept_tree_says_nothing_beyond_its_leaves() -> None:
    with pytest.raises(ValueError, match="outside"):
        rules.KeptTree(Store(leaves(3)).read).root(4)
