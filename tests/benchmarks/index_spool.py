"""Writes a big spool of complete tasks for the benchmarks of the index: what a camera of two channels leaves in years.

Two hundred and forty clips of a minute are taken in each evening, with five steps each, a fix each second, two
sightings and one refusal of ten reads. One clip in a hundred is damaged, one in two hundred was done again from
PREPROCESS on, so that three of its records are superseded. Files are not synced: this is scenery.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path

import orjson

sys.path.insert(0, str(Path(__file__).parents[2]))

from dashtools.index.plates import normal
from dashtools.model import FileRef, Task
from dashtools.spool import layout
from dashtools.spool import task as tasks
from dashtools.spool.queue import Spool
from dashtools.times import to_text

CLIPS_A_DAY = 240
FIXES = 60
READS = 10
START = datetime(2018, 3, 1, 18, tzinfo=timezone.utc)
STEPS = ("INGEST_VIDEO", "PREPROCESS_VIDEO", "HEAVY_PROCESS_VIDEO", "ARCHIVE_VIDEO", "FINALIZE_VIDEO")
FOLDERS = ("ingest", "preproc", "heavy_output", "archive", "final")
SETTINGS = {f"setting_number_{n}": n * 1.5 for n in range(28)} | {"frame_extraction_resolution": "640x480"}
DIGEST = "0123456789abcdef" * 4


@dataclass(frozen=True)
class Video:
    """One clip of the synthetic library; everything follows from its number."""

    number: int

    @property
    def taken_in(self) -> datetime:
        day, place = divmod(self.number, CLIPS_A_DAY)
        return START + timedelta(days=day, seconds=place * 10, microseconds=self.number % 1000)

    @property
    def recorded_at(self) -> str:
        day, place = divmod(self.number, CLIPS_A_DAY)
        return (START + timedelta(days=day, hours=-4, minutes=place // 2)).strftime("%Y-%m-%dT%H:%M:%SZ")

    @property
    def camera(self) -> str:
        return f"car-{self.number // CLIPS_A_DAY % 2}"

    @property
    def channel(self) -> str:
        return "front" if self.number % 2 == 0 else "rear"

    @property
    def clip(self) -> str:
        return f"{self.recorded_at[:16].replace(':', '')}_{self.number:07d}_{self.channel[0].upper()}.MP4"

    @property
    def video_id(self) -> str:
        return f"{self.clip[:-4]}-{self.number * 2654435761 % 2**32:08x}"

    @property
    def is_damaged(self) -> bool:
        return self.number % 100 == 99

    @property
    def is_done_twice(self) -> bool:
        return self.number % 200 == 50

    def plates(self) -> list[str]:
        """Two plates: some are met every day, most once."""
        chance = random.Random(self.number)
        return [plate_of(int(300_000 * chance.random() ** 2)) for _ in range(2)]


@lru_cache(maxsize=100_000)
def plate_of(number: int) -> str:
    """The text of a plate as one country would number them."""
    chance = random.Random(number)
    letters = "".join(chance.choice("ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(5))
    return normal(f"{letters[:2]}{chance.randrange(100):02d}{letters[2:]}")


def rows_of(video: Video, step: int, folder: str) -> Iterator[dict[str, object]]:
    """The index rows of one step."""
    own = {"video_id": video.video_id}
    if step == 0:
        yield {
            "table": "videos", **own, "clip": video.clip, "storage": "clips", "path": f"2018/{video.clip}",
            "sha256": DIGEST, "size_bytes": 90_000_000, "duration_ms": 60_000, "frame_count": 1800,
            "frame_rate": 30.0, "width": 1920, "height": 1080, "codec": "h264", "camera": video.camera,
            "channel": video.channel, "is_event": 0, "is_parking": 0, "is_locked": 0,
            "recorded_at": video.recorded_at, "recorded_at_method": "filename, zone from GPS", "utc_offset_min": 60,
            "gps_reader": "novatek", "gps_note": None, "fix_count": FIXES, "damage": None, "damaged_frames": 0,
        }  # fmt: skip
        for slot in range(FIXES):
            yield {
                "table": "fixes", **own, "slot": slot, "t_ms": slot * 1000, "utc": video.recorded_at, "is_valid": 1,
                "latitude": round(52.0 + (video.number % 9973 + slot) * 1e-4, 6), "longitude": 21.0001 + slot * 1e-5,
                "speed_mps": 13.9 + slot % 3, "bearing_deg": 45.0, "altitude_m": 102.5,
            }  # fmt: skip
    elif step == 1:
        yield {"table": "filtering", **own, "frames_total": 1800, "frames_kept": 240, "proposals": 31, "dropped": "{}"}
    elif step == 2:
        yield from _tracks(video)
    elif step == 3:
        for number in range(2):
            sighting_id = f"{video.video_id}.t{number:03d}"
            yield {"table": "crops", "sighting_id": sighting_id, "path": f"{folder}/plates/{sighting_id}_best_crop.jpg"}
        yield {"table": "lowres", **own, "path": f"{folder}/video_lowres.mp4", "height": 720}


def _tracks(video: Video) -> Iterator[dict[str, object]]:
    own = {"video_id": video.video_id}
    for number, plate in enumerate([*video.plates(), None]):
        track_id = f"{video.video_id}.t{number:03d}"
        span = {
            "first_pts_ms": 1000 * number, "last_pts_ms": 1000 * number + 1800, "first_frame": 30 * number,
            "last_frame": 30 * number + 54, "confidence": 0.9711, "read_count": READS,
        }  # fmt: skip
        yield {
            "table": "tracks", "track_id": track_id, **own, "sighting_id": track_id if plate else None,
            "status": "sighting" if plate else "refused", "reason": None if plate else "reads disagree",
            "text": plate or "WVV", **span,
        }  # fmt: skip
        if plate:
            votes = [{"alternatives": [], "char": char, "weight": 1.0} for char in plate]
            yield {
                "table": "sightings", "sighting_id": track_id, **own, "clip": video.clip, "plate": plate, **span,
                "best_pts_ms": 1000 * number + 900, "best_frame": 30 * number + 27, "latitude": 52.001 + number,
                "longitude": 21.001, "bearing_deg": 45.0, "speed_mps": 13.9, "position_note": None,
                "why": orjson.dumps(votes).decode(),
            }  # fmt: skip
        for read in range(READS):
            yield {
                "table": "reads", "track_id": track_id, "sighting_id": track_id if plate else None,
                "frame_index": 30 * number + read * 6, "pts_ms": 1000 * number + read * 200, "x1": 212.3 + read,
                "y1": 290.6, "x2": 254.2 + read, "y2": 309.8, "score": 0.5779, "text": plate or "WVV",
                "confidence": 0.9418,
            }  # fmt: skip


def outputs_of(video: Video, step: int, folder: str) -> list[str]:
    """The paths of a step's outputs with their types, `path:type`."""
    ids = [f"{video.video_id}.t{number:03d}" for number in range(2)]
    names = (
        ["ingest.json:ingest", "track.json:track"],
        ["preproc.json:preproc", "thumbs/000004.jpg:thumbnail", "thumbs/000046.jpg:thumbnail"],
        ["detections.json:detections", *(f"plate_crops/{i}.png:plate_crop" for i in ids)]
        + [f"frames/{i}.jpg:best_frame" for i in ids],
        ["detections.json:detections", "manifest.json:manifest", "video_lowres.mp4:video_lowres", "track.gpx:gpx"]
        + [f"plates/{i}_best_crop.jpg:plate_crop" for i in ids],
        ["summary.json:summary"],
    )[step]
    return [f"{folder}/{name}" for name in names]


