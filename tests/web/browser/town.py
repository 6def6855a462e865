"""A synthetic library for browsers: four trips in a made-up town, played stage by stage in a real spool.

The pictures, plates, boxes and ways come from our own generator: no real place, vehicle or plate.
"""

from __future__ import annotations

import importlib.util
import json
import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from dashtools.model import ChildTask, FileRef, with_changes
from dashtools.spool import notes
from dashtools.spool.queue import Claim
from dashtools.times import to_text, utc_now

SEEDS = (3, 7, 11)
CLIP_S, FPS, WIDTH, HEIGHT = 6, 10, 960, 540
TRIPS = (
    "2024-01-15T07:40:00+00:00",
    "2024-01-16T07:42:00+00:00",
    "2024-01-16T17:05:00+00:00",
    "2024-01-19T07:39:00+00:00",
)
CLIPS_PER_TRIP = 3
LATITUDE, LONGITUDE = 48.2082, 16.3719


def _index_fixtures() -> Any:
    path = Path(__file__).resolve().parents[2] / "index" / "conftest.py"
    spec = importlib.util.spec_from_file_location("index_library", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


INDEX = _index_fixtures()


class Drive:
    """One generated clip and what is in it."""

    def __init__(self, folder: Path, seed: int) -> None:
        from dashtools.backends import synth

        plan = synth.Plan(clip_s=CLIP_S, clips=1, fps=FPS, width=WIDTH, height=HEIGHT, seed=seed)
        (self.path,) = synth.make_drive(folder / str(seed), plan)
        frames = json.loads(self.path.with_suffix(".json").read_text())["frames"]
        self.seen: dict[str, list[tuple[int, list[float]]]] = {}
        for frame in frames:
            for thing in frame["objects"]:
                if thing["legible"]:
                    self.seen.setdefault(thing["text"], []).append((frame["frame"], thing["box"]))

    @property
    def plate(self) -> str:
        """The plate of the car ahead, seen longest."""
        return max(self.seen, key=lambda text: len(self.seen[text]))

    def cut(self, text: str) -> bytes:
        """The picture of a plate in its best frame, as PNG."""
        import av
        import cv2

        number, (x1, y1, x2, y2) = self.seen[text][len(self.seen[text]) // 2]
        with av.open(str(self.path)) as container:
            frame = next(f for index, f in enumerate(container.decode(video=0)) if index == number)
        picture = frame.to_ndarray(format="bgr24")
        wide, high = (x2 - x1) * 0.08, (y2 - y1) * 0.15
        crop = picture[max(0, int(y1 - high)) : int(y2 + high) + 1, max(0, int(x1 - wide)) : int(x2 + wide) + 1]
        crop = cv2.resize(crop, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
        return bytes(cv2.imencode(".png", crop)[1])


class Town(INDEX.Library):  # type: ignore[name-defined,misc]
    """A library whose stages leave what the drives hold."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "spool", folder / "local" / "index.db")
        self.drives = [Drive(folder / "drives", seed) for seed in SEEDS]
        for trip, text in enumerate(TRIPS):
            for number in range(CLIPS_PER_TRIP):
                for channel in ("front", "rear") if trip < 2 else ("front",):
                    self._add_clip(trip, datetime.fromisoformat(text), number, channel)
        self.work()
        self._fail()
        self._register()
        taxi = self.drives[0].plate
        notes.say(self.spool, "list", f"plate:{taxi}", "watch", by="anna")
        notes.say(self.spool, "tags", f"plate:{taxi}", ["taxi", "blue"], by="anna")
        notes.say(self.spool, "note", f"plate:{taxi}", "Waits at the corner most mornings.", by="anna")

    def _add_clip(self, trip: int, began: datetime, number: int, channel: str) -> None:
        at = began + timedelta(seconds=number * CLIP_S)
        side = "F" if channel == "front" else "R"
        name = f"{at:%Y_%m%d_%H%M%S}_{trip * 10 + number:04d}{side}.MP4"
        drive = self.drives[(trip + number + (channel == "rear")) % len(self.drives)]
        self.add(
            name, recorded_at=to_text(at), camera="blue car", channel=channel, drive=drive, trip=trip, number=number
        )

    def _fail(self) -> None:
        for number in range(3):
            self.add(f"2024_0120_08000{number}_009{number}F.MP4")
        for size in (100, 2000):
            claim = self.claim()
            clip = claim.task.metadata["clip"]
            self.finish(claim, fails=f"{clip}: no moov box, the file ends at {size}; copy it again from the card")
        self.held = self.claim()

    def _register(self) -> None:
        able = {"cpu_cores": 6, "cpu_arch": "arm64", "memory_gb": 8, "storage_gb": 64, "gpu": None}
        for name, kind, types in (
            ("jetson", "jetson_coral", ["PREPROCESS_VIDEO"]),
            ("rtx4090", "rtx_4090", ["HEAVY_PROCESS_VIDEO"]),
        ):
            device = {"device_id": name, "hostname": name, "device_type": kind, "task_types_supported": types}
            device |= {"capabilities": {**able, "accelerators": ["coral"] if "coral" in kind else []}, "status": {}}
            self.spool.files.write(f"devices/{name}.json", orjson.dumps(device))
        worker = {"host": "jetson", "device_id": "jetson", "holds": self.held.path, "beat": 7}
        self.spool.files.write("workers/jetson~0a1b2c3d~42~1.json", orjson.dumps(worker))

    def finish(self, claim: Claim, *, fails: str | None = None) -> None:
        """Commits a claim with what its stage would leave of its drive."""
        task = claim.task
        rows, outputs = ([], []) if fails else self._left(task)
        child_type = None if fails else INDEX.NEXT[task.task_type]
        error = {"class": "BadInput", "message": fails} if fails else None
        final = with_changes(
            task,
            state="complete",
            completed_at=to_text(utc_now()),
            outputs=tuple(outputs),
            error=error,
            metadata={**task.metadata, "seconds": {"total": 1.5}},
        )
        children = [] if child_type is None else [ChildTask(child_type, metadata=task.metadata)]
        self.spool.commit(claim, final, children=children, rows=b"".join(orjson.dumps(row) + b"\n" for row in rows))

    def _left(self, task: Any) -> tuple[list[dict[str, Any]], list[FileRef]]:
        facts = {**self.clips[task.video_id], "plates": []}
        video_id, drive = task.video_id, facts["drive"]
        ids = {text: f"{video_id}.t{number:03d}" for number, text in enumerate(sorted(drive.seen))}
        folder = f"{video_id}/{task.task_id}.a{task.attempt:02d}"
        if task.task_type == "INGEST_VIDEO":
            return _ingest_rows(video_id, facts), []
        if task.task_type == "PREPROCESS_VIDEO":
            left: tuple[list[dict[str, Any]], list[FileRef]] = INDEX.stage_rows(task, facts, None)
            return left
        if task.task_type == "HEAVY_PROCESS_VIDEO":
            rows = [row for text, sid in ids.items() for row in _seen_rows(video_id, sid, text, facts)]
            refused = {"table": "tracks", "track_id": f"{video_id}.t099", "video_id": video_id, "status": "refused"}
            refused |= {"reason": "no format of a plate, and only two reads", "text": "AUTOHAUS", "read_count": 2}
            return [*rows, {**refused, "first_pts_ms": 2400, "last_pts_ms": 2600}], []
        crops = {text: f"archive/{folder}/plates/{sid}_best_crop.png" for text, sid in ids.items()}
        rows = [{"table": "crops", "sighting_id": ids[text], "path": path} for text, path in crops.items()]
        small = f"archive/{folder}/video_lowres.mp4"
        refs = [FileRef("shed_nas", path, "plate_crop") for path in crops.values()]
        return rows, [*refs, FileRef("shed_nas", small, "video_lowres")]

    def fill(self, storages: Path) -> None:
        """Puts the small copies and the crops where the index says that they lie."""
        from dashtools.devices.storages import create_storage
        from dashtools.index import store

        for name in ("indoor_nas", "shed_nas"):
            (storages / name).mkdir(parents=True, exist_ok=True)
            create_storage(storages / name, name)
        connection = store.open_reading(self.db)
        found = connection.execute(
            "SELECT video_id, storage, path FROM artifacts WHERE storage <> 'footage'"
        ).fetchall()
        connection.close()
        cut: dict[tuple[int, str], bytes] = {}
        for video_id, storage, path in found:
            target = storages / storage / path
            drive = self.clips[video_id]["drive"]
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.endswith(".mp4"):
                target.write_bytes(drive.path.read_bytes())
            elif path.endswith(".png"):
                text = sorted(drive.seen)[int(path.rpartition(".t")[2][:3])]
                key = (id(drive), text)
                cut[key] = cut.get(key) or drive.cut(text)
                target.write_bytes(cut[key])


def _place(trip: int, seconds: float) -> tuple[float, float, float, float]:
    """Latitude, longitude, speed and bearing after so many seconds of a trip: ten times as far as a real second."""
    angle = seconds / 9 + trip
    speed_mps = 14 + 12 * math.sin(seconds / 4 + trip)
    latitude = LATITUDE + seconds * 2.6e-4 + 1.1e-3 * math.sin(angle)
    longitude = LONGITUDE + seconds * 4.2e-4 * math.cos(trip) + 1.6e-3 * math.cos(angle)
    return latitude, longitude, max(0.0, speed_mps), (40 + 60 * math.sin(angle)) % 360


def _ingest_rows(video_id: str, facts: dict[str, Any]) -> list[dict[str, Any]]:
    (video, *_), offset = INDEX.ingest_rows(video_id, facts), facts["number"] * CLIP_S
    video |= {
        "duration_ms": CLIP_S * 1000,
        "width": WIDTH,
        "height": HEIGHT,
        "channel": facts["channel"],
        "codec": "h264",
    }
    video |= {"frame_rate": FPS, "frame_count": CLIP_S * FPS, "utc_offset_min": 60, "fix_count": CLIP_S + 1}
    video |= {"recorded_at_method": "GPS", "gps_reader": "novatek", "size_bytes": 700_000}
    fixes = []
    for second in range(CLIP_S + 1):
        latitude, longitude, speed, bearing = _place(facts["trip"], offset + second)
        fix = {"table": "fixes", "video_id": video_id, "slot": second, "t_ms": second * 1000, "is_valid": True}
        fix |= {"latitude": latitude, "longitude": longitude, "speed_mps": speed, "bearing_deg": bearing}
        fixes.append(fix)
    return [video, *fixes]


def _seen_rows(video_id: str, sighting_id: str, text: str, facts: dict[str, Any]) -> list[dict[str, Any]]:
    seen = facts["drive"].seen[text]
    times = [number * 1000 // FPS for number, _ in seen]
    span = {"first_pts_ms": times[0], "last_pts_ms": times[-1], "first_frame": seen[0][0], "last_frame": seen[-1][0]}
    confidence = min(0.97, 0.7 + 0.015 * len(seen))
    latitude, longitude, speed, bearing = _place(facts["trip"], facts["number"] * CLIP_S + times[0] / 1000)
    votes = [{"char": c, "weight": 1.9, "alternatives": {"8": 0.3} if c == "B" else {}} for c in text]
    track = {"table": "tracks", "track_id": sighting_id, "video_id": video_id, "sighting_id": sighting_id}
    sighting = {"table": "sightings", "sighting_id": sighting_id, "video_id": video_id, "clip": facts["clip"]}
    sighting |= {"plate": text, "confidence": confidence, "read_count": len(seen), **span, "why": votes}
    sighting |= {"latitude": latitude, "longitude": longitude, "speed_mps": speed, "bearing_deg": bearing}
    rows = [
        {**track, "status": "sighting", "text": text, "confidence": confidence, "read_count": len(seen), **span},
        {**sighting, "best_pts_ms": times[len(times) // 2], "best_frame": seen[len(seen) // 2][0]},
    ]
    for (number, (x1, y1, x2, y2)), pts_ms in zip(seen, times):
        read = {"table": "reads", "track_id": sighting_id, "sighting_id": sighting_id, "frame_index": number}
        shown = text.replace("B", "8") if number % 7 == 3 else text
        box = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
        rows.append({**read, "pts_ms": pts_ms, "text": shown, "score": 0.8, "confidence": confidence, **box})
    return rows
