"""When the placed come: the second half of the match of allocation.md 5.

The lines to place are given, and one way to place them all. Each line in order gets the earliest class from which all
later ones can still be placed: a unique result, so nothing here depends on the order of a scan or on the start.

* :func:`earliest` settles the lines one by one and proves every date. It searches from both ends, and splits the
  classes into groups where a search finds no way. A line that stands on its date already costs next to nothing.
* :func:`likely` therefore makes a better start: a forecast that is right for most lines, and need not be for any.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence

UNPLACED = -1

STAGES = 12
"""Steps in which a forecast lets earlier and earlier lines move."""

_Wishes = Sequence[Sequence[int]]


def earliest(wishes: _Wishes, placed: Sequence[int], room: Sequence[int]) -> list[int]:
    """The same lines placed, each in order on the earliest class that leaves a place to all later ones.

    ``placed`` is any assignment that fits, ``room`` what it leaves free per class. Neither is changed.
    """
    dating = _Dating(wishes, room, placed)
    for line, wished in enumerate(wishes):
        if placed[line] != UNPLACED:
            dating.settle(line, wished)
    return dating.placed


def likely(wishes: _Wishes, placed: Sequence[int], room: Sequence[int]) -> tuple[list[int], list[int]]:
    """The same lines placed, most on the class that :func:`earliest` will give them, and the room that is left.

    Each line in order takes its first class with room: right for the early lines, who are bound by nothing yet. Those
    who find none then get a place by moving others, the latest lines first, as the rule itself does: it takes a date
    from an earlier line only where no later one can give way. Where ways are long the forecast is given up, and the
    start is the one that came in.
    """
    lines = [line for line, c in enumerate(placed) if c != UNPLACED]
    forecast = _Forecast(wishes, placed, room)
    homeless = forecast.first_come(lines)
    for stage in reversed(range(STAGES)):
        if homeless:
            forecast.open_to(lines[len(lines) * stage // STAGES])
            homeless = [line for line in homeless if not forecast.make_room(line)]
    return (list(placed), list(room)) if homeless else (forecast.placed, forecast.room)


class _Forecast:
    """Lines on classes, none of them for good."""

    def __init__(self, wishes: _Wishes, placed: Sequence[int], room: Sequence[int]) -> None:
        self.wishes = wishes
        self.placed = [UNPLACED] * len(placed)
        self.room = list(room)
        self.patience = 0
        """How many more classes may be looked at: one for each placed line, and one for each of its wishes."""
        for line, c in enumerate(placed):
            if c != UNPLACED:
                self.room[c] += 1
                self.patience += 1 + len(wishes[line])
        self.members: list[list[int]] = [[] for _ in room]
        """Lines of a class, the latest at the end."""
        self.movable = 0
        self.closed: set[int] = set()
        """Classes from which movable lines reach no room; that stays so until more lines may move."""

    def first_come(self, lines: Iterable[int]) -> list[int]:
        """Place each line on its first class with room; the lines that find none."""
        wishes, room, members, placed = self.wishes, self.room, self.members, self.placed
        homeless = []
        for line in lines:
            for c in wishes[line]:
                if room[c]:
                    room[c] -= 1
                    placed[line] = c
                    members[c].append(line)
                    break
            else:
                homeless.append(line)
        return homeless

    def open_to(self, first: int) -> None:
        """From now on, ``first`` and all later lines may move."""
        self.movable = first
        self.closed.clear()

    def make_room(self, line: int) -> bool:
        """Place a line by moving others along the shortest way to room; False when none was found."""
        if self.patience <= 0:
            return False
        came = {c: (line, UNPLACED) for c in self.wishes[line] if c not in self.closed}
        end = self._search(came)
        self.patience -= len(came)
        if end == UNPLACED:
            self.closed.update(came)
            return False
        self.room[end] -= 1
        while end != UNPLACED:
            mover, origin = came[end]
            if origin != UNPLACED:
                self.members[origin].remove(mover)
            insort(self.members[end], mover)
            self.placed[mover] = end
            end = origin
        return True

    def _search(self, came: dict[int, tuple[int, int]]) -> int:
        """The nearest class with room, or ``UNPLACED``. ``came`` says, per class, who would move there and from where.

        The classes that it starts with are full: there is only less room than when the line found none.
        """
        wishes, members, room, closed, movable = self.wishes, self.members, self.room, self.closed, self.movable
        found = list(came)
        for c in found:
            for mover in reversed(members[c]):
                if mover < movable:
                    break
                for onward in wishes[mover]:
                    if onward not in came and onward not in closed:
                        came[onward] = mover, c
                        if room[onward]:
                            return onward
                        found.append(onward)
        return UNPLACED


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
        """True with ``meeting`` set, or False with ``separate``: classes that exchange nothing with the rest.

        Level by level, always on the side that has found less: what it costs is what the smaller side costs.
        """
        near, far = list(self.out), list(self.back)
        while near:
            if far and len(self.back) < len(self.out):
                far = self._backward(far)
                # Only without room is the place given up the one way out; with room, being unreachable proves nothing.
                if not far and not self.group.room and self.meeting == UNPLACED:
                    self.separate = self.back
                    return False
            else:
                near = self._forward(near)
            if self.meeting != UNPLACED:
                return True
        self.separate = self.out
        return False

    def _forward(self, level: list[int]) -> list[int]:
        """The next level, the last found first: the first are often much like the start."""
        dating, out, back, group = self.dating, self.out, self.back, self.group
        wishes, flexible, group_of, room = dating.wishes, dating.flexible, dating.group, dating.room
        found: list[int] = []
        for c in reversed(level):
            for member in flexible[c]:
                for onward in wishes[member]:
                    if onward not in out and group_of[onward] is group:
                        out[onward] = c
                        if room[onward] or onward in back:
                            self.meeting = onward
                            return found
                        found.append(onward)
        return found

    def _backward(self, level: list[int]) -> list[int]:
        dating, out, back, group = self.dating, self.out, self.back, self.group
        placed, wanted_by, group_of = dating.placed, dating.wanted_by, dating.group
        found: list[int] = []
        for c in reversed(level):
            for member in wanted_by[c]:
                origin = placed[member]
                if origin not in back and group_of[origin] is group:
                    back[origin] = c
                    if origin in out:
                        self.meeting = origin
                        return found
                    found.append(origin)
        return found

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
