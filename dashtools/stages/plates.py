"""Is a track's text a plate to show, and if not, why not? Refused tracks are kept for audit."""

from __future__ import annotations

from dashtools.stages.align import edits
from dashtools.stages.tracklets import Group

_LENGTHS = range(4, 11)  # standing plates of the world have 4 to 10 signs, personal ones apart
_WORD_LENGTH = 6  # so many letters and no digit: a maker's or a firm's name, not a plate
_SURE = 0.9
_FAIR = 0.8
_MANY = 4
_WIDTH_PX = 40  # below 6 pixels a sign even this reader guesses
_AGREEING_EDITS = 1


def refusal(group: Group, *, min_confidence: float, min_score: float) -> str | None:
    """Why a track is no sighting, or None."""
    voted = group.vote
    if not voted.text:
        return "nothing was read"
    if len(voted.text) < _LENGTHS.start:
        return f"too short for a plate ({len(voted.text)} characters)"
    if len(voted.text) >= _LENGTHS.stop:
        return f"too long for a plate ({len(voted.text)} characters)"
    if max(s.box.width for s in group.sights) < _WIDTH_PX:
        return f"too small: never wider than {_WIDTH_PX} pixels"
    return _not_plate_like(voted.text) or _unsure(group, min_confidence, min_score)


def agreeing(group: Group) -> int:
    """How many independent readings say the voted text, one character apart at most."""
    return sum(edits(b.text, group.vote.text) <= _AGREEING_EDITS for b in group.ballots)


def _not_plate_like(text: str) -> str | None:
    """What makes a text a word or a pattern rather than a plate.

    >>> _not_plate_like("TOYOTA"), _not_plate_like("1111"), _not_plate_like("B310VLV")
    ('a word: only letters', 'one sign repeated', None)
    """
    if len(set(text)) == 1:
        return "one sign repeated"
    if text.isalpha() and len(text) >= _WORD_LENGTH:
        return "a word: only letters"
    return None


def _unsure(group: Group, min_confidence: float, min_score: float) -> str | None:
    """Too little evidence: two readings that say it, one sure one of a sure box, or many that nearly say it."""
    voted, count = group.vote, agreeing(group)
    if voted.confidence < min_confidence:
        return f"confidence {voted.confidence:.2f} is below {min_confidence:g}"
    if voted.supporters >= 2 or count >= _MANY:
        return None
    if not voted.supporters:
        return f"nobody read just this, and only {count} readings nearly did"
    best = max(b.confidence * b.weight for b in group.ballots if b.text == voted.text)
    if best < (_SURE if count < 2 else _FAIR):
        return f"one reading only, and not a sure one ({best:.2f})"
    if max(s.score for s in group.sights) < min_score:
        return f"one reading only, of a box scored below {min_score:g}"
    return None
