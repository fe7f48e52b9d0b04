"""Who is placed, then on which class: the match of allocation.md 5.

Lines are numbered 0 … n-1 in the order of the draw, classes 0 … k-1 in the order of their dates. ``wishes[i]`` holds
the classes of line ``i``, ascending; ``capacity[c]`` the slots of class ``c``. Both results are unique for a given
input, so nothing here depends on the order of a scan.

* :func:`place` keeps a line exactly when all lines kept before it can be placed together with it. That is the greedy
  rule on a transversal matroid: the largest number of lines, and the lexicographically best set for the order.
* :func:`earliest` then fixes the dates: with the placed lines given, each in order gets the earliest class from which
  all later ones can still be placed.

Both work on classes, never on single slots. ``place`` shares its search between lines: every class carries a lower
bound of its distance to free room (labels as in push–relabel, Goldberg and Tarjan 1988), which only grows; a level
that empties closes everything above it for good; after much raising the distances are measured again.
"""

from __future__ import annotations

from collections.abc import Sequence

UNPLACED = -1

RAISES_PER_CLASS = 4
"""Labels raised, per class, before distances are measured again: measuring then costs a fraction of the raising."""

_Wishes = Sequence[Sequence[int]]


def match(wishes: _Wishes, capacity: Sequence[int]) -> list[int]:
    """Class of every line, or ``UNPLACED``: the largest set, best for the order, then the earliest dates in order."""
    placed, room = place(wishes, capacity)
    return earliest(wishes, room, placed)


def place(wishes: _Wishes, capacity: Sequence[int]) -> tuple[list[int], list[int]]:
    """(class of every line or ``UNPLACED``, room left per class), before the dates are settled."""
    state = _Placing(wishes, capacity)
    for line in range(len(wishes)):
        state.add(line)
    return state.placed, state.room


def earliest(wishes: _Wishes, room: Sequence[int], placed: Sequence[int]) -> list[int]:
    """The same lines placed, each in order on the earliest class that leaves a place to all later ones.

    ``placed`` is any assignment that fits, ``room`` what it leaves free per class. Neither is changed.
    """
    state = _Dating(wishes, room, placed)
    for line, wished in enumerate(wishes):
        if placed[line] != UNPLACED:
            state.settle(line, wished)
    return state.placed


class _Placing:
    """Lines come one by one; each is placed if the earlier ones can all keep a place."""

    def __init__(self, wishes: _Wishes, capacity: Sequence[int]) -> None:
        self.wishes = wishes
        self.room = list(capacity)
        self.placed = [UNPLACED] * len(wishes)
        self.members: list[list[int]] = [[] for _ in capacity]
        self.closed = len(capacity) + 1
        """Label of a class from which no room can be reached, now or later."""
        self.label = [0 if slots > 0 else self.closed for slots in capacity]
        self.level: list[set[int]] = [set() for _ in range(self.closed + 1)]
        for c, label in enumerate(self.label):
            self.level[label].add(c)
        self.patience = self.raises_left = RAISES_PER_CLASS * len(self.room)

    def add(self, line: int) -> None:
        """Place ``line``, moving earlier ones along classes they also accept; or leave everybody where they are."""
        room = self.room
        for c in self.wishes[line]:
            if room[c]:
                self._settle(line, c, [])
                return
        if self.wishes[line]:
            self._climb(line)

    def _climb(self, line: int) -> None:
        """Walk down the labels from the best class of ``line`` to free room; raise a label where the walk is stuck."""
        trail: list[tuple[int, int]] = []
        c = self._nearest(line)
        while trail or self.label[c] < self.closed:
            member, onward, label = self._exit(c)
            if label < self.label[c]:
                trail.append((member, c))
                c = onward
                if self.room[c]:
                    self._settle(line, c, trail)
                    return
            else:
                self._raise(c, label + 1)
                if not self.raises_left:
                    self._measure()
                    trail.clear()
                c = trail.pop()[1] if trail else self._nearest(line)

    def _nearest(self, line: int) -> int:
        return min(self.wishes[line], key=self.label.__getitem__)

    def _exit(self, c: int) -> tuple[int, int, int]:
        """(member of ``c``, class it may move to, its label): a step down if there is one, else the lowest."""
        label_of, wishes = self.label.__getitem__, self.wishes
        downwards = self.label[c] - 1
        best = (UNPLACED, c, self.closed)
        for member in self.members[c]:
            onward = min(wishes[member], key=label_of)
            label = label_of(onward)
            if label < best[2]:
                best = (member, onward, label)
                if label <= downwards:
                    break
        return best

    def _raise(self, c: int, label: int) -> None:
        self.raises_left -= 1
        old, label = self.label[c], min(label, self.closed)
        self.level[old].discard(c)
        self.level[label].add(c)
        self.label[c] = label
        if not self.level[old]:
            self._close_above(old)

    def _close_above(self, empty: int) -> None:
        """No class is ``empty`` steps from room, so no class further away has a way down: close them for good."""
        level = empty + 1
        while level < self.closed and (self.level[level] or level <= empty + 1):
            for c in self.level[level]:
                self.label[c] = self.closed
            self.level[self.closed] |= self.level[level]
            self.level[level] = set()
            level += 1

    def _measure(self) -> None:
        """Set every label to the exact distance; a class from which no room is reached is closed for good."""
        self.raises_left = self.patience
        distance = self._distances()
        self.level = [set() for _ in self.level]
        for c in range(len(self.label)):
            self.label[c] = distance.get(c, self.closed)
            self.level[self.label[c]].add(c)

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

    def _settle(self, line: int, c: int, trail: list[tuple[int, int]]) -> None:
        self.room[c] -= 1
        for member, previous in reversed(trail):
            self.members[previous].remove(member)
            self.members[c].append(member)
            self.placed[member] = c
            c = previous
        self.members[c].append(line)
        self.placed[line] = c


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
        self.group = [0] * len(self.room)
        self.group_room = [sum(self.room)]
        self.flexible: list[list[int]] = [[] for _ in self.room]
        self.wanted_by: list[list[int]] = [[] for _ in self.room]
        """Placed lines that accept a class, in their order: the settled ones come first."""
        for line, c in enumerate(self.placed):
            if c != UNPLACED:
                self.flexible[c].append(line)
                for wished in wishes[line]:
                    self.wanted_by[wished].append(line)

    def settle(self, line: int, wished: Sequence[int]) -> None:
        """Fix ``line`` on the first class of ``wished`` that leaves a place to every later line."""
        current = self.placed[line]
        for c in wished:
            if c == current or (self.group[c] == self.group[current] and self._take(line, c)):
                break
        self.flexible[self.placed[line]].remove(line)

    def _take(self, line: int, c: int) -> bool:
        if self.room[c]:
            self.use_room(c, self.placed[line])
            self.move(line, c)
            return True
        exchange = _Exchange(self, line, c)
        if exchange.search():
            exchange.carry_out()
            return True
        self._split(exchange.separate)
        return False

    def use_room(self, taken: int, left: int) -> None:
        self.room[taken] -= 1
        self.room[left] += 1

    def move(self, line: int, c: int) -> None:
        self.flexible[self.placed[line]].remove(line)
        self.flexible[c].append(line)
        self.placed[line] = c

    def _split(self, separate: dict[int, tuple[int, int] | None]) -> None:
        old, new = self.group[next(iter(separate))], len(self.group_room)
        room = 0
        for c in separate:
            self.group[c] = new
            room += self.room[c]
        self.group_room.append(room)
        self.group_room[old] -= room


