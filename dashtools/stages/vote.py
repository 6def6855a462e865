"""One text from many readings of a plate: aligned by edit distance, each character voted on its own.

A reading weighs its confidence to the fourth power: in real footage many poor readings otherwise
outvote a few right ones. Padding readings to one length instead shifts every vote after a lost character.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from dashtools.stages.align import align, similarity

_POWER = 4
_GAP_SHARE = 0.6  # a lost character, above all a thin one, is likelier than an invented one: absence weighs less
_ALTERNATIVES_MAX = 3


@dataclass(frozen=True)
class Ballot:
    """One reading: upper-case text, a confidence 0..1 per character, and its own weight (1, less if hampered)."""

    text: str
    confidences: tuple[float, ...]
    weight: float = 1.0

    @property
    def confidence(self) -> float:
        return sum(self.confidences) / len(self.confidences) if self.confidences else 0.0

    @property
    def strength(self) -> float:
        """Weight of the whole reading."""
        return self.weight * self.confidence**_POWER


@dataclass(frozen=True)
class CharacterVote:
    """The winner of one place, its share of the weight there, the losers' shares ("" is no character)."""

    char: str
    weight: float
    alternatives: tuple[tuple[str, float], ...]
    confidence: float
    """Highest confidence that a reading gave the winner."""


@dataclass(frozen=True)
class Vote:
    """What the readings say together; `supporters` counts those that agree with the whole text."""

    text: str
    confidence: float
    characters: tuple[CharacterVote, ...]
    supporters: int


def vote(ballots: Sequence[Ballot]) -> Vote:
    """The voted text; the same for any order of the ballots.

    A character's confidence is the share it won times the best confidence given to it; the text's is the geometric
    mean of their mean and their minimum, because one wrong character makes a wrong plate.

    >>> vote([Ballot("AB12", (0.9,) * 4), Ballot("B12", (0.8,) * 3), Ballot("AB12", (0.7,) * 4)]).text
    'AB12'
    """
    heard = sorted((b for b in ballots if b.text), key=lambda b: (-b.strength, b.text, b.confidences))
    if not heard:
        return Vote("", 0.0, (), 0)
    model = _medoid(heard)
    won = [_winner(slot) for slot in _slots(model, heard)]
    characters = tuple(c for c in won if c is not None)
    text = "".join(c.char for c in characters)
    sure = [c.weight * c.confidence for c in characters] or [0.0]
    confidence = (sum(sure) / len(sure) * min(sure)) ** 0.5
    return Vote(text, round(confidence, 4), characters, sum(b.text == text for b in heard))


def _medoid(ballots: Sequence[Ballot]) -> str:
    """The text that all others, by weight, are nearest to."""
    strength: dict[str, float] = defaultdict(float)
    for ballot in ballots:
        strength[ballot.text] += ballot.strength

    def nearness(text: str) -> float:
        return sum(weight * similarity(text, other) for other, weight in sorted(strength.items()))

    return min(strength, key=lambda text: (-round(nearness(text), 9), -round(strength[text], 9), text))


@dataclass
class _Slot:
    """The votes for one place: character to (weight, best confidence)."""

    weights: dict[str, float] = field(default_factory=dict)
    best: dict[str, float] = field(default_factory=dict)
    heard: float = 0.0
    """Strength of the readings that have a say here."""

    def add(self, char: str, weight: float, confidence: float) -> None:
        self.weights[char] = self.weights.get(char, 0.0) + weight
        self.best[char] = max(self.best.get(char, 0.0), confidence)


def _slots(model: str, ballots: Sequence[Ballot]) -> list[_Slot]:
    """A slot for each character of the model and for each run of insertions between them, in order."""
    places: dict[tuple[int, int], _Slot] = {(i, 0): _Slot() for i in range(len(model))}
    total = sum(b.strength for b in ballots)
    for ballot in ballots:
        after, inserted = -1, 0
        for mine, theirs in align(model, ballot.text)[1]:
            if mine is None:
                inserted += 1
                key = (after, inserted)
            else:
                after, inserted = mine, 0
                key = (mine, 0)
            slot = places.setdefault(key, _Slot())
            slot.heard += ballot.strength
            if theirs is None:
                slot.add("", _GAP_SHARE * ballot.strength, ballot.confidence)
            else:
                confidence = ballot.confidences[theirs]
                slot.add(ballot.text[theirs], ballot.weight * confidence**_POWER, confidence)
    for (_, depth), slot in places.items():
        if depth:  # who inserted nothing here voted for nothing here
            slot.add("", _GAP_SHARE * max(0.0, total - slot.heard), 1.0)
    return [places[key] for key in sorted(places)]


def _winner(slot: _Slot) -> CharacterVote | None:
    ranked = sorted(slot.weights.items(), key=lambda item: (-round(item[1], 9), item[0] == "", item[0]))
    total = sum(slot.weights.values())
    char, weight = ranked[0]
    if char == "" or total <= 0:
        return None
    others = tuple((c, round(w / total, 4)) for c, w in ranked[1 : 1 + _ALTERNATIVES_MAX])
    return CharacterVote(char, round(weight / total, 4), others, slot.best[char])
