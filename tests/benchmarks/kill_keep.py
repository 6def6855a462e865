"""Kills retention, forgetting and the archive at random moments and looks after each kill.

`kill_keep.py WHAT FOLDER [KILLS] [SEED] [SECONDS]`; WHAT is retain, privacy or archive. Each run is a process of its
own, killed -9 after a random part of what a whole run takes. Held after every kill: an original is whole, or it is
gone and its archive copy is whole byte by byte; what is pinned, an event or half archived is untouched; a complete
record's files are there with the digests that it names. Prints one JSON line; status 1 when any of that was broken.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "devices"), str(ROOT / "tests" / "commands")]
from retention_library import RetentionLibrary  # noqa: E402

from dashtools.commands._run import status_of  # noqa: E402
from dashtools.devices.pins import pin  # noqa: E402


def in_child(work: Callable[[], object], after_s: float | None) -> bool:
    """Runs in a forked process; True when it had to be killed."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            sink = os.open(os.devnull, os.O_WRONLY)
            os.dup2(sink, 1)
            os.dup2(sink, 2)
            work()
        os._exit(0)
    if after_s is not None:
        end = time.monotonic() + after_s
        while time.monotonic() < end:
            if os.waitpid(child, os.WNOHANG)[0]:
                return False
            time.sleep(0.0005)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Retain:
    """Old clips that go, and some that must not; more are added as they get fewer."""

    def __init__(self, folder: Path) -> None:
        self.library, self.number = RetentionLibrary(folder), 0
        self.kept = [self.library.add("fresh", 0), self.library.add("crash", 900, is_event=True)]
        self.kept += [self.library.add("half", 900, steps=3), self.library.add("pinned", 900)]
        pin(self.library.spool, self.kept[-1])
        self.untouched = {name: (folder / name).read_bytes() for name in self.library.files()}
        self.clips: list[str] = []

    def prepare(self) -> None:
        while len(list(self.library.roots["indoor_nas"].glob("raw/old*"))) < 3:
            for _ in range(4):
                self.number += 1
                self.clips.append(self.library.add(f"old{self.number}", 900).partition("-")[0])

    def work(self) -> None:
        from dashtools.commands.retain import command

        words = ["--apply", "--spool", str(self.library.spool.root), "--config", str(self.library.host_file)]
        status_of(command, "dc-retain", words)

    def wrong(self) -> list[str]:
        found = [n for n, content in self.untouched.items() if (self.library.root / n).read_bytes() != content]
        for name in self.clips:
            original = self.library.roots["indoor_nas"] / f"raw/{name}.mp4"
            if original.exists():
                found += [f"torn {name}"] if original.read_bytes() != f"clip {name}".encode() else []
            elif not self._is_archived(name):
                found.append(f"lost {name}")
        return found

    def _is_archived(self, name: str) -> bool:
        """Is the archive copy whole, and does a stone tell of the removal?"""
        video = f"{name}-0a1b2c3d"
        folders = list(self.library.roots["shed_nas"].glob(f"archive/{video}/*"))
        expected = {n: f"ARCHIVE_VIDEO {video} {n}".encode() for n in ("video_lowres.mp4", "manifest.json")}
        is_whole = len(folders) == 1 and all((folders[0] / n).read_bytes() == c for n, c in expected.items())
        return is_whole and any(s["path"] == f"raw/{name}.mp4" for s in self._stones())

    def _stones(self) -> list[dict[str, object]]:
        from dashtools.devices.pins import tombstones

        return list(tombstones(self.library.spool))


class Privacy:
    """Old clips with plates on no list; the digests agree once a run was through, and plates never come back."""

    def __init__(self, folder: Path) -> None:
        from test_privacy import Street

        self.street, self.number = Street(folder), 0
        self.street.add("fresh", 0)
        self.fresh = self.street.library.files()

    def prepare(self) -> None:
        if self.number == 0 or not self._plates():
            self.number += 1
            self.street.add(f"old{self.number}", 40)

    def work(self) -> None:
        self.street.run("--apply")

    def _plates(self) -> list[str]:
        return [n for n in self.street.library.files() if n.endswith("_best_crop.jpg") and "old" in n and "t002" in n]

    def wrong(self) -> list[str]:
        found = [f"lost {name}" for name in self.fresh if not (self.street.root / name).exists()]
        for entry in self.street.spool.completed():
            self.street.spool.load(entry)  # every record can be read at every moment
        return found

    def finish(self) -> list[str]:
        self.work()
        left = [n for n in self.street.holding("ZZ98XYW") if "old" in n]
        for entry in self.street.spool.completed():
            for ref in self.street.spool.load(entry).outputs:
                path = self.street.root / ref.device / ref.path
                if ref.sha256 is not None and sha256(path) != ref.sha256:
                    left.append(f"{ref.path} is not what its record names")
        return left


