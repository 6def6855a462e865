"""What a plate pipeline's answers are worth beside the truth: per picture, and per plate of a clip."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from dashtools.bench.intervals import Share, by_cluster, wilson
from dashtools.bench.plates_truth import Clip, Plate
from dashtools.geometry import Box, iou
from dashtools.model import Json
from dashtools.stages.align import edits

OVERLAP = 0.5  # IoU from which a box is that plate
_VOTING_READS = 3
_BINS = (0.0, 0.6, 0.8, 0.9, 0.95, 0.98, 1.01)
_SAME = str.maketrans("OI", "01")


@dataclass(frozen=True)
class Found:
    """A box with what was read; `is_shown` is False for what the pipeline itself would not call a plate."""

    box: Box
    text: str
    confidence: float
    is_shown: bool = True


@dataclass(frozen=True)
class Answer:
    """One plate of a clip as a pipeline tells it, with the reads it rests on, by frame."""

    text: str
    reads: tuple[tuple[int, Found], ...]


@dataclass(frozen=True)
class Wrong:
    """A legible plate that was not read exactly; `got` is None where it was not found."""

    where: str
    text: str
    got: str | None
    width_px: int


@dataclass
class PictureScore:
    """Counts over pictures; boxes without legible text count for detection only."""

    boxes: int = 0
    boxes_found: int = 0
    detections: int = 0
    shown: int = 0
    shown_false: int = 0
    pictures: int = 0
    reads: list[tuple[str, str, str | None]] = field(default_factory=list)
    """For each legible plate: its cluster, its text, what was read (None: not found)."""
    calibration: list[tuple[float, bool]] = field(default_factory=list)
    """For each reading of a legible plate: its confidence and whether it is exact."""
    wrong: list[Wrong] = field(default_factory=list)

    def add(self, where: str, plates: Sequence[Plate], found: Sequence[Found]) -> None:
        """Takes one picture."""
        pairs = _matched(plates, found)
        self.pictures += 1
        self.boxes += len(plates)
        self.boxes_found += len(pairs)
        self.detections += len(found)
        self.shown += sum(f.is_shown for f in found)
        self.shown_false += sum(f.is_shown and not _is_one_of(f.text, plates) for f in found)
        for i, plate in enumerate(plates):
            if not plate.is_legible or plate.text is None:
                continue
            mine = found[pairs[i]] if i in pairs else None
            self.reads.append((plate.text, plate.text, mine.text if mine else None))
            if mine is not None:
                self.calibration.append((mine.confidence, mine.text == plate.text))
            if mine is None or mine.text != plate.text:
                self.wrong.append(Wrong(where, plate.text, mine.text if mine else None, round(plate.box.width)))

    def shares(self) -> dict[str, Share]:
        """Each measure with its interval, which draws whole plates where one plate has many boxes."""
        met = [(cluster, text, got) for cluster, text, got in self.reads if got is not None]
        return {
            "recall_all": wilson(self.boxes_found, self.boxes),
            "recall_legible": by_cluster([(c, got is not None) for c, _, got in self.reads]),
            "precision_boxes": wilson(self.boxes_found, self.detections),
            "exact_of_detected": by_cluster([(c, got == text) for c, text, got in met]),
            "exact_of_legible": by_cluster([(c, got == text) for c, text, got in self.reads]),
            "merged_of_legible": by_cluster([(c, got is not None and same(got, text)) for c, text, got in self.reads]),
            "within_1_of_legible": by_cluster(
                [(c, got is not None and edits(got, text) <= 1) for c, text, got in self.reads]
            ),
            "shown_false": wilson(self.shown_false, self.shown),
        }

    def reliability(self) -> list[Json]:
        """Told confidence beside the share that is exact, bin by bin; the same where it is calibrated."""
        bins = []
        for low, high in zip(_BINS, _BINS[1:]):
            mine = [(told, is_exact) for told, is_exact in self.calibration if low <= told < high]
            if mine:
                told = round(sum(told for told, _ in mine) / len(mine), 3)
                bins.append({"count": len(mine), "told": told, "exact": sum(is_exact for _, is_exact in mine)})
        return bins


@dataclass
class ClipScore:
    """Counts over clips and their plates."""

    clips: int = 0
    sightings: int = 0
    false: int = 0
    duplicates: int = 0
    plates: list[tuple[str, bool, bool, bool]] = field(default_factory=list)
    """For each plate of the truth: its text, and whether it was answered exactly, but for O/0 and I/1, within one."""
    votes: list[tuple[str, bool, bool]] = field(default_factory=list)
    """For each answer of three reads or more on a plate of the truth: vote exact, most confident read exact."""
    wrong: list[Wrong] = field(default_factory=list)

    def add(self, clip: Clip, answers: Sequence[Answer]) -> None:
        """Takes one clip."""
        texts = [a.text for a in answers]
        known = (*clip.texts, *clip.unboxed)
        self.clips += 1
        self.sightings += len(answers)
        self.false += sum(all(edits(text, k) > 1 for k in known) for text in texts)
        meant = Counter(min(known, key=lambda k: (edits(text, k), k)) for text in texts if known)
        near = {k: sum(edits(t, k) <= 1 for t in texts) for k in meant}
        self.duplicates += sum(max(0, count - 1) for count in near.values())
        for plate in clip.texts:
            is_near = any(edits(t, plate) <= 1 for t in texts)
            self.plates.append((plate, plate in texts, any(same(t, plate) for t in texts), is_near))
            if plate not in texts:
                closest = min(texts, key=lambda t: (edits(t, plate), t), default=None)
                self.wrong.append(Wrong(clip.path.name, plate, closest, 0))

    def add_votes(self, clip: Clip, tracks: Iterable[Answer]) -> None:
        """Takes every track of a clip, refused ones too: does the vote read better than its best single read?"""
        for track in tracks:
            plate = plate_of(clip, track)
            reads = [found for _, found in track.reads if found.text]
            if plate is None or len(reads) < _VOTING_READS:
                continue
            single = max(reads, key=lambda f: (f.confidence, f.text)).text
            self.votes.append((plate, track.text == plate, single == plate))

    def shares(self) -> dict[str, Share]:
        return {
            "plates_exact": wilson(sum(p[1] for p in self.plates), len(self.plates)),
            "plates_merged": wilson(sum(p[2] for p in self.plates), len(self.plates)),
            "plates_within_1": wilson(sum(p[3] for p in self.plates), len(self.plates)),
            "vote_exact": wilson(sum(v[1] for v in self.votes), len(self.votes)),
            "best_read_exact": wilson(sum(v[2] for v in self.votes), len(self.votes)),
        }

    def to_json(self) -> Json:
        return {"clips": self.clips, "sightings": self.sightings, "false": self.false, "duplicates": self.duplicates}


def same(a: str, b: str) -> bool:
    """Is it the same text, O and 0, I and 1 taken for one?

    >>> same("B0I", "BO1"), same("B0I", "B01X")
    (True, False)
    """
    return a.translate(_SAME) == b.translate(_SAME)


def plate_of(clip: Clip, track: Answer) -> str | None:
    """The legible plate that most of a track's boxes lie on."""
    votes: Counter[str] = Counter()
    for frame, found in track.reads:
        plates = clip.frames[frame] if frame < len(clip.frames) else ()
        on = [p for p in plates if p.is_legible and p.text and iou(p.box, found.box) >= OVERLAP]
        votes.update(p.text for p in on if p.text)
    return min(votes, key=lambda text: (-votes[text], text)) if votes else None


def _matched(plates: Sequence[Plate], found: Sequence[Found]) -> dict[int, int]:
    """Which found box is which plate: the best overlaps first, each used once."""
    pairs = [(iou(p.box, f.box), i, j) for i, p in enumerate(plates) for j, f in enumerate(found)]
    chosen: dict[int, int] = {}
    for overlap, i, j in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if overlap >= OVERLAP and i not in chosen and j not in chosen.values():
            chosen[i] = j
    return chosen


def _is_one_of(text: str, plates: Sequence[Plate]) -> bool:
    return any(p.text is not None and edits(text, p.text) <= 1 for p in plates)