def files_of(video: Video) -> Iterator[tuple[str, bytes]]:
    """Every file of a clip below the spool's root: final records and their rows."""
    yield from _chain(video, range(1), _Parent(None, 0), 0)
    if video.is_damaged:
        return
    taken_in = _Parent(task_id_of(video, 0, 0), 0)
    if video.is_done_twice:
        yield from _chain(video, range(2, 5), _Parent(task_id_of(video, 1, 0), 0), 0)
        again = _Parent(task_id_of(video, 1, 0), 1)
        yield from _chain(video, range(1, 2), taken_in, 1)
        yield from _chain(video, range(2, 5), again, 0, branch=1)
    else:
        yield from _chain(video, range(1, 5), taken_in, 0)


@dataclass(frozen=True)
class _Parent:
    task_id: str | None
    generation: int


def task_id_of(video: Video, step: int, branch: int) -> str:
    """The id of a step's task; the branch tells the second go of a clip."""
    return f"{video.number:013d}_{step}{branch}"


def _chain(
    video: Video, steps: range, parent: _Parent, generation: int, branch: int = 0
) -> Iterator[tuple[str, bytes]]:
    """The files of some steps that follow each other, each completed for the generation-th time."""
    inputs = [FileRef("clips", f"2018/{video.clip}", "video", False, DIGEST, 90_000_000)]
    for step in steps:
        task = _task(video, step, task_id_of(video, step, branch), parent, generation, tuple(inputs))
        key = layout.make_key(video.taken_in, task.task_id)
        yield layout.complete_path(STEPS[step], key, task.attempt, failed=task.error is not None), tasks.to_bytes(task)
        rows = [] if task.error else rows_of(video, step, _folder(video, task.task_id, step, task.attempt))
        content = b"".join(orjson.dumps(row) + b"\n" for row in rows)
        if content:
            yield layout.rows_path(STEPS[step], key, task.attempt), content
        inputs += task.outputs
        parent = _Parent(task.task_id, generation)


