"""Measures every page over a big index: 100,000 videos, 1,000,000 sightings, 5,000,000 reads, served and asked by HTTP.

    index_web_scale.py FOLDER [VIDEOS [ROUNDS]]      makes FOLDER/index.db unless it is there; a JSON line per page

Promised: the 95th percentile of each page and of fuzzy search is 300 ms at most on two cores. The server runs in a
process of its own; each page is asked ROUNDS times, each time for another plate, sighting, clip or trip.
"""

from __future__ import annotations

import http.client
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import quote

import orjson

sys.path.insert(0, str(Path(__file__).parents[2]))

from dashtools.index import build, counts, store
from dashtools.index.reasons import reason_of

SIGHTINGS, READS, FIXES = 10, 5, 60
START = datetime(2018, 3, 1, 7, tzinfo=timezone.utc)
STEPS = ("INGEST_VIDEO", "PREPROCESS_VIDEO", "HEAVY_PROCESS_VIDEO", "ARCHIVE_VIDEO", "FINALIZE_VIDEO")
REASONS = ("no moov box, the file ends at {}", "the last {} seconds do not decode", "no video stream", "cut at byte {}")
REGIONS = [f"{a}{b}" for a in "WKGP" for b in "ABDGRSXY"]
CHANCE = random.Random(1)


def plate_of(number: int) -> str:
    """One country's plates: half of them begin with four regions."""
    chance = random.Random(number)
    region = REGIONS[min(int(chance.expovariate(0.2)), len(REGIONS) - 1)]
    return f"{region}{chance.randrange(10_000):04d}{chance.choice('ACEFHJKLMNPRTUVW')}"


def video_id_of(number: int) -> str:
    """As a camera names its clips."""
    return f"{20180000 + number // 100}_{number:07d}_NF-{number * 2654435761 % 2**32:08x}"


def recorded_at(number: int) -> str:
    """Fifty clips of a minute in a row, twice a day."""
    drive, place = divmod(number, 50)
    return (START + timedelta(hours=12 * drive, minutes=place)).strftime("%Y-%m-%dT%H:%M:%SZ")


def make(db: Path, videos: int) -> None:
    """Writes an index as a rebuild would leave it."""
    connection = store.create(db)
    connection.execute("BEGIN")
    for start in range(0, videos, 1000):
        numbers = range(start, min(start + 1000, videos))
        for table, columns, rows in _tables(numbers):
            marks = ", ".join("?" * len(columns.split(",")))
            connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)
    build.make_order(connection)
    counts.recount(connection)
    connection.execute("INSERT INTO meta VALUES ('refreshed_at', '2026-01-01T00:00:00Z')")
    connection.execute("COMMIT")
    store.finish(connection, db)


def _tables(numbers: range) -> Iterator[tuple[str, str, list[tuple[object, ...]]]]:
    yield "videos", (
        "video_id, clip, storage, path, duration_ms, width, height, codec, camera, channel, recorded_at,"
        " recorded_at_method, utc_offset_min, fix_count, damaged_frames, record"
    ), [
        (video_id_of(n), f"{n}.MP4", "clips", f"d/{n}.MP4", 60_000, 1920, 1080, "h264", f"car-{n // 50 % 3}", "front",
         recorded_at(n), "filename", 60, FIXES, 0, n)
        for n in numbers
    ]  # fmt: skip
    yield "fixes", "video_id, slot, t_ms, is_valid, latitude, longitude, speed_mps, bearing_deg, record", [
        (video_id_of(n), s, s * 1000, 1, 50 + n % 997 * 0.002 + s * 1e-4, 20 + n % 499 * 0.01, 14.0, 45.0, n)
        for n in numbers for s in range(FIXES)
    ]  # fmt: skip
    yield (
        "filtering",
        "video_id, frames_total, frames_kept, proposals, dropped, record",
        [(video_id_of(n), 1800, 240, 31, '{"still":1560}', n) for n in numbers],
    )
    yield from _found(numbers)
    yield (
        "tasks",
        (
            "path, record, task_id, task_type, video_id, clip, state, condition, is_shown, attempt, failures,"
            " created_at, completed_at, seconds, error_class, error_message, reason"
        ),
        [_task(n, step) for n in numbers for step in range(5)],
    )


