"""Clips whose originals, outputs and archive copies lie on real storages, recorded as workers would."""

from __future__ import annotations

import hashlib
import os
from datetime import timedelta
from pathlib import Path

import orjson

from dashtools.config import load
from dashtools.devices.recorded import Needed, read_records
from dashtools.devices.retention import Judge, Rules
from dashtools.devices.storages import create_storage
from dashtools.model import ChildTask, FileRef, Task, with_changes
from dashtools.spool.queue import Spool
from dashtools.times import to_text, utc_now

DAYS = {"raw_videos": 90, "preproc_data": 30, "heavy_output": 7}
KINDS = {
    "INGEST_VIDEO": ("indoor_nas", "ingest", {"ingest.json": "ingest"}),
    "PREPROCESS_VIDEO": ("indoor_nas", "preproc", {"preproc.json": "preproc", "thumbs/1.jpg": "thumbnail"}),
    "HEAVY_PROCESS_VIDEO": ("indoor_nas", "heavy_output", {"detections.json": "detections"}),
    "ARCHIVE_VIDEO": ("shed_nas", "archive", {"video_lowres.mp4": "video_lowres", "manifest.json": "manifest"}),
}
CHAIN = list(KINDS)


class RetentionLibrary:
    """A spool and two storages of one host."""

    def __init__(self, root: Path) -> None:
        self.root = root
        Spool.create(root / "spool")
        self.spool = Spool.open(root / "spool")
        self.roots = {name: root / name for name in ("indoor_nas", "shed_nas", "clips")}
        for name in ("indoor_nas", "shed_nas"):
            self.roots[name].mkdir()
            create_storage(self.roots[name], name)
        storages = {name: str(self.roots[name]) for name in ("indoor_nas", "shed_nas")}
        storages["clips"] = {"path": str(self.roots["clips"]), "read_only": True}
        self.host_file = root / "host.json"
        self.host_file.write_bytes(orjson.dumps({"host": {"device_id": "one", "storages": storages}}))

    @property
    def config(self):
        return load(self.root / "spool", self.host_file, environ={"DASHTOOLS_DATA": str(self.root / "kept")})

    def add(self, name: str, days: float, *, steps: int = 4, storage: str = "indoor_nas", **flags) -> str:
        """A clip taken in so many days ago, worked on up to a step; gives its video id.

        `flags` are columns of its row; `plates` are seen in it, `fixes` are rows of its track.
        """
        video_id = f"{name}-0a1b2c3d"
        content = f"clip {name}".encode()
        path = f"raw/{name}.mp4"
        self.put(storage, path, content)
        ref = FileRef(storage, path, "video", sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
        self.spool.publish(Task(f"root{name}", "INGEST_VIDEO", video_id, inputs=(ref,), metadata={"clip": name}))
        for task_type in CHAIN[:steps]:
            self.step(task_type, video_id, days, flags)
        return video_id

    def step(self, task_type: str, video_id: str, days: float, flags=None) -> None:
        """Works on a video's ready task of a type as if so many days ago."""
        entry = next(e for e in self.spool.pending(task_type) if self.spool.load(e).video_id == video_id)
        claim = self.spool.claim_entry(entry)
        storage, kind, names = KINDS[task_type]
        prefix = f"{kind}/{video_id}/{claim.task.task_id}.a{claim.entry.attempt:02d}"
        outputs = []
        for name, type_ in names.items():
            content = f"{task_type} {video_id} {name}".encode()
            self.put(storage, f"{prefix}/{name}", content)
            digest = hashlib.sha256(content).hexdigest()
            outputs.append(FileRef(storage, f"{prefix}/{name}", type_, sha256=digest, size_bytes=len(content)))
        following = CHAIN[CHAIN.index(task_type) + 1 :][:1]
        children = [ChildTask(t, inputs=(*claim.task.inputs, *outputs)) for t in following]
        when = to_text(utc_now() - timedelta(days=days))
        final = with_changes(claim.task, state="complete", completed_at=when, outputs=tuple(outputs))
        flags = dict(flags or {})
        plates, fixes = flags.pop("plates", None), flags.pop("fixes", ())
        rows = []
        if task_type == "INGEST_VIDEO":
            rows = [{"table": "videos", "video_id": video_id, **flags}]
            rows += [{"table": "fixes", "video_id": video_id, "is_valid": True, **fix} for fix in fixes]
        elif task_type == "HEAVY_PROCESS_VIDEO" and plates is not None:
            final = with_changes(final, metadata={**final.metadata, "sightings": len(plates)})
            rows = [
                {"table": "sightings", "sighting_id": f"{video_id}.t{n:03d}", "plate": p} for n, p in enumerate(plates)
            ]
        lines = b"".join(orjson.dumps(row) + b"\n" for row in rows)
        self.spool.commit(claim, final, children=children, rows=lines)

    def put(self, storage: str, path: str, content: bytes) -> Path:
        target = self.roots[storage] / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return target

    def age(self, path: Path, days: float) -> None:
        at = utc_now().timestamp() - days * 86400
        for inner in [*path.rglob("*"), path]:
            os.utime(inner, (at, at))

    def judge(self, **rules) -> Judge:
        needed = Needed(self.spool)
        needed.look()
        return Judge(self.spool, self.config, Rules(DAYS, **rules), read_records(self.spool), needed, utc_now())

    def going(self, **rules) -> list[str]:
        """`policy video` of what may go."""
        return [
            f"{v.unit.policy} {v.unit.video_id.partition('-')[0]}" for v in self.judge(**rules).verdicts() if v.may_go
        ]

    def reasons(self, name: str, **rules) -> dict[str, str]:
        """Policy to why it goes or stays."""
        found = self.judge(**rules).verdicts()
        return {v.unit.policy: v.reason for v in found if v.unit.video_id.startswith(f"{name}-")}

    def files(self) -> set[str]:
        """Every file on the storages."""
        kept = (path for name in self.roots for path in self.roots[name].rglob("*") if path.is_file())
        return {str(path.relative_to(self.root)) for path in kept}
