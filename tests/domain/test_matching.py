"""Who is placed and when: allocation.md 5 and 8, against scipy and against brute force."""

from __future__ import annotations

import random
from itertools import combinations, permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from booking.domain import dating, matching
from booking.domain.matching import UNPLACED
from verifier import verify_draw

Instance = tuple[list[tuple[int, ...]], list[int]]


@st.composite
def instances(draw: st.DrawFn, lines: int, classes: int, slots: int) -> Instance:
    """Wishes and capacities with at most so many lines, classes, slots in a class. A line may wish for nothing."""
    k = draw(st.integers(1, classes))
    wish = st.sets(st.integers(0, k - 1), max_size=min(k, 4)).map(lambda found: tuple(sorted(found)))
    return draw(st.lists(wish, max_size=lines)), draw(st.lists(st.integers(0, slots), min_size=k, max_size=k))


def fits(wishes: list[tuple[int, ...]], capacity: list[int], placed: list[int]) -> bool:
    used = [placed.count(c) for c in range(len(capacity))]
    wished = all(c == UNPLACED or c in wish for wish, c in zip(wishes, placed, strict=True))
    return wished and all(u <= slots for u, slots in zip(used, capacity, strict=True))


def largest(wishes: list[tuple[int, ...]], capacity: list[int]) -> int:
    """Size of a maximum matching on single slots, by scipy."""
    first = np.concatenate([[0], np.cumsum(capacity)])
    edges = [(i, s) for i, wish in enumerate(wishes) for c in wish for s in range(first[c], first[c + 1])]
    if not edges:
        return 0
    rows, columns = zip(*edges, strict=True)
    graph = csr_matrix((np.ones(len(edges)), (rows, columns)), shape=(len(wishes), int(first[-1])))
    return int((maximum_bipartite_matching(graph, perm_type="column") >= 0).sum())


def brute_force(wishes: list[tuple[int, ...]], capacity: list[int]) -> list[int]:
    """Try every assignment: first who is placed (largest, then best for the order), then the dates in order."""
    options = [(*wish, UNPLACED) for wish in wishes]
    allowed = [list(p) for p in product(*options) if fits(wishes, capacity, list(p))]

    def merit(placed: list[int]) -> tuple[int, list[bool], list[int]]:
        return sum(c == UNPLACED for c in placed), [c == UNPLACED for c in placed], placed

    return min(allowed, key=merit)


@given(instances(lines=60, classes=15, slots=5))
def test_the_largest_number_is_placed(instance: Instance) -> None:
    wishes, capacity = instance
    placed = matching.match(wishes, capacity)
    assert fits(wishes, capacity, placed)
    assert sum(c != UNPLACED for c in placed) == largest(wishes, capacity)


@given(instances(lines=6, classes=4, slots=2))
def test_order_and_dates_are_those_of_brute_force(instance: Instance) -> None:
    wishes, capacity = instance
    assert matching.match(wishes, capacity) == brute_force(wishes, capacity)


@given(instances(lines=40, classes=12, slots=3))
def test_each_line_is_kept_exactly_when_it_fits_with_those_before(instance: Instance) -> None:
    wishes, capacity = instance
    placed, room = matching.place(wishes, capacity)
    assert room == [slots - placed.count(c) for c, slots in enumerate(capacity)]
    kept: list[tuple[int, ...]] = []
    for wish, c in zip(wishes, placed, strict=True):
        fits_too = largest([*kept, wish], capacity) > len(kept)
        assert fits_too == (c != UNPLACED)
        if fits_too:
            kept.append(wish)


@given(instances(lines=25, classes=10, slots=3))
def test_each_date_is_the_earliest_that_leaves_a_place_to_all_later_ones(instance: Instance) -> None:
    wishes, capacity = instance
    placed = matching.match(wishes, capacity)
    left = list(capacity)
    drawn = [(wish, c) for wish, c in zip(wishes, placed, strict=True) if c != UNPLACED]
    for i, (wish, given_class) in enumerate(drawn):
        later = [other for other, _ in drawn[i + 1 :]]

        def possible(c: int, later: list[tuple[int, ...]] = later) -> bool:
            after = [slots - (x == c) for x, slots in enumerate(left)]
            return min(after) >= 0 and largest(later, after) == len(later)

        assert given_class == next(c for c in wish if possible(c))
        left[given_class] -= 1


@given(instances(lines=40, classes=12, slots=3), st.randoms())
def test_the_dates_do_not_depend_on_where_the_search_started(instance: Instance, chance: object) -> None:
    """``earliest`` gives the same from the assignment that fills late classes first."""
    wishes, capacity = instance
    backwards = [tuple(reversed(wish)) for wish in wishes]
    late, room = matching.place(backwards, capacity)
    assert dating.earliest(wishes, late, room) == matching.match(wishes, capacity)


