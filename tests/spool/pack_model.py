"""Packing and requeue, in small: two who requeue, a packer that sleeps between its steps, others that do not.

An explicit-state search over the records of one task. A janitor may finish anybody's requeue at any moment, also that
of the living; requeuers crash. Each mutant is the protocol with one rule left out; the search must find it out.

    python pack_model.py [REQUEUES SLOW_PACKINGS QUICK_PACKINGS CRASHES]
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

MUTANTS = (
    "requeue renames the record",
    "packs keep no word of what was moved",
    "a requeue does not look again after its mark",
    "a pack's word names nobody",
    "a record that is on its way does not count",
    "the packer removes what it did not read",
    "the packer removes before it publishes",
)
REST = ("rest",)


@dataclass(frozen=True)
class State:
    """The files, and what each actor is about to do.

    Files: (ready, attempt), (done, attempt), (mark, attempt, maker), (back, attempt, maker), (pack, number, records,
    words), where a word is (attempt, maker): this maker's mark moved the record.
    """

    files: frozenset[tuple]
    requeuers: tuple[tuple, ...]
    janitor: tuple
    packer: tuple
    requeues: int
    slow: int
    quick: int
    crashes: int
    made: int = 0
    packs: int = 0


class Model:
    """The protocol, or a mutant of it."""

    def __init__(self, mutant: str = "") -> None:
        self.mutant = mutant

    def steps(self, s: State) -> Iterator[State]:
        """Everything that may happen next."""
        for _, attempt in [f for f in s.files if f[0] == "ready"]:
            yield replace(s, files=(s.files - {("ready", attempt)}) | {("done", attempt + 1)})
        for number, actor in enumerate(s.requeuers):
            yield from self._requeuer(s, number, actor)
        yield from self._janitor(s)
        yield from self._packer(s)
        if s.quick:
            batch = self._read(s, *self._look(s))
            published = self._publish(replace(s, quick=s.quick - 1), batch)
            yield replace(published, files=published.files - self._unwanted(published, batch))

    # -- requeue -------------------------------------------------------------------------------------------------

    def _requeuer(self, s: State, number: int, actor: tuple) -> Iterator[State]:
        if actor == REST:
            for attempt in self.counting(s.files) if s.requeues else ():
                maker = (number, s.made)
                began = replace(s, requeues=s.requeues - 1, made=s.made + 1)
                if self.mutant == "requeue renames the record" and ("done", attempt) in s.files:
                    yield replace(began, files=(s.files - {("done", attempt)}) | {("ready", attempt)})
                else:
                    yield self._at(began, number, ("write", attempt, maker))
            return
        if s.crashes:
            yield self._at(replace(s, crashes=s.crashes - 1), number, REST)
        step, attempt, maker = actor
        if step == "write":
            yield self._at(replace(s, files=s.files | {("back", attempt, maker)}), number, ("link", attempt, maker))
        elif step == "drop":
            yield self._at(replace(s, files=s.files - {("done", attempt)}), number, REST)
        else:
            files, after = self._move(s.files, step, attempt, maker)
            yield self._at(replace(s, files=files), number, (after, attempt, maker) if after != "rest" else REST)

    def _at(self, s: State, number: int, actor: tuple) -> State:
        return replace(s, requeuers=s.requeuers[:number] + (actor,) + s.requeuers[number + 1 :])

    def _move(self, files: frozenset, step: str, attempt: int, maker: tuple) -> tuple[frozenset, str]:
        """One step of whoever moves a record: its requeuer, or a janitor."""
        scratch, mark = ("back", attempt, maker), ("mark", attempt, maker)
        if step == "link":
            marks = {f for f in files if f[:2] == mark[:2]}
            if scratch not in files:  # someone took it: he finished it, or dropped it
                return files, "drop" if mark in marks else "rest"
            return (files - {scratch}, "rest") if marks - {mark} else (files | {mark}, "check")
        if step == "check":
            makers = {m for a, m in self._words(files) if a == attempt}
            is_late = makers if self.mutant == "a pack's word names nobody" else makers - {maker}
            if is_late and self.mutant != "a requeue does not look again after its mark":
                return files - {scratch}, "rest"
            return files, "bring"
        if scratch in files:
            return (files - {scratch}) | {("ready", attempt)}, "drop"
        return files, "drop"

    def _janitor(self, s: State) -> Iterator[State]:
        if s.janitor == REST:
            for _, attempt, maker in [f for f in s.files if f[0] == "back"]:
                yield replace(s, janitor=("link", attempt, maker))
            return
        step, attempt, maker = s.janitor
        files, after = self._move(s.files, step, attempt, maker)
        yield replace(s, files=files, janitor=REST if after in ("rest", "drop") else (after, attempt, maker))

    # -- packing -------------------------------------------------------------------------------------------------

    def _packer(self, s: State) -> Iterator[State]:
        step, *rest = s.packer
        if step == "rest":
            if s.slow:
                yield replace(s, slow=s.slow - 1, packer=("read", *self._look(s)))
        elif step == "read":
            yield replace(s, packer=("publish", self._read(s, *rest)))
        elif step == "publish":
            (batch,) = rest
            if self.mutant == "the packer removes before it publishes" and batch[2] & s.files:
                yield replace(s, files=s.files - batch[2])
                return
            published = self._publish(s, batch)
            yield replace(published, packer=("remove", batch))
        elif step == "remove":
            (batch,) = rest
            left = sorted(self._unwanted(s, batch) & s.files, key=repr)
            if left:
                yield replace(s, files=s.files - {left[0]})
            yield replace(s, packer=REST)

    def _look(self, s: State) -> tuple[frozenset, frozenset]:
        """What a listing of the leaf shows, packs opened."""
        return frozenset(f for f in s.files if f[0] in ("done", "pack")), frozenset(
            f for f in s.files if f[0] == "mark"
        )

    def _read(self, s: State, here: frozenset, marks: frozenset) -> tuple:
        """The records and words of the new pack, and what may go after it; what is on its way is looked up now."""
        going = self._going(here | marks | {f for f in s.files if f[0] == "back"})
        words = self._words(here)
        moved = {a for a, _ in words} | {f[1] for f in marks}
        records = frozenset(a for a in self._held(here) if a not in moved or a in going)
        told = {f for f in marks if f[1] in {a for a, _ in words} - going}
        if self.mutant == "packs keep no word of what was moved":
            words, told = frozenset(), {f for f in marks if f[1] not in going}
        else:
            words = words | {(f[1], f[2]) for f in marks if f[1] not in {a for a, _ in words}}
        loose = {f for f in here if f[0] == "done" and f[1] not in going}
        return records, words, frozenset(loose | told | {f for f in here if f[0] == "pack"})

    def _publish(self, s: State, batch: tuple) -> State:
        return replace(s, packs=s.packs + 1, files=s.files | {("pack", s.packs, *batch[:2])})

    def _unwanted(self, s: State, batch: tuple) -> frozenset:
        if self.mutant == "the packer removes what it did not read":
            return batch[2] | {f for f in s.files if f[0] == "done"}
        return batch[2]

    # -- what counts ---------------------------------------------------------------------------------------------

    def _held(self, files: frozenset) -> set[int]:
        found = {f[1] for f in files if f[0] == "done"}
        return found.union(*(f[2] for f in files if f[0] == "pack"))

    def _words(self, files: frozenset) -> frozenset[tuple]:
        return frozenset().union(*(f[3] for f in files if f[0] == "pack"))

    def _going(self, files: frozenset) -> set[int]:
        """Attempts whose mark is that of a file in tmp/, and of which no pack says that another moved them."""
        if self.mutant == "a record that is on its way does not count":
            return set()
        words, found = self._words(files), set()
        for _, attempt, maker in [f for f in files if f[0] == "back"]:
            others = {m for a, m in words if a == attempt} - {maker}
            if ("mark", attempt, maker) in files and not others:
                found.add(attempt)
        return found

    def counting(self, files: frozenset) -> set[int]:
        """The attempts whose records count."""
        moved = {f[1] for f in files if f[0] == "mark"} | {a for a, _ in self._words(files)}
        return self._held(files) - (moved - self._going(files))

    def wrong(self, s: State) -> str:
        """What rule a state breaks; empty when none."""
        places = [f for f in s.files if f[0] == "ready"]
        count = len(places) + len(self.counting(s.files))
        return "" if count == 1 else "the task is lost" if not count else "the task is in two places"


@dataclass
class Found:
    """What a search found."""

    states: int
    wrong: set[str]


def search(requeues: int, slow: int, quick: int, crashes: int, mutant: str = "") -> Found:
    """All states that can be reached, until a rule is broken."""
    model = Model(mutant)
    start = State(frozenset({("done", 1)}), (REST, REST), REST, REST, requeues, slow, quick, crashes)
    seen, todo = {start}, deque([start])
    while todo:
        state = todo.popleft()
        broken = model.wrong(state)
        if broken:
            return Found(len(seen), {broken})
        for after in model.steps(state):
            if after not in seen:
                seen.add(after)
                todo.append(after)
    return Found(len(seen), set())


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:5]] or [2, 1, 2, 0]
    for name in ("", *MUTANTS):
        found = search(*numbers, name)
        print(f"{name or 'the protocol'}: {found.states} states, {sorted(found.wrong)}", flush=True)
