"""Lets two dc-ingest at once take in the same folder into one spool, and counts what was published.

two_watchers.py [CLIPS]     prints one JSON line; exit status 1 when a clip has no task, or more than one
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))


def run(count: int) -> dict[str, object]:
    """What two watchers made of so many clips, every tenth of them there twice."""
    from dashtools.spool.queue import Spool

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = folder / "clips"
        clips.mkdir()
        for number in range(count):
            path = clips / f"20240115142300_{number:06d}F.MP4"
            path.write_bytes(b"clip %d" % number * 40)
            os.utime(path, (1_700_000_000, 1_700_000_000))
            if number % 10 == 0:
                shutil.copy2(path, clips / f"copy_of_{number}.mp4")
        Spool.create(folder / "spool")
        spool = Spool.open(folder / "spool")
        for k in (1, 2):
            (folder / f"host{k}").mkdir()
            host = {"host": {"state_dir": str(folder / f"host{k}" / "state")}}
            (folder / f"host{k}" / "host.json").write_text(json.dumps(host))
        started = time.monotonic()
        argv = [sys.executable, "-c", "from dashtools.commands._run import main; main('ingest')"]
        argv += ["--spool", str(spool.root), "--publish-only", "--settle", "0", str(clips)]
        watchers = [
            subprocess.Popen(
                [*argv, "--host-id", f"host{k}", "--config", str(folder / f"host{k}" / "host.json")],
                env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(folder / f"host{k}"),
                     "XDG_DATA_HOME": str(folder / f"host{k}"), "XDG_STATE_HOME": str(folder / f"host{k}")},
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            for k in (1, 2)
        ]  # fmt: skip
        said = [watcher.communicate() for watcher in watchers]
        lasted = time.monotonic() - started
        if any(watcher.returncode for watcher in watchers):
            raise AssertionError(said[0][1][-2000:] + said[1][1][-2000:])
        tasks = list(spool.root.glob("pending/INGEST_VIDEO/**/*.json"))
        per_clip = Counter(json.loads(path.read_bytes())["inputs"][0]["sha256"] for path in tasks)
        return {
            "clips": count,
            "tasks": len(tasks),
            "more_than_once": sum(n > 1 for n in per_clip.values()),
            "missing": count - len(per_clip),
            "published_by_each": [out.count("\n") for out, _ in said],
            "seconds": round(lasted, 1),
        }


if __name__ == "__main__":
    result = run(int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
    print(json.dumps(result))
    sys.exit(bool(result["more_than_once"] or result["missing"]))