@given(instances(lines=40, classes=12, slots=3))
def test_a_likely_start_places_the_same_lines(instance: Instance) -> None:
    wishes, capacity = instance
    placed, room = matching.place(wishes, capacity)
    before = [*placed], [*room]
    start, left = dating.likely(wishes, placed, room)
    assert (placed, room) == before
    assert fits(wishes, capacity, start)
    assert [c == UNPLACED for c in start] == [c == UNPLACED for c in placed]
    assert left == [slots - start.count(c) for c, slots in enumerate(capacity)]


@pytest.mark.parametrize("stages", [1, 2, 50])
def test_the_dates_do_not_depend_on_the_forecast(stages: int) -> None:
    """Be it good, bad, or given up in the middle because the ways are long."""
    chance = random.Random(stages)
    given_up = 0
    for _ in range(150):
        k = chance.randint(2, 30)
        wishes = [tuple(sorted(chance.sample(range(k), chance.randint(1, min(k, 3))))) for _ in range(3 * k)]
        capacity = [chance.randint(0, 4) for _ in range(k)]
        placed, room = matching.place(wishes, capacity)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(dating, "STAGES", stages)
            start, left = dating.likely(wishes, placed, room)
        given_up += start == placed
        assert dating.earliest(wishes, start, left) == dating.earliest(wishes, placed, room)
    assert given_up < 150


def test_a_forecast_with_long_ways_is_given_up() -> None:
    """The last comer moves everybody, the first line included: each stage would walk the whole row and turn back."""
    n = 40
    wishes = [(n - 1 - c, n - c) for c in range(n)] + [(0,)]
    capacity = [1] * (n + 1)
    placed, room = matching.place(wishes, capacity)
    forecast = dating._Forecast(wishes, placed, room)
    assert forecast.first_come(range(n + 1)) == [n]
    while forecast.patience > 0:
        forecast.open_to(1)
        assert not forecast.make_room(n)
    forecast.open_to(0)
    assert not forecast.make_room(n), "out of patience"
    assert dating.likely(wishes, placed, room) == (placed, room)
    assert matching.match(wishes, capacity) == [*range(n, 0, -1), 0]


def test_late_lines_give_way_before_early_ones() -> None:
    """Line 3 needs class 0; line 0 or line 2 could leave it, and the later one does."""
    wishes, capacity = [(0, 2), (1,), (0, 2), (0, 1)], [2, 1, 1]
    placed, room = matching.place(wishes, capacity)
    assert dating.likely(wishes, placed, room)[0] == [0, 1, 2, 0] == matching.match(wishes, capacity)


@given(instances(lines=5, classes=4, slots=2))
def test_no_lie_about_availabilities_turns_unplaced_into_placed(instance: Instance) -> None:
    wishes, capacity = instance
    placed = matching.match(wishes, capacity)
    for line, wish in enumerate(wishes):
        if placed[line] != UNPLACED:
            continue
        for size in range(len(wish)):
            for less in combinations(wish, size):
                lying = [*wishes[:line], less, *wishes[line + 1 :]]
                assert matching.match(lying, capacity)[line] == UNPLACED


@given(instances(lines=7, classes=4, slots=2))
def test_nobody_unplaced_envies_a_later_line(instance: Instance) -> None:
    """Whoever is unplaced could not have had a place without unplacing somebody earlier."""
    wishes, capacity = instance
    placed = matching.match(wishes, capacity)
    for line, c in enumerate(placed):
        earlier = [wish for wish, other in zip(wishes[:line], placed[:line], strict=True) if other != UNPLACED]
        if c == UNPLACED:
            assert largest([*earlier, wishes[line]], capacity) == len(earlier)


def test_an_earlier_line_moves_on_so_that_a_later_one_fits() -> None:
    assert matching.match([(0, 1), (0,)], [1, 1]) == [1, 0]


def test_the_first_keeps_the_earlier_date_when_both_can_wait() -> None:
    assert matching.match([(0, 1), (0, 1)], [1, 1]) == [0, 1]


def test_a_place_given_up_far_away_is_found_by_exchange() -> None:
    """Full classes, a ring of three: the first gets class 0 by moving everybody round."""
    for ring in permutations(range(3)):
        wishes = [(0, 2), (0, 1), (1, 2)]
        start = [2, 0, 1]
        assert dating.earliest(wishes, start, [0, 0, 0]) == [0, 1, 2], ring