def _found(numbers: range) -> Iterator[tuple[str, str, list[tuple[object, ...]]]]:
    ids = [(n, s, video_id_of(n), f"{video_id_of(n)}.t{s:03d}") for n in numbers for s in range(SIGHTINGS)]
    plates = {one: plate_of(int(600_000 * CHANCE.random() ** 1.5)) for _, _, _, one in ids}
    yield (
        "tracks",
        ("track_id, video_id, sighting_id, status, text, confidence, read_count, first_pts_ms, last_pts_ms, record"),
        [(one, v, one, "sighting", plates[one], 0.97, READS, s * 5000, s * 5000 + 1800, n) for n, s, v, one in ids],
    )
    votes = orjson.dumps([{"alternatives": [], "char": "A", "weight": 1.0}] * 7).decode()
    yield "sightings", (
        "sighting_id, video_id, clip, plate, confidence, read_count, first_pts_ms, last_pts_ms, best_pts_ms,"
        " latitude, longitude, bearing_deg, speed_mps, why, record"
    ), [
        (one, v, f"{n}.MP4", plates[one], 0.97, READS, s * 5000, s * 5000 + 1800, s * 5000 + 900,
         50 + n % 997 * 0.002, 20 + n % 499 * 0.01, 45.0, 14.0, votes, n)
        for n, s, v, one in ids
    ]  # fmt: skip
    yield "reads", "track_id, sighting_id, frame_index, pts_ms, x1, y1, x2, y2, score, text, confidence, record", [
        (one, one, s * 150 + r, s * 5000 + r * 200, 1.0, 2.0, 3.0, 4.0, 0.6, plates[one], 0.94, n)
        for n, s, _, one in ids for r in range(READS)
    ]  # fmt: skip
    yield "crops", "sighting_id, path, record", [(one, f"archive/{v}/plates/{one}.jpg", n) for n, _, v, one in ids]
    yield "artifacts", "artifact_id, video_id, task_id, task_type, type, storage, path, record", [
        (f"{n:020x}{s:04x}", v, f"{n}-3", "ARCHIVE_VIDEO", "plate_crop", "shed_nas", f"archive/{v}/plates/{one}.jpg", n)
        for n, s, v, one in ids
    ] + [
        (f"{n:020x}ffff", video_id_of(n), f"{n}-3", "ARCHIVE_VIDEO", "video_lowres", "shed_nas", f"a/{n}.mp4", n)
        for n in numbers
    ]  # fmt: skip


def _task(n: int, step: int) -> tuple[object, ...]:
    is_failed = (n + step) % 40 == 0  # 12,500 of 500,000
    message = REASONS[n % len(REASONS)].format(n) if is_failed else None
    path = f"complete/{STEPS[step]}/2018/{n // 1000:05d}/{n}-{step}.a01{'.err' if is_failed else ''}.json"
    condition = "failed" if is_failed else "complete"
    return (path, n, f"{n}-{step}", STEPS[step], video_id_of(n), f"{n}.MP4", "complete", condition, 1, 1, 0,
            recorded_at(n), recorded_at(n), 1.5, "BadInput" if is_failed else None, message,
            reason_of(message, None) if is_failed else None)  # fmt: skip


