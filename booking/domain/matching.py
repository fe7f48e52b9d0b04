"""Who is placed, then on which class: the match of allocation.md 5.

Lines are numbered 0 … n-1 in the order of the draw, classes 0 … k-1 in the order of their dates. ``wishes[i]`` holds
the classes of line ``i``, ascending; ``capacity[c]`` the slots of class ``c``. Both results are unique for a given
input, so nothing here depends on the order of a scan.

* :func:`place` keeps a line exactly when all lines kept before it can be placed together with it. That is the greedy
  rule on a transversal matroid: the largest number of lines, and the lexicographically best set for the order.
* :func:`earliest` then fixes the dates: with the placed lines given, each in order gets the earliest class from which
  all later ones can still be placed.

Both work on classes, never on single slots, and both remember what a failed search proved, so that it is never made
again. ``place`` is an auction (Bertsekas 1988), in other words a push–relabel (Goldberg and Tarjan 1988) that moves
people at once instead of looking for the whole way first. ``earliest`` searches from both ends and splits the classes
into groups where a search finds no way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from heapq import heapify, heapreplace

UNPLACED = -1

PATIENCE = 2
"""Replacements, per line and class, before ``place`` measures distances again: a fraction of what they cost."""

_Wishes = Sequence[Sequence[int]]


def match(wishes: _Wishes, capacity: Sequence[int]) -> list[int]:
    """Class of every line, or ``UNPLACED``: the largest set, best for the order, then the earliest dates in order."""
    placed, room = place(wishes, capacity)
    return earliest(wishes, room, placed)


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


def earliest(wishes: _Wishes, room: Sequence[int], placed: Sequence[int]) -> list[int]:
    """The same lines placed, each in order on the earliest class that leaves a place to all later ones.

    ``placed`` is any assignment that fits, ``room`` what it leaves free per class. Neither is changed.
    """
    dating = _Dating(wishes, room, placed)
    for line, wished in enumerate(wishes):
        if placed[line] != UNPLACED:
            dating.settle(line, wished)
    return dating.placed


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


class _Group:
    """Classes that may exchange members with each other, and the room they have together."""

    def __init__(self, classes: set[int], room: int) -> None:
        self.classes = classes
        self.room = room


class _Dating:
    """Lines are settled one by one; those not yet settled are flexible and may still move among their classes.

    Classes are kept in groups such that no exchange ever leads from one group to another and back. A search that comes
    to its end shows a set that nobody can leave, or nobody can enter, without somebody losing a place; that stays true
    for good, so the set becomes a group of its own and is never searched from outside again. Forward and backward
    search advance together: the cost of a split is that of its smaller side.
    """

    def __init__(self, wishes: _Wishes, room: Sequence[int], placed: Sequence[int]) -> None:
        self.wishes = wishes
        self.room = list(room)
        self.placed = list(placed)
        self.flexible: list[list[int]] = [[] for _ in room]
        self.wanted_by: list[list[int]] = [[] for _ in room]
        """Flexible lines that accept a class, the next to be settled at the end."""
        for line in range(len(placed) - 1, -1, -1):
            if placed[line] != UNPLACED:
                self.flexible[placed[line]].append(line)
                for wished in wishes[line]:
                    self.wanted_by[wished].append(line)
        everything = _Group(set(range(len(room))), sum(room))
        self.group = [everything for _ in room]
        self.lost = _Group(set(), 0)
        """The group of classes that are full of settled lines."""
        for c in range(len(room)):
            self._drop_if_settled(c)

    def settle(self, line: int, wished: Sequence[int]) -> None:
        """Fix ``line`` on the first class of ``wished`` that leaves a place to every later line."""
        for c in wished:
            self.wanted_by[c].pop()
        current, group = self.placed[line], self.group
        for c in wished:
            if c == current or (group[c] is group[current] and self._take(line, c)):
                break
        current = self.placed[line]
        members = self.flexible[current]
        if members[-1] == line:
            members.pop()
        else:
            members.remove(line)
        self._drop_if_settled(current)

    def _drop_if_settled(self, c: int) -> None:
        if not self.flexible[c] and not self.room[c]:
            self.group[c].classes.discard(c)
            self.group[c] = self.lost

    def _take(self, line: int, c: int) -> bool:
        current = self.placed[line]
        end, moves = c, list[tuple[int, int]]()
        if not self.room[c]:
            exchange = _Exchange(self, current, c)
            if not exchange.search():
                self._split(exchange.separate)
                return False
            end, moves = exchange.meeting, exchange.moves()
        if self.room[end]:
            self.room[end] -= 1
            self.room[current] += 1
        for member, onward in (*moves, (line, c)):
            self.flexible[self.placed[member]].remove(member)
            self.flexible[onward].append(member)
            self.placed[member] = onward
        return True

    def _split(self, separate: Iterable[int]) -> None:
        classes = set(separate)
        old, new = self.group[next(iter(classes))], _Group(classes, sum(self.room[c] for c in classes))
        old.classes -= classes
        old.room -= new.room
        for c in classes:
            self.group[c] = new


def _outwards(found: list[int]) -> Iterator[int]:
    """Classes from near to far while ``found`` grows, the last found first: the first are often much like the start."""
    while found:
        level, found[:] = found[::-1], []
        yield from level


class _Exchange:
    """A search for moves of flexible lines that make room in class ``target`` for a line that leaves ``current``.

    ``out`` is what the target's members can reach, ``back`` the classes from which the place given up can be reached.
    Each maps a class to the one it was found from, and its start to itself; who moves is looked up on the way that is
    taken. Both grow from near to far, so that few people move: a short way leaves the others nearer to their own dates.
    """

    def __init__(self, dating: _Dating, current: int, target: int) -> None:
        self.dating = dating
        self.group = dating.group[target]
        self.out = {target: target}
        self.back = {current: current}
        self.meeting = UNPLACED
        self.separate: dict[int, int] = {}

    def search(self) -> bool:
        """True with ``meeting`` set, or False with ``separate``: classes that exchange nothing with the rest."""
        out_found, back_found = list(self.out), list(self.back)
        backwards = _outwards(back_found)
        for c in _outwards(out_found):
            if self._forward(c, out_found):
                return True
            origin = next(backwards, None)
            if origin is None:
                # Only without room is the place given up the one way out; with room, being unreachable proves nothing.
                if not self.group.room:
                    self.separate = self.back
                    return False
            elif self._backward(origin, back_found):
                return True
        self.separate = self.out
        return False

    def _forward(self, c: int, found: list[int]) -> bool:
        dating, out, back, group = self.dating, self.out, self.back, self.group
        wishes, group_of, room = dating.wishes, dating.group, dating.room
        for member in dating.flexible[c]:
            for onward in wishes[member]:
                if onward not in out and group_of[onward] is group:
                    out[onward] = c
                    if room[onward] or onward in back:
                        self.meeting = onward
                        return True
                    found.append(onward)
        return False

    def _backward(self, c: int, found: list[int]) -> bool:
        dating, out, back, group = self.dating, self.out, self.back, self.group
        placed, group_of = dating.placed, dating.group
        for member in dating.wanted_by[c]:
            origin = placed[member]
            if origin not in back and group_of[origin] is group:
                back[origin] = c
                if origin in out:
                    self.meeting = origin
                    return True
                found.append(origin)
        return False

    def moves(self) -> list[tuple[int, int]]:
        """(line, class it moves to) on the way found. Free room at the meeting point ends the way there."""
        found, here = [], self.meeting
        while here != (origin := self.out[here]):
            found.append((self._mover(origin, here), here))
            here = origin
        here = self.meeting
        while not self.dating.room[self.meeting] and here != (onward := self.back[here]):
            found.append((self._mover(here, onward), onward))
            here = onward
        return found

    def _mover(self, origin: int, onward: int) -> int:
        """A flexible line of ``origin`` that accepts ``onward``."""
        return next(line for line in self.dating.flexible[origin] if onward in self.dating.wishes[line])
