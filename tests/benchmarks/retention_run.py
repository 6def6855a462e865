"""A retention run over many files: does it delete exactly what it reported? `retention_run.py FOLDER [CLIPS]`.

Each clip has ten files. Every 50th is pinned, every 51st an event, every 52nd half archived, every third is young.
Prints one JSON line; status 1 when a file went that was not reported, or stayed though it was.
"""

import hashlib
import os
import sys
import time
from datetime import timedelta
from pathlib import Path

import orjson

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT.parent), str(ROOT / "devices")]
from retention_library import CHAIN, RetentionLibrary  # noqa: E402

from dashtools.devices.pins import pin  # noqa: E402
from dashtools.devices.removal import remove  # noqa: E402
from dashtools.model import FileRef, Task  # noqa: E402
from dashtools.spool import layout  # noqa: E402
from dashtools.spool import task as tasks  # noqa: E402
from dashtools.times import to_text, utc_now  # noqa: E402

NAMES = {
    "INGEST_VIDEO": ("indoor_nas", "ingest", ["ingest.json", "track.json"]),
    "PREPROCESS_VIDEO": ("indoor_nas", "preproc", ["preproc.json", "thumbs/1.jpg", "thumbs/2.jpg"]),
    "HEAVY_PROCESS_VIDEO": ("indoor_nas", "heavy_output", ["detections.json", "plate_crops/1.png"]),
    "ARCHIVE_VIDEO": ("shed_nas", "archive", ["video_lowres.mp4", "manifest.json"]),
}


def add(library: RetentionLibrary, number: int) -> None:
    """One clip, its records written where commits would have put them."""
    video_id, steps = f"clip{number:06d}-0a1b2c3d", 3 if number % 52 == 0 else 4
    when = utc_now() - timedelta(days=0.5 if number % 3 == 0 else 400)
    content = video_id.encode()
    library.put("indoor_nas", f"raw/{video_id}.mp4", content)
    ref = FileRef(
        "indoor_nas", f"raw/{video_id}.mp4", "video", False, hashlib.sha256(content).hexdigest(), len(content)
    )
    for task_type in CHAIN[:steps]:
        storage, kind, names = NAMES[task_type]
        task_id, outputs = f"{number:06d}{task_type[:4].lower()}", []
        for name in names:
            path, body = f"{kind}/{video_id}/{task_id}.a01/{name}", f"{video_id} {name}".encode()
            library.put(storage, path, body)
            type_ = name.rpartition("/")[2].partition(".")[0]
            outputs.append(FileRef(storage, path, type_, False, hashlib.sha256(body).hexdigest(), len(body)))
        task = Task(task_id, task_type, video_id, "complete", attempt=1, completed_at=to_text(when), inputs=(ref,))
        task = Task(**{**task.__dict__, "outputs": tuple(outputs)})
        key = layout.make_key(when, task_id)
        files = library.spool.root
        target = files / layout.complete_path(task_type, key, 1, failed=False)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(tasks.to_bytes(task))
        if task_type == "INGEST_VIDEO":
            row = {"table": "videos", "video_id": video_id, "is_event": number % 51 == 0}
            (files / layout.rows_path(task_type, key, 1)).write_bytes(orjson.dumps(row) + b"\n")
    if number % 50 == 0:
        pin(library.spool, video_id)


def main(folder: Path, clips: int) -> int:
    os.fsync = lambda descriptor: None  # the disk is not what is measured
    folder.mkdir(parents=True)
    library = RetentionLibrary(folder)
    for number in range(clips):
        add(library, number)
    before, started = library.files(), time.monotonic()
    judge = library.judge()
    going = [verdict for verdict in judge.verdicts() if verdict.may_go]
    report_s, started = time.monotonic() - started, time.monotonic()
    reported = {f"{ref.device}/{ref.path}" for verdict in going for ref in verdict.unit.files}
    refused = [told.reason for verdict in going if not (told := remove(judge, verdict)).is_removed]
    removal_s = time.monotonic() - started
    removed = before - library.files()
    told = {"files": len(before), "reported": len(reported), "removed": len(removed), "refused": len(refused)}
    is_exact = removed == reported
    seconds = {"report_s": round(report_s, 1), "removal_s": round(removal_s, 1)}
    print(orjson.dumps({**told, **seconds, "is_exact": is_exact}).decode())
    return 0 if is_exact else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10_000))
