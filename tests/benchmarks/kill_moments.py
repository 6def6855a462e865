"""Kills at random moments of archiving, retention and configuration: `kill_moments.py FOLDER [KILLS]`, 200 of them.

Each is a process group that gets SIGKILL after a random time, begun again where it stood. Afterwards: no original is
changed by archiving, none is gone without a verified copy and its tombstone, and the configuration is an old or a new
one, never older than one that was acknowledged. Prints one JSON line; status 1 when a fault was found.

Archiving needs the detector's weights ($DASHTOOLS_MODELS); its clip is a synthetic one.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import orjson

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT.parent), str(ROOT / "devices")]
from retention_library import RetentionLibrary  # noqa: E402

from dashtools.config_store import ConfigManager  # noqa: E402
from dashtools.devices.removal import remove  # noqa: E402
from dashtools.files import sha256_of  # noqa: E402
from dashtools.spool.queue import Spool  # noqa: E402

SEED = 20261124
CLIPS = 12


def killed(work: Callable[[], None], after_s: float) -> bool:
    """Forks `work` into a group of its own and kills all of it; False when it had ended by itself."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        try:
            work()
        finally:
            os._exit(0)
    end = time.monotonic() + after_s
    while time.monotonic() < end:
        if os.waitpid(pid, os.WNOHANG)[0]:
            return False
        time.sleep(0.0005)
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:  # not yet a group: killed before its first step
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return True


def of_configuration(folder: Path, kills: int, dice: random.Random) -> list[str]:
    """Two keys are raised together again and again; who reads never sees one without the other."""
    Spool.create(folder / "spool")
    manager, acknowledged = ConfigManager(folder / "spool"), folder / "acknowledged"
    acknowledged.write_text("1")
    log = os.open(acknowledged, os.O_WRONLY)

    def raise_both() -> None:
        number = int(acknowledged.read_text())
        while True:
            number += 1
            manager.update_config({"global": {"max_failures": number % 1000 + 1, "lease_seconds": number % 1000 + 1}})
            os.pwrite(log, str(number).encode(), 0)

    faults, done = [], 0
    while done < kills:
        done += killed(raise_both, dice.uniform(0.0, 0.03))
        wrong, now = manager.validate_config(), manager.document()["global"]
        known = int(acknowledged.read_text())
        pair = (now["max_failures"], now["lease_seconds"])
        faults += [f"configuration: {line}" for line in wrong]
        if manager.version() != "0" and known > 1 and pair not in {(n % 1000 + 1,) * 2 for n in (known, known + 1)}:
            faults.append(f"configuration: {pair} after {known} was acknowledged")
    os.close(log)
    return faults


def of_retention(folder: Path, kills: int, dice: random.Random) -> list[str]:
    """Removals are cut off and go on, over library after library; every second clip has a broken copy and must stay."""
    faults, done, round_ = [], 0, 0
    while done < kills:
        round_ += 1
        library = RetentionLibrary(_made(folder / f"library{round_}"))
        for number in range(CLIPS):
            library.add(f"c{number}", 200)
        for number in range(0, CLIPS, 2):
            next(library.roots["shed_nas"].glob(f"archive/c{number}-*/*/video_lowres.mp4")).write_bytes(b"broken")

        def clear(library: RetentionLibrary = library) -> None:
            judge = library.judge()
            for verdict in judge.verdicts():
                if verdict.may_go:
                    remove(judge, verdict)

        started = time.monotonic()
        while killed(clear, dice.uniform(0.0, 0.15)):
            done += 1
            faults += _lost(library)
            if done >= kills:
                break
        faults += _lost(library)
        if time.monotonic() - started > 60:
            faults.append("retention: it does not come to an end")
    return faults


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _lost(library: RetentionLibrary) -> list[str]:
    """Originals that are gone although their copy is not whole."""
    faults = []
    for number in range(CLIPS):
        is_there = (library.roots["indoor_nas"] / f"raw/c{number}.mp4").exists()
        if not is_there and number % 2 == 0:
            faults.append(f"retention: c{number} is gone without a verified copy")
        stones = any(f"raw/c{number}.mp4" in p.read_text() for p in library.spool.root.glob("notes/removed/**/*.json"))
        if not is_there and not stones:
            faults.append(f"retention: c{number} is gone without a tombstone")
    return faults


def of_archiving(folder: Path, kills: int, dice: random.Random) -> list[str]:
    """One clip is archived again and again, each attempt cut off somewhere, now and then one is let through."""
    from dashtools.backends import synth

    plan = synth.Plan(clip_s=3, clips=1, fps=10, width=640, height=360, seed=7)
    (clip,) = synth.make_drive(_made(folder / "drive"), plan)
    original = sha256_of(clip)
    spool_path = folder / "spool"
    os.environ |= {"DASHTOOLS_DATA": str(folder / "data"), "DASHTOOLS_SPOOL": str(spool_path)}
    before = [word for t in ("INGEST", "PREPROCESS", "HEAVY_PROCESS") for word in ("--type", f"{t}_VIDEO")]
    for name, *words in (("doctor", "--init"), ("ingest", "--publish-only", str(clip.parent)), ("run", *before)):
        subprocess.run([sys.executable, str(ROOT.parent / "bin" / f"dc-{name}"), *words], check=True)
    spool, faults, done = Spool.open(spool_path), [], 0
    _archive(spool_path)
    spool.requeue(next(iter(spool.completed("ARCHIVE_VIDEO"))))
    started = time.monotonic()
    _archive(spool_path)  # the first took longer: it loads its libraries
    whole_s = time.monotonic() - started
    data = next((folder / "data").iterdir())
    while done < kills:
        if next(spool.pending("ARCHIVE_VIDEO"), None) is None:
            spool.requeue(next(iter(spool.completed("ARCHIVE_VIDEO"))))
        done += killed(lambda: _archive(spool_path), dice.uniform(0.0, whole_s))
        faults += _unsound(spool, data) + (["archive: the original changed"] if sha256_of(clip) != original else [])
    _archive(spool_path)
    faults += _unsound(spool, data)
    (entry,) = spool.completed("ARCHIVE_VIDEO")
    faults += [] if entry.state == "complete" else [f"archive: it ended as {entry.state}"]
    spool.files.close()
    return faults


def _archive(spool_path: Path) -> None:
    from dashtools.commands._run import Session
    from dashtools.commands._work import work

    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    work(Session(spool_option=spool_path, lease_s=5), ["ARCHIVE_VIDEO"], "drain")


def _unsound(spool: Spool, data: Path) -> list[str]:
    """Files that a record names and that are not as it says."""
    faults = []
    for entry in spool.completed("ARCHIVE_VIDEO"):
        for ref in spool.load(entry).outputs:
            path = data / ref.device / ref.path
            if not path.is_file() or sha256_of(path) != ref.sha256:
                faults.append(f"archive: {ref.path} is not what its record says")
    return faults


def main(folder: Path, kills: int) -> int:
    dice, found = random.Random(SEED), {}
    out = os.dup(1)
    parts = {"configuration": 0.4, "retention": 0.3, "archiving": 0.3}
    works = {"configuration": of_configuration, "retention": of_retention, "archiving": of_archiving}
    faults: list[str] = []
    for name, share in parts.items():
        started, number = time.monotonic(), max(1, round(kills * share))
        faults += works[name](_made(folder / name), number, dice)
        found[name] = {"kills": number, "seconds": round(time.monotonic() - started, 1)}
    os.write(out, orjson.dumps({"seed": SEED, **found, "faults": faults[:20]}) + b"\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 200))
