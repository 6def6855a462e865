"""Every interleaving of the protocol, in small: two workers, a janitor in two minds, a person who requeues.

An explicit-state search over one task with two children. Leases may run out at any moment, also on the living; workers
crash and lose replies a few times. Each mutant is the protocol with one rule left out; the search must find it out.

    python model.py [MAX_ATTEMPTS CRASHES LOST_REPLIES REQUEUES]
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

CHILDREN = ("x", "y")
MUTANTS = (
    "children before the commit",
    "record written, then claim removed",
    "claim to a shared name",
    "a record that is not seen is no record",
    "takeover keeps the number",
    "requeue without activation",
    "requeue rewrites its claim",
    "activation discards what it could not move",
)


@dataclass(frozen=True)
class State:
    """The files, what each actor is about to do, and how often each child of each completion was published.

    Files: (ready|delayed|done, attempt, generation), (claim, attempt, generation, owner), (staged, attempt, generation,
    child). Actors: (step, attempt, generation, number).
    """

    files: frozenset[tuple]
    actors: tuple[tuple, ...]
    published: frozenset[tuple[int, str, int]]
    janitor: tuple
    commits: frozenset[tuple[int, int]]
    crashes: int
    lost: int
    requeues: int


IDLE = ("idle", 0, 0, 0)
TASK = ("ready", "delayed", "done", "claim")


class Model:
    """The protocol, or a mutant of it."""

    def __init__(self, attempts: int, mutant: str = "") -> None:
        self.attempts, self.mutant = attempts, mutant

    def steps(self, s: State) -> Iterator[State]:
        """Everything that may happen next."""
        for number in range(len(s.actors)):
            yield from self._worker(s, number)
        yield from self._anybody(s)
        yield from self._janitor(s)

    # -- workers -------------------------------------------------------------------------------------------------

    def _worker(self, s: State, me: int) -> Iterator[State]:
        step, attempt, generation, number = s.actors[me]
        if step == "idle":
            yield from self._claims(s, me)
            yield from self._requeues(s, me)
            return
        if s.crashes:
            yield replace(self._to(s, me, IDLE), crashes=s.crashes - 1)
        claim = ("claim", attempt, generation, self._owner(me))
        if step == "stage":
            yield from self._stages(s, me)
        elif step == "commit":
            yield from self._commits(s, me, claim)
        elif step == "unlink":
            yield self._to(replace(s, files=s.files - {claim}), me, ("activate", attempt, generation, 0))
        elif step == "activate":
            yield self._activates(s, me)
        elif step == "requeue":
            yield from self._moves_back(s, me)
        elif step == "rewrite":
            rewritten = replace(s, files=s.files | {claim})
            yield self._to(rewritten, me, ("unclaim", attempt, generation, number))
        elif step == "unclaim":
            files = (s.files - {claim}) | {("ready", attempt, generation)} if claim in s.files else s.files
            yield self._to(replace(s, files=files), me, IDLE)

    def _owner(self, me: int) -> int:
        return -1 if self.mutant == "claim to a shared name" else me

    def _to(self, s: State, me: int, actor: tuple) -> State:
        return replace(s, actors=s.actors[:me] + (actor,) + s.actors[me + 1 :])

    def _claims(self, s: State, me: int) -> Iterator[State]:
        for kind, attempt, generation in [f for f in s.files if f[0] == "ready"]:
            mine = attempt if self.mutant == "takeover keeps the number" and attempt else attempt + 1
            if mine > self.attempts:
                continue
            got = (s.files - {(kind, attempt, generation)}) | {("claim", mine, generation, self._owner(me))}
            yield self._to(replace(s, files=got), me, ("stage", mine, generation, 0))
        if self.mutant == "claim to a shared name":  # the second rename of the same file also says yes
            for _, attempt, generation, _ in [f for f in s.files if f[0] == "claim"]:
                yield self._to(s, me, ("stage", attempt, generation, 0))

    def _stages(self, s: State, me: int) -> Iterator[State]:
        _, attempt, generation, number = s.actors[me]
        if number == len(CHILDREN):
            yield self._to(s, me, ("commit", attempt, generation, 0))
            return
        child, further = CHILDREN[number], ("stage", attempt, generation, number + 1)
        if self.mutant == "children before the commit":
            yield self._to(self._publish(s, generation, child), me, further)
        else:
            yield self._to(replace(s, files=s.files | {("staged", attempt, generation, child)}), me, further)

    def _commits(self, s: State, me: int, claim: tuple) -> Iterator[State]:
        _, attempt, generation, _ = s.actors[me]
        done, after = ("done", attempt, generation), ("activate", attempt, generation, 0)
        counted = replace(s, commits=s.commits | {(generation, attempt)})
        if self.mutant == "record written, then claim removed":
            yield self._to(replace(counted, files=s.files | {done}), me, ("unlink", attempt, generation, 0))
        elif claim in s.files:
            moved = replace(counted, files=(s.files - {claim}) | {done})
            yield self._to(moved, me, after)
            if s.lost:  # the reply is lost: the source is gone, the own destination is there, so it stands
                yield self._to(replace(moved, lost=s.lost - 1), me, after)
        else:
            yield self._to(s, me, IDLE)  # fenced; a janitor throws away what was staged

    def _discard(self, s: State, attempt: int) -> State:
        return replace(s, files=frozenset(f for f in s.files if f[0] != "staged" or f[1] != attempt))

    def _publish(self, s: State, generation: int, child: str) -> State:
        count = max((n for g, c, n in s.published if (g, c) == (generation, child)), default=0)
        rest = {p for p in s.published if p[:2] != (generation, child)}
        return replace(s, published=frozenset(rest | {(generation, child, min(2, count + 1))}))

    def _move_child(self, s: State, attempt: int, child: str) -> State:
        for f in s.files:
            if f[0] == "staged" and f[1] == attempt and f[3] == child:
                return self._publish(replace(s, files=s.files - {f}), f[2], child)
        return s

    def _activates(self, s: State, me: int) -> State:
        _, attempt, generation, number = s.actors[me]
        if number == len(CHILDREN):
            return self._to(s, me, IDLE)
        return self._to(
            self._move_child(s, attempt, CHILDREN[number]), me, ("activate", attempt, generation, number + 1)
        )

    # -- requeue -------------------------------------------------------------------------------------------------

    def _requeues(self, s: State, me: int) -> Iterator[State]:
        if s.requeues:
            for _, attempt, generation in [f for f in s.files if f[0] == "done"]:
                skip = self.mutant == "requeue without activation"
                yield self._to(s, me, ("requeue", attempt, generation, len(CHILDREN) if skip else 0))

    def _moves_back(self, s: State, me: int) -> Iterator[State]:
        _, attempt, generation, number = s.actors[me]
        if number < len(CHILDREN):
            moved = self._move_child(s, attempt, CHILDREN[number])
            yield self._to(moved, me, ("requeue", attempt, generation, number + 1))
            return
        done = ("done", attempt, generation)
        if done not in s.files or not s.requeues:
            yield self._to(s, me, IDLE)
            return
        fewer = replace(s, requeues=s.requeues - 1, files=s.files - {done})
        if self.mutant == "requeue rewrites its claim":
            held = replace(fewer, files=fewer.files | {("claim", attempt, generation + 1, self._owner(me))})
            yield self._to(held, me, ("rewrite", attempt, generation + 1, 0))
        else:
            yield self._to(replace(fewer, files=fewer.files | {("ready", attempt, generation + 1)}), me, IDLE)

    # -- what anybody may do -------------------------------------------------------------------------------------

    def _anybody(self, s: State) -> Iterator[State]:
        for f in s.files:
            if f[0] == "claim" and (f[1] < self.attempts or not self._is_held(s, f)):
                for kind in ("ready", "delayed"):  # a takeover or a release; the backoff is a place to wait in
                    yield replace(s, files=(s.files - {f}) | {(kind, f[1], f[2])})
            if f[0] == "delayed":
                yield replace(s, files=(s.files - {f}) | {("ready", f[1], f[2])})

    def _is_held(self, s: State, claim: tuple) -> bool:
        return any(actor[0] != "idle" and actor[1] == claim[1] for actor in s.actors)

    def _janitor(self, s: State) -> Iterator[State]:
        """Settles a staging folder by what is seen, then child by child; others act in between, listings are stale."""
        step, *rest = s.janitor
        claimed = {f[1] for f in s.files if f[0] == "claim"}
        done = {f[1] for f in s.files if f[0] == "done"}
        if step == "rest":
            for attempt in {f[1] for f in s.files if f[0] == "staged"}:
                if attempt in done:
                    yield replace(s, janitor=("activate", attempt, 0))
                blind = self.mutant == "a record that is not seen is no record" and attempt not in claimed
                if blind or self._is_over(s, attempt):
                    yield replace(s, janitor=("discard", attempt))
        elif step == "discard":
            yield replace(self._discard(s, rest[0]), janitor=("rest",))
        elif step == "activate":
            attempt, number = rest
            if number < len(CHILDREN):
                yield replace(self._move_child(s, attempt, CHILDREN[number]), janitor=("activate", attempt, number + 1))
                if self.mutant == "activation discards what it could not move":
                    yield replace(s, janitor=("activate", attempt, number + 1))  # it cannot see the file yet
            else:
                ends = self.mutant == "activation discards what it could not move"
                yield replace(self._discard(s, attempt) if ends else s, janitor=("rest",))

    def _is_over(self, s: State, attempt: int) -> bool:
        """Is the task seen elsewhere, so that this attempt can no longer be committed?"""
        waits = any(f[0] in ("ready", "delayed") and f[1] >= attempt for f in s.files)
        return waits or any(f[0] in ("claim", "done") and f[1] > attempt for f in s.files)

    # -- what must hold ------------------------------------------------------------------------------------------

    def wrong(self, s: State) -> str:
        """What rule a state breaks; empty when none."""
        if sum(f[0] in TASK for f in s.files) != 1:
            return "the task is in two places, or in none"
        if any(count > 1 for *_, count in s.published):
            return "a child was published twice"
        if len({generation for generation, _ in s.commits}) != len(s.commits):
            return "a generation was committed twice"
        return ""

    def is_final(self, s: State) -> bool:
        """Has all come to rest, with every child of every completion published?"""
        wanted = {(generation, child, 1) for generation, _ in s.commits for child in CHILDREN}
        rests = all(actor == IDLE for actor in s.actors) and s.janitor == ("rest",)
        return rests and any(f[0] == "done" for f in s.files) and wanted == s.published and len(s.files) == 1


@dataclass
class Found:
    """What a search found: how many states, which rules are broken, how many states never come to rest."""

    states: int
    wrong: set[str]
    stuck: int


def search(attempts: int, crashes: int, lost: int, requeues: int, mutant: str = "") -> Found:
    """All states that can be reached; for a mutant only until a rule is broken."""
    model = Model(attempts, mutant)
    ready = frozenset({("ready", 0, 0)})
    start = State(ready, (IDLE, IDLE), frozenset(), ("rest",), frozenset(), crashes, lost, requeues)
    after: dict[State, list[State]] = {}
    todo, wrong = deque([start]), set()
    while todo:
        state = todo.popleft()
        if state in after:
            continue
        after[state] = list(dict.fromkeys(model.steps(state)))
        broken = model.wrong(state)
        wrong |= {broken} if broken else set()
        if wrong and mutant:
            return Found(len(after), wrong, 0)
        todo.extend(after[state])
    return Found(len(after), wrong, _stuck(after, model))


def _stuck(after: dict[State, list[State]], model: Model) -> int:
    before: dict[State, list[State]] = {}
    for state, following in after.items():
        for one in following:
            before.setdefault(one, []).append(state)
    good = {state for state in after if model.is_final(state)}
    todo = deque(good)
    while todo:
        for state in before.get(todo.popleft(), ()):
            if state not in good:
                good.add(state)
                todo.append(state)
    # a task whose last permitted attempt was taken from it stands at the edge of the model, not in a hole of it
    edge = {s for s in after if any(f[0] in ("ready", "delayed") and f[1] >= model.attempts for f in s.files)}
    todo = deque(edge)
    while todo:
        for state in before.get(todo.popleft(), ()):
            if state not in edge:
                edge.add(state)
                todo.append(state)
    return len(set(after) - good - edge)


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:5]] or [2, 1, 1, 1]
    for name in ("", *MUTANTS):
        found = search(*numbers, name)
        print(
            f"{name or 'the protocol'}: {found.states} states, {sorted(found.wrong)}, {found.stuck} stuck", flush=True
        )
