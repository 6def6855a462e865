"""Tracks with their verdicts: a sighting with its best crop and position, or refused with the reason."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dashtools.model import Json
from dashtools.stages.align import edits
from dashtools.stages.examine import merit
from dashtools.stages.formats import settle
from dashtools.stages.gps_align import Locator, Position
from dashtools.stages.joining import join
from dashtools.stages.plates import certainty, refusal
from dashtools.stages.tracklets import Group, Sight, SightKey, Tracklet
from dashtools.stages.vote import Vote

_AUDIT_LENGTH = 3  # shorter scraps are only counted, or noise would bury the refused plates worth a look


@dataclass(frozen=True)
class Verdict:
    """One track: `reason` is None for a sighting, else why it was refused.

    `voted.confidence` is the chance that the text is exactly right.
    """

    track_id: str
    group: Group
    voted: Vote
    reason: str | None
    best: Sight
    positions: dict[str, Position]

    @property
    def sighting_id(self) -> str | None:
        return self.track_id if self.reason is None else None

    @property
    def crop(self) -> str:
        return f"plate_crops/{self.track_id}.png"

    @property
    def still(self) -> str:
        return f"frames/{self.track_id}.jpg"


def verdicts(
    video_id: str,
    tracklets: Sequence[Tracklet],
    shown: Collection[SightKey],
    locator: Locator,
    settings: Mapping[str, Any],
) -> tuple[list[Verdict], int]:
    """Every track worth keeping, by first frame, and how many scraps were left out.

    `shown` are the sights whose crops were set aside: a sighting shows one of them.
    """
    limits = {"min_confidence": float(settings["min_plate_confidence"]), "min_score": float(settings["min_score"])}
    groups = [Group(tuple(t.sights)) for t in tracklets]
    tracks = [g for g in join(groups) if any(len(b.text) >= _AUDIT_LENGTH for b in g.ballots)]
    found = []
    for number, group in enumerate(tracks, 1):
        reason = refusal(group, **limits)
        best = _best(group, shown)
        if reason is None and best.key not in shown:
            reason = "no single reading is good enough to show"
        moments = {"first": group.sights[0], "best": best, "last": group.sights[-1]}
        positions = {name: locator.at(sight.pts_ms) for name, sight in moments.items()}
        voted = settle(replace(group.vote, confidence=certainty(group)))
        found.append(Verdict(f"{video_id}.t{number:03d}", group, voted, reason, best, positions))
    joined = sum(len(v.group.sights) for v in found)
    return found, sum(len(g.sights) for g in groups) - joined


def _best(group: Group, shown: Collection[SightKey]) -> Sight:
    """The sight to show: its crop was set aside, it reads as voted, and then the best to look at."""
    text = group.vote.text

    def rank(sight: Sight) -> tuple[bool, int, float, int]:
        said = sight.reading.text if sight.reading else ""
        return sight.key in shown, -edits(said, text), merit(sight), -sight.frame_index

    return max(group.sights, key=rank)


def track_json(verdict: Verdict) -> Json:
    """A track as detections.json holds it."""
    group, voted, best = verdict.group, verdict.voted, verdict.best
    is_sighting = verdict.reason is None
    return {
        "track_id": verdict.track_id,
        "sighting_id": verdict.sighting_id,
        "status": "sighting" if is_sighting else "refused",
        "reason": verdict.reason,
        "plate": voted.text,
        "confidence": voted.confidence,
        "votes": votes_json(voted),
        "reads": [_read_json(s) for s in group.sights],
        "best": {
            "frame_index": best.frame_index,
            "pts_ms": best.pts_ms,
            "box": box_json(best),
            "crop": verdict.crop if is_sighting else None,
            "frame": verdict.still if is_sighting else None,
        },
        "position": {name: position.to_json() for name, position in verdict.positions.items()},
    }


def votes_json(voted: Vote) -> list[Json]:
    """Each character of the voted text with its share of the weight and what lost against it."""
    return [
        {"char": c.char, "weight": c.weight, "alternatives": [[sign, share] for sign, share in c.alternatives]}
        for c in voted.characters
    ]


def box_json(sight: Sight) -> list[float]:
    """A box in source pixels, to a tenth."""
    box = sight.box
    return [round(value, 1) for value in (box.x1, box.y1, box.x2, box.y2)]


def _read_json(sight: Sight) -> Json:
    reading = sight.reading
    return {
        "frame_index": sight.frame_index,
        "pts_ms": sight.pts_ms,
        "box": box_json(sight),
        "score": round(sight.score, 4),
        "text": reading.text if reading else None,
        "confidence": round(reading.confidence, 4) if reading else None,
        "character_confidences": list(reading.confidences) if reading else [],
        "band": reading.band if reading else None,
    }