class Archive:
    """One clip's ARCHIVE task, brought back whenever it is complete."""

    def __init__(self, folder: Path) -> None:
        import subprocess

        from dashtools.backends.ffmpeg import find_ffmpeg
        from dashtools.model import FileRef, Task

        self.library = RetentionLibrary(folder)
        host = json.loads(self.library.host_file.read_text())
        often = {"global": {"max_failures": 1000}}  # a task that kills its worker eight times would be flagged
        self.library.host_file.write_text(json.dumps({**host, **often}))
        clip = folder / "indoor_nas" / "raw" / "clip.mp4"
        clip.parent.mkdir()
        lavfi = ["-f", "lavfi", "-i", "testsrc2=d=1:r=10:s=160x120"]
        subprocess.run([str(find_ffmpeg()), "-v", "error", *lavfi, "-c:v", "libx264", str(clip)], check=True)
        self.clip, self.sha256 = clip, sha256(clip)
        video = FileRef("indoor_nas", "raw/clip.mp4", "video", False, self.sha256, clip.stat().st_size)
        inputs = [video]
        ingest = {"sha256": self.sha256, "recorded_at": None, "container": {"duration_s": 1.0}}
        for name, content in (("ingest", ingest), ("detections", {"tracks": []})):
            body = json.dumps(content).encode()
            self.library.put("indoor_nas", f"ingest/{name}.json", body)
            digest = hashlib.sha256(body).hexdigest()
            inputs.append(FileRef("indoor_nas", f"ingest/{name}.json", name, False, digest, len(body)))
        task = Task("archive1", "ARCHIVE_VIDEO", "clip-0a1b2c3d", inputs=tuple(inputs), metadata={"clip": "clip.mp4"})
        self.library.spool.publish(task)
        self.done = 0

    def prepare(self) -> None:
        for entry in list(self.library.spool.completed("ARCHIVE_VIDEO")):
            self.done += 1
            self.library.spool.requeue(entry)

    def work(self) -> None:
        from dashtools.commands.archive import command

        words = ["--once", "--spool", str(self.library.spool.root), "--config", str(self.library.host_file)]
        status_of(command, "dc-archive", words)

    def wrong(self) -> list[str]:
        found = ["original"] if sha256(self.clip) != self.sha256 else []
        records = list(self.library.spool.completed("ARCHIVE_VIDEO"))
        pending = [e for e in self.library.spool.pending("ARCHIVE_VIDEO") if e.task_id == "archive1"]
        if len(records) + len(pending) != 1:
            found.append(f"{len(records)} records and {len(pending)} pending")
        for entry in records:
            task = self.library.spool.load(entry)
            if task.state == "complete" and task.error is not None:
                found.append(str(task.error))
            for ref in task.outputs if task.state == "complete" else ():
                path = self.library.roots[ref.device] / ref.path
                if not path.is_file() or sha256(path) != ref.sha256:
                    found.append(f"half {ref.path}")
        return found

    def finish(self) -> list[str]:
        self.work()
        return self.wrong() if list(self.library.spool.completed("ARCHIVE_VIDEO")) else ["it never ended"]


def main(what: str, folder: Path, kills: int = 200, seed: int = 1, limit_s: int = 3600) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["DASHTOOLS_DATA"] = str(folder / "kept")
    scene, draw = {"retain": Retain, "privacy": Privacy, "archive": Archive}[what](folder), random.Random(seed)
    scene.prepare()
    started = time.monotonic()
    in_child(scene.work, None)
    whole_s, killed, runs, wrong = time.monotonic() - started, 0, 0, scene.wrong()
    while killed < kills and not wrong and time.monotonic() - started < limit_s:
        scene.prepare()
        runs += 1
        killed += in_child(scene.work, draw.uniform(0.0, 1.2) * whole_s)
        wrong = scene.wrong()
    wrong += getattr(scene, "finish", list)()
    told = {"what": what, "kills": killed, "runs": runs, "whole_run_s": round(whole_s, 2), "wrong": wrong}
    print(json.dumps({**told, "load": round(os.getloadavg()[0], 1)}))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), *(int(word) for word in sys.argv[3:6])))
