"""A retention run over many files: does it delete exactly what it reported? `retention_run.py FOLDER [CLIPS]`.

Each clip has ten files. Every 50th is pinned (a trip of its own), every 51st an event, every 52nd half archived, every
53rd shows a watched plate, every third is young. First the run is tried with the archive's share unmounted and with
clocks that are a year off: then nothing may go. Prints one JSON line; status 1 when a file went that was not
reported, or stayed though it was.
"""

import hashlib
import os
import re
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import orjson

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT.parent), str(ROOT / "devices")]
from retention_library import CHAIN, RetentionLibrary  # noqa: E402

from dashtools.devices.clip_rows import Watched  # noqa: E402
from dashtools.devices.pins import pin  # noqa: E402
from dashtools.devices.recorded import read_records  # noqa: E402
from dashtools.devices.removal import remove, server_time  # noqa: E402
from dashtools.devices.retention import Judge, check_clock  # noqa: E402
from dashtools.errors import TryLater  # noqa: E402
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


def plate_of(number: int) -> str:
    return "AB12CDE" if number % 53 == 0 else "XX99XXX"


def judged(library: RetentionLibrary, watched: Watched) -> Judge:
    return replace(library.judge(), recorded=read_records(library.spool, watched))


def refusals(library: RetentionLibrary, watched: Watched) -> dict[str, str]:
    """What stops the run when the share is away and when a clock is off; nothing may be gone afterwards."""
    found, marker = {}, library.roots["shed_nas"] / "STORAGE"
    marker.rename(marker.with_name("away"))
    try:
        judged(library, watched).verdicts()
        found["unmounted"] = "nothing"
    except TryLater as error:
        found["unmounted"] = type(error).__name__
    marker.with_name("away").rename(marker)
    newest = read_records(library.spool).newest
    for name, shift in (("clock_ahead", timedelta(days=365)), ("clock_behind", timedelta(days=-365))):
        try:
            check_clock(utc_now() + shift, server_time(library.spool), newest)
            found[name] = "nothing"
        except TryLater as error:
            found[name] = type(error).__name__
    return found


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
        if task_type == "HEAVY_PROCESS_VIDEO":
            row = {"table": "sightings", "sighting_id": f"{video_id}.t001", "plate": plate_of(number)}
            (files / layout.rows_path(task_type, key, 1)).write_bytes(orjson.dumps(row) + b"\n")
    if number % 50 == 0:
        pin(library.spool, video_id)


def must_stay(number: int) -> bool:
    return any(number % n == 0 for n in (3, 50, 51, 52, 53))


def numbers_in(path: str) -> list[int]:
    return [int(text) for text in re.findall(r"clip(\d{6})-", path)[:1]]


def main(folder: Path, clips: int) -> int:
    os.fsync = lambda descriptor: None  # the disk is not what is measured
    folder.mkdir(parents=True)
    library = RetentionLibrary(folder)
    for number in range(clips):
        add(library, number)
    watched, before = Watched(["AB12CDE"]), library.files()
    stopped = refusals(library, watched)
    is_untouched, started = library.files() == before, time.monotonic()
    judge = judged(library, watched)
    going = [verdict for verdict in judge.verdicts() if verdict.may_go]
    report_s, started = time.monotonic() - started, time.monotonic()
    reported = {f"{ref.device}/{ref.path}" for verdict in going for ref in verdict.unit.files}
    refused = [told.reason for verdict in going if not (told := remove(judge, verdict)).is_removed]
    removal_s = time.monotonic() - started
    removed = before - library.files()
    told = {"files": len(before), "reported": len(reported), "removed": len(removed), "refused": len(refused)}
    wrong = [path for path in removed if any(must_stay(number) for number in numbers_in(path))]
    is_exact = removed == reported and not wrong and is_untouched and set(stopped.values()) == {"TryLater"}
    seconds = {"report_s": round(report_s, 1), "removal_s": round(removal_s, 1)}
    print(orjson.dumps({**told, **seconds, "stopped_by": stopped, "wrong": len(wrong), "is_exact": is_exact}).decode())
    return 0 if is_exact else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10_000))
