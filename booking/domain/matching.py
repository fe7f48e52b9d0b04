"""Who is placed, then on which class: the match of allocation.md 5.

Lines are numbered 0 … n-1 in the order of the draw, classes 0 … k-1 in the order of their dates. ``wishes[i]`` holds
the classes of line ``i``, ascending; ``capacity[c]`` the slots of class ``c``. Both results are unique for a given
input, so nothing here depends on the order of a scan.

* :func:`place` keeps a line exactly when all lines kept before it can be placed together with it. That is the greedy
  rule on a transversal matroid: the largest number of lines, and the lexicographically best set for the order.
* :mod:`booking.domain.dating` then fixes the dates: with the placed lines given, each in order gets the earliest class
  from which all later ones can still be placed.

Both work on classes, never on single slots, and both remember what a failed search proved, so that it is never made
again. ``place`` is an auction (Bertsekas 1988), in other words a push–relabel (Goldberg and Tarjan 1988) that moves
people at once instead of looking for the whole way first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from heapq import heapify, heapreplace

from booking.domain import dating

UNPLACED = dating.UNPLACED

PATIENCE = 1
"""Replacements, per line and class, before ``place`` measures distances again: a fraction of what they cost."""

_Wishes = Sequence[Sequence[int]]


def match(wishes: _Wishes, capacity: Sequence[int]) -> list[int]:
    """Class of every line, or ``UNPLACED``: the largest set, best for the order, then the earliest dates in order."""
    placed, room = place(wishes, capacity)
    return dating.earliest(wishes, *dating.likely(wishes, placed, room))


def place(wishes: _Wishes, capacity: Sequence[int]) -> tuple[list[int], list[int]]:
    """(class of every line or ``UNPLACED``, room left per class), before the dates are settled."""
    auction = _Auction(wishes, capacity)
    room = auction.room
    for line, wished in enumerate(wishes):
        for c in wished:
            if room[c]:
                auction.enter(line, c, 1)
                break
        else:
            auction.contest(line)
    return auction.placed, room


class _Auction:
    """Lines come one by one; each is placed if the earlier ones can all keep a place.

    The label of a class never exceeds the number of moves from it to free room, so it only grows. A line takes the
    class of lowest label; if that is full it takes the place of a member, who then does the same. What a member paid,
    one more than the label of the best class it passed over, says how far room is through that member; the lowest
    such price is the label of a full class. A label that nobody has closes all classes above it for good: way to room
    goes down the labels one by one. A line left with closed classes only is out of luck, and so that it is the last
    comer who goes away, those that moved move back.
    """

    def __init__(self, wishes: _Wishes, capacity: Sequence[int]) -> None:
        self.wishes = wishes
        self.room = list(capacity)
        self.placed = [UNPLACED] * len(wishes)
        self.closed = len(capacity) + 1
        """Label of a class from which no room can be reached, now or later."""
        self.label = [0 if slots > 0 else self.closed for slots in capacity]
        self.level: defaultdict[int, list[int]] = defaultdict(list)
        """Classes that came to a label; those that have left it are still listed."""
        self.population = defaultdict(int, {0: len(capacity) - self.label.count(self.closed)})
        self.base = max(1, len(wishes))
        self.bids: list[list[int]] = [[] for _ in capacity]
        """Per class price · base + rank from the end, so that the smallest is the cheapest, and the last comer."""
        self.patience = self.left = PATIENCE * (len(wishes) + len(capacity))

    def enter(self, line: int, c: int, price: int) -> None:
        """Take free room in ``c``."""
        self.placed[line] = c
        self.room[c] -= 1
        self.bids[c].append(price * self.base + self.base - 1 - line)
        if not self.room[c]:
            heapify(self.bids[c])
            self._raise(c, self.bids[c][0] // self.base)

    def contest(self, newcomer: int) -> None:
        """Place a line whose classes are full, moving others; or leave everybody where they are."""
        label, closed, line = self.label, self.closed, newcomer
        trail: list[tuple[int, int]] = []
        while True:
            lowest = second = closed
            best = UNPLACED
            for c in self.wishes[line]:
                if label[c] < lowest:
                    lowest, second, best = label[c], lowest, c
                elif label[c] < second:
                    second = label[c]
            if lowest == closed:
                self._undo(newcomer, trail)
                return
            if not lowest:
                self.enter(line, best, second + 1)
                return
            line = self._replace(line, best, second + 1)
            trail.append((line, best))

    def _replace(self, line: int, c: int, price: int) -> int:
        """Put ``line`` in the place of the cheapest member of ``c``, who is returned."""
        base, bids = self.base, self.bids[c]
        self.placed[line] = c
        leaving = base - 1 - heapreplace(bids, price * base + base - 1 - line) % base
        label = bids[0] // base
        if label > self.label[c]:
            self._raise(c, label)
        self.left -= 1
        if self.left <= 0:
            self._measure(leaving)
        return leaving

    def _undo(self, newcomer: int, trail: list[tuple[int, int]]) -> None:
        """Everybody back. All this is closed: neither its labels nor its bids will be looked at again."""
        for line, c in reversed(trail):
            self.placed[line] = c
        self.placed[newcomer] = UNPLACED

    def _raise(self, c: int, label: int) -> None:
        old = self.label[c]
        self.population[old] -= 1
        if label < self.closed and self.population[label - 1]:
            self.label[c] = label
            self.population[label] += 1
            self.level[label].append(c)
        else:
            self.label[c] = self.closed
        if not self.population[old]:
            self._close_above(old)

    def _close_above(self, empty: int) -> None:
        """No class is ``empty`` steps from room, so no class further away has a way down."""
        level = empty + 1
        while self.population[level]:
            for c in self.level.pop(level):
                if self.label[c] == level:
                    self.label[c] = self.closed
            self.population[level] = 0
            level += 1

    def _measure(self, homeless: int) -> None:
        """Set every label to the exact distance; a class from which no room is reached is closed for good.

        No price ever falls, not even here, and every replacement raises one: that is why a contest ends.
        """
        self.left = self.patience
        self.placed[homeless] = UNPLACED
        distance = self._distances()
        self.level.clear()
        self.population.clear()
        for c, bids in enumerate(self.bids):
            label = self.label[c] = distance.get(c, self.closed)
            if label < self.closed:
                self.level[label].append(c)
                self.population[label] += 1
            if 0 < label < self.closed:
                bids[:] = sorted(max(bid, label * self.base + bid % self.base) for bid in bids)

    def _distances(self) -> dict[int, int]:
        """Moves from a class to free room, found backwards from all the room there is."""
        sources: list[list[int]] = [[] for _ in self.room]
        for wished, c in zip(self.wishes, self.placed, strict=True):
            for other in wished if c != UNPLACED else ():
                sources[other].append(c)
        distance = {c: 0 for c, room in enumerate(self.room) if room}
        found = list(distance)
        for c in found:
            for source in sources[c]:
                if source not in distance:
                    distance[source] = distance[c] + 1
                    found.append(source)
        return distance
