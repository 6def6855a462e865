"""What a mount's options mean for the spool, in words: why each bad one is bad and which option mends it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mount:
    """A line of /proc/mounts."""

    point: str
    kind: str
    options: tuple[str, ...]

    def value(self, name: str) -> str | None:
        """The value of an option; "" for one without; None when it is not set."""
        for option in self.options:
            key, _, value = option.partition("=")
            if key == name:
                return value
        return None


BAD: tuple[tuple[str, str, str | None, str, str], ...] = (
    # kinds, option, its value (None: any), why it is bad, what mends it
    ("nfs cifs", "soft", None, "an answer that comes late becomes an error in the middle of a step", "hard"),
    ("nfs", "nolock", None, "locks stay on this host, so that a dead worker is seen by its lease only", "lock"),
    ("nfs", "local_lock", "all", "locks stay on this host: others see them as free", "local_lock=none"),
    ("nfs", "local_lock", "flock", "flock locks stay on this host: others see them as free", "local_lock=none"),
    (
        "nfs",
        "lookupcache",
        "all",
        "a name is thought absent for 30 s after it was made elsewhere",
        "lookupcache=positive",
    ),
    ("nfs", "nocto", None, "a heartbeat that another host wrote is not seen", "cto"),
    ("nfs", "proto", "udp", "a lost datagram repeats a rename that took effect", "proto=tcp"),
    ("nfs", "vers", "2", "no exclusive create", "vers=4.2"),
    (
        "nfs",
        "vers",
        "3",
        "a change in the same clock tick as another is seen only after the next one",
        "vers=4.2",
    ),
    ("cifs", "nobrl", None, "locks stay on this host: others see them as free", "leave nobrl out"),
    ("cifs", "nolock", None, "locks stay on this host: others see them as free", "leave nolock out"),
    ("cifs", "cache", "loose", "what another host wrote is not seen", "cache=strict"),
    ("cifs", "noserverino", None, "two files may look like one", "serverino"),
    ("cifs", "nohandlecache", None, "every look at a heartbeat costs one more round trip", "leave nohandlecache out"),
    (
        "cifs",
        "closetimeo",
        "1",
        "files stay open for a second: Linux 6.1 was seen to hang on a rename then",
        "closetimeo=0",
    ),
    ("nfs cifs fuse", "ro", None, "nothing can be written", "rw"),
)
MUST_HAVE: tuple[tuple[str, str, str], ...] = (
    ("nfs", "lookupcache", "a name is thought absent for 30 s after it was made elsewhere; add lookupcache=positive"),
)


def mount_of(folder: Path, table: str | None = None) -> Mount | None:
    """The mount that a folder lies on."""
    text = table if table is not None else Path("/proc/mounts").read_text(encoding="utf-8", errors="replace")
    where, found = os.path.realpath(folder), None
    for line in text.splitlines():
        fields = line.split(" ")
        point = fields[1].replace("\\040", " ") if len(fields) > 3 else ""
        is_above = point and (where == point or where.startswith(point.rstrip("/") + "/"))
        if is_above and (found is None or len(point) >= len(found.point)):
            found = Mount(point, fields[2], tuple(fields[3].split(",")))
    return found


def complaints(mount: Mount) -> Iterator[str]:
    """A sentence for each option that is bad for a spool, with the one that mends it.

    >>> list(complaints(Mount("/mnt", "nfs4", ("rw", "soft", "lookupcache=pos"))))
    ['soft: an answer that comes late becomes an error in the middle of a step; mount with hard']
    """
    kind = "nfs" if mount.kind.startswith("nfs") else "cifs" if mount.kind in ("cifs", "smb3") else mount.kind
    kind = "fuse" if kind.startswith("fuse") else kind
    for kinds, name, value, why, cure in BAD:
        have = mount.value(name)
        if kind in kinds.split() and have is not None and (value is None or have == value):
            yield f"{name}{'=' + value if value else ''}: {why}; {_words(cure)}"
    for kinds, name, words in MUST_HAVE:
        if kind in kinds.split() and mount.value(name) is None:
            yield f"no {name}: {words}"


def _words(cure: str) -> str:
    return cure if " " in cure else f"mount with {cure}"
