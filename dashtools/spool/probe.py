"""Tries out on a share what the protocol stands on: alone, and together with a second host.

Both hosts run the same steps; each step waits for the other through a folder listing, which is always fresh. The first
in the order of names leads.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
from filelock import FileLock, Timeout

from dashtools.errors import DashtoolsError, TryLater
from dashtools.model import Json
from dashtools.spool import mounts
from dashtools.spool.atomic import Files
from dashtools.spool.queue import Spool
from dashtools.times import to_text, utc_now

ROUNDS = 20
FOLDER = "tmp/probe"
LONGEST_WAIT_S = 150.0  # the first lock on NFSv3 waits out the grace period of its server
NEGATIVE_LIMIT_S = 40.0  # NFSv4.2 by default remembers an absent name for 30 s
POLL_S = 0.02
NUDGE_LOOKS = 25


def alone(spool: Spool) -> Json:
    """What one host can tell."""
    files, here = spool.files, f"tmp/probe~{spool.me.worker}"
    found: Json = {"fsync": True, "free_bytes": shutil.disk_usage(spool.root).free}
    files.mkdirs(here)
    try:
        files.write(f"{here}/a", b"a")
        files.sync_folder(here)
        found["links"] = _has_links(files, here)
        found["case_sensitive"] = _opens(files, f"{here}/A") is None
        found["longest_name"] = max((n for n in (64, 128, 192, 240, 255) if _takes(files, here, n)), default=0)
        found["unique_names"] = all(_takes_name(files, here, name) for name in ("a.run~host~1", "b+c=2", "d~e~f"))
        found["clock_offset_s"] = round(spool.now().timestamp() - time.time(), 3)
    finally:
        with contextlib.suppress(DashtoolsError, OSError):
            files.remove(here)
    mount = mounts.mount_of(spool.root)
    found["file_system"] = mount.kind if mount else None
    found["bad_options"] = list(mounts.complaints(mount)) if mount else []
    return found


def _has_links(files: Files, here: str) -> bool:
    try:
        os.link(files.root / here / "a", files.root / here / "link")
        return True
    except OSError:
        return False


def _opens(files: Files, path: str) -> bytes | None:
    try:
        return files.read(path)
    except FileNotFoundError:
        return None


def _takes(files: Files, here: str, length: int) -> bool:
    return _takes_name(files, here, "n" * length)


def _takes_name(files: Files, here: str, name: str) -> bool:
    try:
        files.write(f"{here}/{name}", b"")
    except (DashtoolsError, OSError):
        return False
    return name in files.names(here)


class Pair:
    """This host's half of a probe with another."""

    def __init__(self, spool: Spool, sleep: Callable[[float], None] = time.sleep) -> None:
        self._spool, self._files, self._me, self._sleep = spool, spool.files, spool.me.worker, sleep
        self._step = 0
        self._other = ""

    def meet(self, wait_s: float) -> str | None:
        """The other's name; None when nobody came. Whoever is there looks for the other as long as he may."""
        self._files.write(f"{FOLDER}/here~{self._me}", b"")
        end = time.monotonic() + wait_s
        while time.monotonic() < end:
            here = sorted(name[5:] for name in self._files.names(FOLDER) if name.startswith("here~"))
            others = [name for name in here if name != self._me]
            if others:
                self._other = others[-1]
                return self._other
            self._sleep(POLL_S)
        self._files.unlink(f"{FOLDER}/here~{self._me}")
        return None

    @property
    def leads(self) -> bool:
        return self._me < self._other

    def together(self, said: object = None) -> object:
        """Waits until both are here; gives what the other said."""
        self._step += 1
        mine, theirs = (f"{FOLDER}/step{self._step:04d}~{name}" for name in (self._me, self._other))
        scratch = f"tmp/probe~step~{self._me}"
        self._files.replace(mine, orjson.dumps(said), scratch)
        end, looks = time.monotonic() + LONGEST_WAIT_S, 0
        while theirs.rpartition("/")[2] not in self._files.names(FOLDER):
            if time.monotonic() > end:
                raise TryLater(f"{self._other} came, but went away during the probe; run dc-doctor share on both again")
            self._sleep(POLL_S)
            looks += 1
            if looks % NUDGE_LOOKS == 0:  # NFSv3 misses a change in the tick of another until the folder changes again
                self._files.write(f"{FOLDER}/nudge~{self._me}", b"")
                self._files.unlink(f"{FOLDER}/nudge~{self._me}")
        with contextlib.suppress(FileNotFoundError):
            return orjson.loads(self._files.read(theirs))
        self._sleep(1.0)
        return orjson.loads(self._files.read(theirs))

    def run(self) -> Json:
        """Everything that two hosts can tell."""
        try:
            found = {
                "unique_rename": self._race(self._rename_to_mine),
                "exclusive_create": self._race(self._create),
                "shared_rename_is_safe": self._race(self._rename_to_same),
                "locks_visible": self._locks(),
                **dict(self._staleness()),
            }
            self._part()
            return found
        finally:
            self._files.unlink(f"{FOLDER}/here~{self._me}")
            if self.leads:
                with contextlib.suppress(DashtoolsError, OSError):
                    self._files.remove(FOLDER)

    def _part(self) -> None:
        """The leader, who takes the folder away, waits until the other has read his last word and gone."""
        end = time.monotonic() + LONGEST_WAIT_S
        while self.leads and f"here~{self._other}" in self._files.names(FOLDER) and time.monotonic() < end:
            self._sleep(POLL_S)

    def _race(self, attempt: Callable[[int], bool]) -> bool:
        """Is there exactly one winner in every round?"""
        kind, single = attempt.__name__, True
        for number in range(ROUNDS):
            if self.leads:
                self._files.write(f"{FOLDER}/{kind}{number}", b"")
            self.together()
            won = attempt(number)
            single &= won != self.together(won)
        return single

    def _rename_to_mine(self, number: int) -> bool:
        return self._renames(f"{FOLDER}/_rename_to_mine{number}", f"{FOLDER}/won{number}~{self._me}")

    def _rename_to_same(self, number: int) -> bool:
        return self._renames(f"{FOLDER}/_rename_to_same{number}", f"{FOLDER}/same{number}")

    def _renames(self, source: str, target: str) -> bool:
        try:
            os.rename(self._files.root / source, self._files.root / target)
            return True
        except OSError:
            return False

    def _create(self, number: int) -> bool:
        try:
            self._files.write(f"{FOLDER}/made{number}", b"")
            return True
        except FileExistsError:
            return False

    def _locks(self) -> bool:
        """Does each see that the other holds a lock, and that it let it go?"""
        return all([self._sees_lock(is_holder=self.leads), self._sees_lock(is_holder=not self.leads)])

    def _sees_lock(self, *, is_holder: bool) -> bool:
        path = f"{FOLDER}/lock{int(is_holder == self.leads)}"
        lock = FileLock(str(self._files.root / path), thread_local=False)
        if is_holder:
            with contextlib.suppress(Timeout, OSError, NotImplementedError):
                lock.acquire(timeout=0)
        self.together()
        seen = is_holder or self._files.is_lock_free(path) is False
        self.together()
        if is_holder and lock.is_locked:
            lock.release()
            Path(self._files.root / path).touch()
        self.together()
        freed = is_holder or self._files.is_lock_free(path) is True
        return bool(self.together(seen and freed)) and seen and freed

    def _staleness(self) -> Iterator[tuple[str, float]]:
        """Seconds until what the leader made is seen by the other: by listing, and by a name tried too early."""
        early, late = f"{FOLDER}/early", f"{FOLDER}/late"
        if not self.leads:
            _opens(self._files, early)
        self.together()
        if self.leads:
            self._files.write(early, b"x")
            self._files.write(late, b"x")
        self.together()
        listed_s = self._seconds_until(lambda: "late" in self._files.names(FOLDER))
        opened_s = 0.0 if self.leads else self._seconds_until(lambda: _opens(self._files, early) is not None)
        theirs = self.together([listed_s, opened_s])
        assert isinstance(theirs, list)
        yield "listing_stale_s", max(listed_s, theirs[0])
        yield "absent_name_stale_s", max(opened_s, theirs[1])

    def _seconds_until(self, is_so: Callable[[], bool]) -> float:
        started = time.monotonic()
        while not is_so() and time.monotonic() - started < NEGATIVE_LIMIT_S:
            self._sleep(POLL_S)
        return round(time.monotonic() - started, 3)