def _folder(video: Video, task_id: str, step: int, attempt: int) -> str:
    return f"{FOLDERS[step]}/{video.video_id}/{task_id}.a{attempt:02d}"


def _task(video: Video, step: int, task_id: str, parent: _Parent, generation: int, inputs: tuple[FileRef, ...]) -> Task:
    at = to_text(video.taken_in)
    storage = "shed_nas" if step > 2 else "indoor_nas"
    named = [line.rpartition(":") for line in outputs_of(video, step, _folder(video, task_id, step, generation + 1))]
    error = {"class": "BadInput", "message": f"{video.clip}: no moov box", "retryable": False}
    child_of = {"parent_generation": parent.generation} if parent.task_id else {}
    return Task(
        task_id,
        STEPS[step],
        video.video_id,
        state="complete",
        attempt=generation + 1,
        created_at=at,
        completed_at=to_text(video.taken_in + timedelta(seconds=60 * step + 900 * generation)),
        parent_id=parent.task_id,
        inputs=inputs,
        outputs=() if video.is_damaged else tuple(FileRef(storage, p, k, False, DIGEST, 8178) for p, _, k in named),
        metadata={"clip": video.clip, "video_sha256": DIGEST, "seconds": {"total": 1.755}, "attempt_seconds": 1.776},
        params={"settings": SETTINGS, **child_of},
        error=error if video.is_damaged else None,
        history=({"event": "complete", "at": at, "attempt": 1},) * generation,
    )


def add(root: Path, numbers: Iterable[int]) -> int:
    """Writes the files of these clips; gives how many records they are."""
    made: set[str] = set()
    count = 0
    for number in numbers:
        for path, content in files_of(Video(number)):
            folder = path.rpartition("/")[0]
            if folder not in made:
                os.makedirs(f"{root}/{folder}", exist_ok=True)
                made.add(folder)
            with open(f"{root}/{path}", "xb", buffering=0) as file:
                file.write(content)
            count += not path.endswith(".rows.jsonl")
    return count


def make(root: Path, records: int, jobs: int = 2) -> int:
    """Writes a spool of about so many complete records; gives how many there are."""
    Spool.create(root)
    videos = round(records / 4.975)  # 99 of 100 clips have five records, one has one, one in 200 has three more
    cut = -(-videos // 64)
    parts = [(root, range(low, min(low + cut, videos))) for low in range(0, videos, cut)]
    with multiprocessing.Pool(jobs) as pool:
        return sum(pool.starmap(add, parts, chunksize=1))


if __name__ == "__main__":
    print(make(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000))
