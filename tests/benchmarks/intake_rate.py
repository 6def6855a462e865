"""Measures intake against reading alone: clips taken in and published, over SHA-256 and container check of the same.

    intake_rate.py [CLIPS [MEGABYTES]]      prints one JSON line with both rates and their ratio (promised: 0.8)

The page cache is warm for both, each is measured five times in turn, the best counts. On a loaded machine the ratio by
the wall clock is chance; `cpu_ratio` is by processor time, in which waiting for the disk does not count.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
TURNS = 5


def make_clips(folder: Path, count: int, megabytes: int) -> list[Path]:
    """Clips of one real picture track and as much free space as is wanted, all different."""
    from dashtools.backends.synth import Plan, make_drive

    whole = make_drive(folder / "seed", Plan(clip_s=1, clips=1, fps=5, width=320, height=180))[0].read_bytes()
    (folder / "clips").mkdir()
    noise = os.urandom(megabytes << 20)
    made = []
    for number in range(count):
        path = folder / "clips" / f"20240115142300_{number:06d}F.MP4"
        body = number.to_bytes(8, "big") + noise
        path.write_bytes(whole + struct.pack(">I4s", len(body) + 8, b"skip") + body)
        made.append(path)
    return made


def read_alone_s(clips: list[Path]) -> float:
    """Seconds for digest and container check."""
    from dashtools.backends.mp4 import check_container
    from dashtools.files import sha256_of

    started = time.monotonic()
    for clip in clips:
        sha256_of(clip)
        check_container(clip)
    return time.monotonic() - started


def taken_in_s(clips: list[Path], folder: Path) -> float:
    """Seconds for a whole intake into a new spool, container check of each clip included."""
    from dashtools.devices.intake import SeenLedger, intake
    from dashtools.devices.whole import is_whole
    from dashtools.spool.queue import Spool

    Spool.create(folder / "spool")
    spool = Spool.open(folder / "spool")
    ledger = SeenLedger(folder / "seen.json", spool.uuid)
    started = time.monotonic()
    done = intake(clips[0].parent, "clips", ledger, spool.publish, settle_s=0.0, is_whole=is_whole)
    lasted = time.monotonic() - started
    if len(done.published) != len(clips):
        raise AssertionError(f"{len(done.published)} of {len(clips)} were published")
    return lasted


def main(count: int = 30, megabytes: int = 40) -> None:
    """Prints the measurement."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = make_clips(folder, count, megabytes)
        read_alone_s(clips)
        alone, taken, busy = [], [], [time.process_time()]
        for turn in range(TURNS):
            (folder / str(turn)).mkdir()
            alone.append(read_alone_s(clips))
            busy.append(time.process_time())
            taken.append(taken_in_s(clips, folder / str(turn)))
            busy.append(time.process_time())
        spent = [after - before for before, after in zip(busy, busy[1:])]
        size_mb = sum(clip.stat().st_size for clip in clips) / 1e6
        rates = {"alone_mb_s": round(size_mb / min(alone)), "intake_mb_s": round(size_mb / min(taken))}
        ratios = {
            "ratio": round(min(alone) / min(taken), 3),
            "cpu_ratio": round(min(spent[0::2]) / min(spent[1::2]), 3),
        }
        print(json.dumps({"clips": count, "megabytes": megabytes, **rates, **ratios}))


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:3]))