def test_a_long_chain_is_no_recursion() -> None:
    """Thousands of classes in a row, all shifted by the last line."""
    n = 3000
    wishes = [(c, c + 1) for c in range(n)] + [(0,)]
    assert matching.match(wishes, [1] * (n + 1)) == [*range(1, n + 1), 0]


@pytest.mark.parametrize("patience", [0, 1, 3])
def test_measuring_distances_again_changes_nothing(patience: int) -> None:
    """From the very first replacement on, and in the middle of the way of a line that is then given up."""
    chance = random.Random(11)
    for _ in range(60):
        k = chance.randint(2, 14)
        wishes = [tuple(sorted(chance.sample(range(k), chance.randint(1, min(k, 4))))) for _ in range(3 * k)]
        capacity = [chance.randint(0, 4) for _ in range(k)]
        expected = matching.match(wishes, capacity)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(matching, "PATIENCE", patience / (len(wishes) + k))
            assert matching.match(wishes, capacity) == expected


def windows(n: int, slots: int, reach: int) -> Instance:
    """Supply equal to demand, three wishes near each other: long ways, many of them without an end."""
    chance = random.Random(n)
    near = [range(max(0, c - reach), min(n, c + reach + 1)) for c in range(n)]
    wishes = [tuple(sorted(chance.sample(near[i % n], 3))) for i in range(n * slots)]
    chance.shuffle(wishes)
    return wishes, [slots] * n


ADVERSARIAL: dict[str, Instance] = {
    "a path whose only room is at the far end": ([(c, c + 1) for c in range(400)] + [(0, 1), (0,)], [1] * 400 + [5]),
    "a path of pairs": ([(c, c + 1) for c in range(200) for _ in "ab"] + [(0, 1)] * 9, [2] * 200 + [6]),
    "a path backwards": ([(399 - c, 400 - c) for c in range(400)] + [(0,)], [1] * 401),
    "a wide path": ([(c, c + 1, c + 2) for c in range(300)] + [(0, 1, 2)] * 3, [1] * 300 + [2, 2]),
    "a star": ([(c % 30, 30) for c in range(400)], [9] * 30 + [60]),
    "all tied, too many": ([tuple(range(8))] * 300, [20] * 8),
    "all tied, exactly": ([tuple(range(8))] * 160, [20] * 8),
    "one slot a class, nearly enough": windows(400, 1, 5),
    "three slots a class, nearly enough": windows(130, 3, 5),
}


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_adversarial_instances_are_placed_in_full(name: str) -> None:
    wishes, capacity = ADVERSARIAL[name]
    placed = matching.match(wishes, capacity)
    assert fits(wishes, capacity, placed)
    assert sum(c != UNPLACED for c in placed) == largest(wishes, capacity)
    assert nothing_is_due(wishes, capacity, placed)


@pytest.mark.parametrize("slots", [1, 2, 10, 40])
@pytest.mark.parametrize("supply", [0.8, 1.0, 1.1])
def test_sparse_random_instances_are_placed_in_full(slots: int, supply: float) -> None:
    chance = random.Random(slots)
    k = max(6, int(800 * supply / slots))
    wishes = [tuple(sorted(chance.sample(range(k), chance.randint(2, 6)))) for _ in range(800)]
    placed = matching.match(wishes, [slots] * k)
    assert fits(wishes, [slots] * k, placed)
    assert sum(c != UNPLACED for c in placed) == largest(wishes, [slots] * k)
    assert nothing_is_due(wishes, [slots] * k, placed)
    assert matching.match(wishes, [slots] * k) == placed


def nothing_is_due(wishes: list[tuple[int, ...]], capacity: list[int], placed: list[int]) -> bool:
    """No place and no earlier date is due to anybody: what the stranger's program checks, with code of its own."""
    members: list[list[int]] = [[] for _ in capacity]
    wanted: list[list[int]] = [[] for _ in capacity]
    for i, c in enumerate(placed):
        if c != UNPLACED:
            members[c].append(i)
            for wish in wishes[i]:
                wanted[wish].append(i)
    room = [slots > len(inside) for slots, inside in zip(capacity, members, strict=True)]
    out = verify_draw.left_out(wishes, placed, members, wanted, room)
    return not out and not verify_draw.too_late(wishes, placed, members, wanted, room)


def test_no_line_or_no_class_is_no_fault() -> None:
    assert matching.match([], [3]) == []
    assert matching.match([(), ()], []) == [UNPLACED, UNPLACED]


@given(instances(lines=30, classes=10, slots=3))
def test_the_same_input_gives_the_same_and_is_left_alone(instance: Instance) -> None:
    wishes, capacity = instance
    before = [*wishes], [*capacity]
    assert matching.match(wishes, capacity) == matching.match([[*wish] for wish in wishes], tuple(capacity))
    assert (wishes, capacity) == before
