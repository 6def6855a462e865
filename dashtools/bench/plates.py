"""Plates read in footage of known truth, counted: ours, and the plain pipeline beside it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2

from dashtools.bench.plates_plain import PlainTracks, plain_reads
from dashtools.bench.plates_run import Seconds, Tools, frames_of, our_clip, our_reads
from dashtools.bench.plates_score import ClipScore, Found, PictureScore, Wrong
from dashtools.bench.plates_truth import Clip, Truth
from dashtools.errors import UnreadableClip
from dashtools.model import Json

Say = Callable[[str], None]


@dataclass
class Report:
    """What one pipeline made of one folder."""

    folder: str
    pipeline: str
    pictures: PictureScore = field(default_factory=PictureScore)
    clips: ClipScore = field(default_factory=ClipScore)
    seconds: Seconds = field(default_factory=Seconds)

    def to_json(self) -> Json:
        """Every count with its interval, for --json."""
        shares = {**self.pictures.shares(), **(self.clips.shares() if self.clips.clips else {})}
        return {
            "folder": self.folder,
            "pipeline": self.pipeline,
            "pictures": self.pictures.pictures,
            **({"clips": self.clips.to_json()} if self.clips.clips else {}),
            "shares": {name: share.to_json() for name, share in shares.items()},
            "reliability": self.pictures.reliability(),
            "seconds": self.seconds.per(),
        }

    def lines(self) -> list[str]:
        """The same for a reader: one measure a line."""
        shares = self.pictures.shares()
        out = [f"{self.folder}  {self.pipeline}  {self.pictures.pictures} pictures"]
        out += [f"  {name:22} {share.text()}" for name, share in shares.items()]
        if self.clips.clips:
            out += [f"  {name:22} {share.text()}" for name, share in self.clips.shares().items()]
            c = self.clips
            out.append(f"  {c.sightings} sightings in {c.clips} clips, {c.false} false, {c.duplicates} duplicates")
        out += [f"  {what:22} {spent:.3f} CPU s" for what, spent in self.seconds.per().items()]
        told = (f"{bin['exact']}/{bin['count']} at {bin['told']}" for bin in self.pictures.reliability())
        return [*out, f"  exact at the confidence told: {', '.join(told)}"]

    def failures(self) -> Sequence[Wrong]:
        """Each legible plate that was not read exactly, clips' plates last."""
        return [*self.pictures.wrong, *self.clips.wrong]


def measure(truth: Truth, tools: Tools, settings: Mapping[str, Any], *, plain: bool, say: Say) -> list[Report]:
    """Our report of a folder, and the plain pipeline's after it where it is wanted."""
    reports = [Report(truth.name, "ours")] + ([Report(truth.name, "plain")] if plain else [])
    for done, still in enumerate(truth.stills, 1):
        picture = cv2.imread(str(still.path))
        if picture is None:
            raise UnreadableClip(still.path.name, "no picture that OpenCV can read")
        for report in reports:
            report.pictures.add(still.path.name, still.plates, _reads(report, tools, settings, picture))
        say(f"{truth.name}: picture {done} of {len(truth.stills)}")
    for done, clip in enumerate(truth.clips, 1):
        _clip(clip, reports, tools, settings)
        say(f"{truth.name}: clip {done} of {len(truth.clips)}")
    return reports


def _reads(report: Report, tools: Tools, settings: Mapping[str, Any], picture: Any) -> list[Found]:
    since = time.process_time()
    if report.pipeline == "ours":
        found = our_reads(tools, picture, settings)
    else:
        found = plain_reads(tools.detector, tools.reader, picture)
    report.seconds.timed("picture", since)
    return found


def _clip(clip: Clip, reports: Sequence[Report], tools: Tools, settings: Mapping[str, Any]) -> None:
    """A clip by frames, each read for itself, and as a whole."""
    ours, plain = reports[0], next((r for r in reports if r.pipeline == "plain"), None)
    since = time.process_time()
    work = our_clip(tools, clip.path, settings)
    ours.seconds.timed("clip", since)
    for stage, spent in work.seconds.items():
        ours.seconds.spent[stage] = ours.seconds.spent.get(stage, 0.0) + spent["total"]
        ours.seconds.times[stage] = ours.seconds.times.get(stage, 0) + len(work.kept_frames)
    ours.clips.add(clip, work.sightings)
    ours.clips.add_votes(clip, work.tracks)
    tracks = PlainTracks()
    for index, picture in frames_of(tools, clip.path):
        is_counted = index not in clip.repeats and index < len(clip.frames)
        for report in reports:
            is_kept = report is plain and index in work.kept_frames
            if not is_counted and not is_kept:
                continue
            found = _reads(report, tools, settings, picture)
            if is_counted:
                report.pictures.add(f"{clip.path.name}#{index}", clip.frames[index], found)
            if is_kept:
                tracks.add(index, work.kept_ms[index], found)
    if plain is not None:
        plain.clips.add(clip, tracks.answers())
        plain.clips.add_votes(clip, tracks.answers())


def table(reports: Sequence[Report]) -> list[str]:
    """A Markdown table, one row for each folder and pipeline."""
    head = ["set", "pipeline", "legible found", "exact of all legible", "O=0 I=1", "within 1", "false of shown"]
    rows = []
    for report in reports:
        shares = report.pictures.shares()
        wanted = ["recall_legible", "exact_of_legible", "merged_of_legible", "within_1_of_legible", "shown_false"]
        rows.append([report.folder, report.pipeline, *(shares[name].text() for name in wanted)])
    return ["| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows]]