def pages(db: Path) -> dict[str, Callable[[], str]]:
    """Every page by name, with a maker of addresses."""
    connection = sqlite3.connect(f"file:{db}?mode=ro", uri=True)
    videos = connection.execute("SELECT count(*) FROM videos").fetchone()[0]
    trips = [row[0] for row in connection.execute("SELECT trip_id FROM trips ORDER BY trip_id")]
    busy = [row[0] for row in connection.execute("SELECT plate FROM plates ORDER BY sightings DESC LIMIT 50")]
    plates = [row[0] for row in connection.execute("SELECT plate FROM plates")]
    connection.close()

    def plate() -> str:
        return CHANCE.choice(plates)

    def misread() -> str:
        text = list(plate())
        for _ in range(2):
            text[CHANCE.randrange(len(text))] = CHANCE.choice("ABC0123456789")
        return "".join(text)

    def video() -> str:
        return video_id_of(CHANCE.randrange(videos))

    return {
        "home": lambda: "/",
        "search exact": lambda: f"/search?q={plate()}",
        "search fuzzy": lambda: f"/search?q={misread()}",
        "search of nothing": lambda: f"/search?q={''.join(CHANCE.choices('ABCDEFGHJK', k=7))}",
        "search a part": lambda: f"/search?q={plate()[2:6]}",
        "search two characters": lambda: f"/search?q={''.join(CHANCE.choices('QXZ0123456789', k=2))}",
        "search a beginning": lambda: f"/search?q={quote(plate()[:3] + '*')}",
        "search a wildcard": lambda: f"/search?q={quote('?' + plate()[1:5] + '*')}",
        "search all": lambda: "/search",
        "plate": lambda: f"/plate/{plate()}",
        "plate seen most": lambda: f"/plate/{CHANCE.choice(busy)}",
        "sighting": lambda: f"/sighting/{video()}.t{CHANCE.randrange(SIGHTINGS):03d}",
        "video": lambda: f"/video/{video()}",
        "trip": lambda: f"/trip/{CHANCE.choice(trips)}",
        "trips": lambda: "/trips",
        "trips far back": lambda: f"/trips?page={len(trips) // 60}",
        "queue": lambda: "/queue",
        "search by day": lambda: f"/search?from={recorded_at(CHANCE.randrange(videos))[:10]}",
        "search by place": lambda: "/search?bbox=22.01,50.5,22.03,50.52",
        "search by camera": lambda: "/search?camera=car-1",
        "search by no camera": lambda: "/search?camera=car-9",
        "search by trip": lambda: f"/search?trip={CHANCE.choice(trips)}",
        "search by confidence": lambda: "/search?confidence=99",
        "search by tag": lambda: "/search?tag=nobody",
        "search by text and camera": lambda: f"/search?q={misread()}&camera=car-2",
        "table of sightings": lambda: "/dash/sightings?_sort_desc=seen_at",
        "table of plates": lambda: "/dash/plates",
    }


def ask(port: int, path: str) -> tuple[int, float]:
    """The status of an answer and the milliseconds until its last byte."""
    started = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, (time.perf_counter() - started) * 1000


def main(folder: Path, videos: int, rounds: int) -> None:
    """Prints the measurements."""
    folder.mkdir(parents=True, exist_ok=True)
    db = folder / "index.db"
    if not db.exists():
        started = time.monotonic()
        make(db, videos)
        print(orjson.dumps({"made_s": round(time.monotonic() - started), "mb": db.stat().st_size >> 20}).decode())
    with subprocess.Popen([sys.executable, __file__, "--serve", str(db)], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline().rsplit(":", 1)[1].strip("/\n"))
            for name, address in pages(db).items():
                _measure(name, address, port, rounds, server.pid)
        finally:
            server.terminate()


def serve(db: Path) -> None:
    """Serves the index until a signal comes; tells its address."""
    from dashtools.web.server import WebSettings, serve_until_signal

    def tell(url: str) -> None:
        print(url, flush=True)
        os.dup2(2, 1)  # whoever asked reads one line

    serve_until_signal(WebSettings(db, port=0), tell)


def _measure(name: str, address: Callable[[], str], port: int, rounds: int, pid: int) -> None:
    """Prints how long answers took, and how long the server computed: the same on a machine that does nothing else."""
    ask(port, address())
    took, computed, statuses = [], [], set()
    for _ in range(rounds):
        before_ms = _computed_ms(pid)
        status, ms = ask(port, address())
        took.append(ms)
        computed.append(_computed_ms(pid) - before_ms)
        statuses.add(status)
    row = {
        "page": name,
        "p50_ms": _share(took, 0.5),
        "p95_ms": _share(took, 0.95),
        "cpu_p95_ms": _share(computed, 0.95),
    }
    print(
        orjson.dumps({**row, "statuses": sorted(statuses), "load": round(os.getloadavg()[0], 1)}).decode(), flush=True
    )


def _share(values: list[float], share: float) -> int:
    return round(sorted(values)[int(len(values) * share)])


def _computed_ms(pid: int) -> float:
    """The time that all threads of a process ran, by the scheduler's account."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e6


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve(Path(sys.argv[2]))
    else:
        given = [int(word) for word in sys.argv[2:]]
        main(Path(sys.argv[1]), *given, *(100_000, 40)[len(given) :])
