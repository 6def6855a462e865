"""Is a track's text a plate to show, and if not, why not? Refused tracks are kept for audit."""

from __future__ import annotations

from dashtools.stages.align import edits
from dashtools.stages.calibration import probability
from dashtools.stages.tracklets import Group

_LENGTHS = range(4, 11)  # standing plates of the world have 4 to 10 signs, personal ones apart
_WORD_LENGTH = 6  # so many letters and no digit: a maker's or a firm's name, not a plate
_WIDTH_PX = 40  # below 6 pixels a sign even this reader guesses
_AGREEING_EDITS = 1
_FEW = 2


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


def certainty(group: Group) -> float:
    """Chance that a track's text is exactly right: what is shown as its confidence."""
    voted = group.vote
    near = sum(0 < edits(b.text, voted.text) <= _AGREEING_EDITS for b in group.ballots)
    return probability(voted.confidence, voted.supporters, near) if voted.text else 0.0


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
    """Too little evidence for this text, or one reading that may be of half a plate or of none."""
    sure = certainty(group)
    if sure < min_confidence:
        return f"confidence {sure:.2f} is below {min_confidence:g}"
    if len(group.ballots) >= _FEW:
        return None
    if all(s.is_cut for s in group.sights if s.ballot is not None):
        return "one reading only, at the frame's edge: a part may be missing"
    if max(s.score for s in group.sights) < min_score:
        return f"one reading only, of a box scored below {min_score:g}"
    return None