def findings(found: Json) -> Iterator[tuple[str, str, str]]:
    """Grade, what, and words for each finding."""
    yield _grade(found["longest_name"] >= 192, "names", f"names of {found['longest_name']} characters can be made")
    yield _grade(found["unique_names"], "signs", "names with ~ + = can be made")
    case = "differ" if found["case_sensitive"] else "are one: give no two tasks ids that differ only in that"
    yield _grade(found["case_sensitive"], "letters", f"capital and small letters {case}", "warning")
    yield _grade(True, "links", "hard links work" if found["links"] else "no hard links: folders stand in for them")
    yield _grade(
        abs(found["clock_offset_s"]) < 60,
        "clock",
        f"{found['clock_offset_s']} s from the server (order only)",
        "warning",
    )
    yield _grade(found["free_bytes"] > 2**30, "room", f"{found['free_bytes'] / 2**30:.1f} GiB are free", "warning")
    for words in found["bad_options"]:
        yield "warning", "mount", words
    if "unique_rename" not in found:
        yield "warning", "hosts", "no second host came: run dc-doctor share on two hosts at once to try races and locks"
        return
    yield _grade(
        found["unique_rename"],
        "claims",
        "each renamed file had one winner"
        if found["unique_rename"]
        else "two hosts won the same file: a spool here would do tasks twice, use another file system",
    )
    yield _grade(found["exclusive_create"], "creation", "each new name had one maker", "warning")
    yield _grade(
        found["locks_visible"],
        "locks",
        "seen by the other host: death is seen within two beats"
        if found["locks_visible"]
        else "not seen by the other host: death is seen when the lease ran out",
        "warning",
    )
    stale_s = found["absent_name_stale_s"]
    yield _grade(
        stale_s < 2,
        "freshness",
        f"listings {found['listing_stale_s']} s, a name tried too early {stale_s} s old"
        + ("" if stale_s < 2 else "; mount with lookupcache=positive"),
        "warning",
    )


def _grade(is_well: bool, what: str, words: str, else_grade: str = "bad") -> tuple[str, str, str]:
    return ("ok" if is_well else else_grade, what, words)


def stamped(found: Json, spool: Spool, other: str | None) -> Json:
    """The findings with who made them and when."""
    hosts = sorted({spool.me.worker, *([other] if other else [])})
    return {"schema": "share/1", "checked_at": to_text(utc_now()), "by": hosts, **found}