class _Exchange:
    """A search for moves of flexible lines that make room for ``line`` in class ``target``.

    ``out`` is what the target's members can reach, ``back`` the classes from which the place that ``line`` gives up can
    be reached. Each maps a class to (line that moves, class on the other end of its move), ``None`` at the start.
    """

    def __init__(self, dating: _Dating, line: int, target: int) -> None:
        self.dating = dating
        self.line = line
        self.target = target
        self.group = dating.group[target]
        self.out: dict[int, tuple[int, int] | None] = {target: None}
        self.back: dict[int, tuple[int, int] | None] = {dating.placed[line]: None}
        self.out_next = [target]
        self.back_next = [dating.placed[line]]
        self.meeting = UNPLACED
        self.separate: dict[int, tuple[int, int] | None] = {}

    def search(self) -> bool:
        """True with ``meeting`` set, or False with ``separate``: classes that exchange nothing with the rest."""
        # Only without room is the place given up the one way out; with room, being unreachable proves nothing.
        backwards = not self.dating.group_room[self.group]
        while self.out_next:
            if self._forward(self.out_next.pop()):
                return True
            if backwards:
                if not self.back_next:
                    self.separate = self.back
                    return False
                if self._backward(self.back_next.pop()):
                    return True
        self.separate = self.out
        return False

    def _forward(self, c: int) -> bool:
        dating, out, group = self.dating, self.out, self.group
        wishes, group_of, room = dating.wishes, dating.group, dating.room
        for member in dating.flexible[c]:
            for onward in wishes[member]:
                if onward not in out and group_of[onward] == group:
                    out[onward] = (member, c)
                    if room[onward] or onward in self.back:
                        self.meeting = onward
                        return True
                    self.out_next.append(onward)
        return False

    def _backward(self, c: int) -> bool:
        dating, back, group = self.dating, self.back, self.group
        for member in reversed(dating.wanted_by[c]):
            if member < self.line:
                break
            origin = dating.placed[member]
            if origin not in back and dating.group[origin] == group:
                back[origin] = (member, c)
                if origin in self.out:
                    self.meeting = origin
                    return True
                self.back_next.append(origin)
        return False

    def carry_out(self) -> None:
        """Move everybody on the way, then the line itself. Free room at the meeting point ends the way there."""
        dating, moves = self.dating, []
        step = self.out[self.meeting]
        onward = self.meeting
        while step is not None:
            moves.append((step[0], onward))
            onward = step[1]
            step = self.out[onward]
        if dating.room[self.meeting]:
            dating.use_room(self.meeting, dating.placed[self.line])
        else:
            step = self.back[self.meeting]
            while step is not None:
                moves.append(step)
                step = self.back[step[1]]
        for member, c in moves:
            dating.move(member, c)
        dating.move(self.line, self.target)
