"""Tells from a clip's name which camera made it, which way it looked, why, and when by the camera's clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from dashtools.errors import BadConfig


@dataclass(frozen=True)
class ClipName:
    """What a name says; `local_time` is naive: the camera's own clock in whatever zone it was set to."""

    camera: str = "unknown"
    channel: str = "unknown"
    is_event: bool = False
    is_parking: bool = False
    is_locked: bool = False
    local_time: datetime | None = None


DAY = r"(?P<y>20\d\d){0}(?P<mo>[01]\d){0}(?P<d>[0-3]\d)"
CLOCK = r"(?P<h>[0-2]\d){0}(?P<mi>[0-5]\d){0}(?P<s>[0-6]\d)"


def _stamp(inside: str = "", between: str = "", clock: str | None = None) -> str:
    return DAY.format(inside) + between + CLOCK.format(inside if clock is None else clock)


SHORT = _stamp().replace(r"20\d\d", r"\d\d")  # two digits of the year
SHORT_BETWEEN = {mark: SHORT.replace("(?P<h>", f"{mark}(?P<h>") for mark in "_-"}

FORMATS: tuple[tuple[str, str], ...] = (
    # 2017_0709_082116_002F.MP4, 2023_0101_120000_00012PF.MP4
    (
        "viofo",
        r"(?P<y>20\d\d)_(?P<mo>\d\d)(?P<d>\d\d)_" + CLOCK.format("") + r"_\d{3,6}(?P<kind>[PE])?(?P<side>[FRIT])?",
    ),
    # 20170709083018_000045.MP4, 20230101120000_000123PF.MP4
    ("viofo", _stamp() + r"_\d{6}(?P<kind>[PE])?(?P<side>[FRIT])?"),
    # 20170708_221449_NF.mp4
    ("blackvue", _stamp(between="_") + r"_(?P<kind>[NEPMTIOABRCDXGY])(?P<side>[FRIO])?[LS]?"),
    # NO20191130-120156-000121.MP4, EV20260712-195504-000000F.MP4
    ("70mai", r"(?P<kind>NO|EV|PA|LA|SP)" + _stamp(between="-") + r"-\d{6}(?P<side>[FBRI])?"),
    # 20240115_102030_INF_F_N.mp4
    ("vueroid", _stamp(between="_") + r"_[A-Z0-9]{2,6}_(?P<side>[FRI])_(?P<kind>[NEPM])"),
    # 210715_101532_001_FH.MP4
    ("nextbase", SHORT_BETWEEN["_"] + r"(?:_\d{3})?_(?P<kind>[NEP](?=[FRIHL]))?(?P<side>[FRIWC])?[HLN]?"),
    # REC_2017_07_09_08_30_18_F.MP4, EVT_..., MAN_..., PAR_..., MOT_...
    ("thinkware", r"(?P<kind>REC|EVT|MAN|PAR|MOT|TIM)_" + _stamp("_?", "_") + r"(?:_(?P<side>[FRI]))?"),
    # 20201217150712_0060.mp4, 20201217150712_0060_R.mp4, S_20201217150712_0060.mp4
    ("ddpai", r"(?:(?P<kind>[A-Z])_)?" + _stamp() + r"_\d{4}(?:_(?P<side>[FRI]))?"),
    # 2024-01-15_10-20-30-front.mp4
    ("tesla", _stamp("-", "_") + r"-(?P<side>front|back|left_repeater|right_repeater|left_pillar|right_pillar)"),
    # 20240115_102030_0001_N_A.MP4
    ("vantrue", _stamp(between="_") + r"_\d{4}_(?P<kind>[NEPT])_(?P<side>[ABC])"),
    # FILE210101-120000F.MP4, EMER..., PARK...
    ("mio", r"(?P<kind>FILE|EMER|EVNT|PARK|LOCK)" + SHORT_BETWEEN["-"] + r"(?:-\d+)?(?P<side>[FR])?"),
    # GRMN0001.MP4, GRMN0001-0002.MP4
    ("garmin", r"GRMN\d{4}(?:-\d{4})?"),
    # GX010123.MP4, GH..., GOPR0123.MP4, GP010123.MP4
    ("gopro", r"(?:G[XHLP]\d{6}|GOPR\d{4})"),
    # anything else that says a whole date and time
    ("unknown", r".*?(?<!\d)" + _stamp("[-_.]?", "[-_ T.]?") + r"(?!\d).*?(?:(?<=[\d_])(?P<side>[FRI]))?"),
)
PATTERNS = tuple((camera, re.compile(pattern + r"\Z", re.IGNORECASE)) for camera, pattern in FORMATS)
COPY = re.compile(r"\Acopy of |(?: - copy|_copy)?(?: ?\(\d+\))?\Z", re.IGNORECASE)  # what file managers add

CHANNELS = {
    "F": "front", "FRONT": "front", "R": "rear", "B": "rear", "BACK": "rear", "I": "interior",
}  # fmt: skip
FOLDER_CHANNELS = {"front": "front", "rear": "rear", "back": "rear", "interior": "interior", "cabin": "interior"}
VANTRUE_CHANNELS = {"A": "front", "B": "interior", "C": "rear"}
OWN_GROUPS = {"y", "mo", "d", "h", "mi", "s", "side", "kind", "camera"}
EVENT_KINDS = {"E", "EV", "EVT", "EMER", "EVNT"}
OWN_EVENT_KINDS = {"blackvue": set("IATB"), "ddpai": set("GS")}  # impact, acceleration, cornering, braking; G sensor
PARKING_KINDS = {"P", "PA", "PAR", "MOT", "PARK"}
LOCKED_KINDS = {"M", "MAN", "LOCK"}
FOLDER_FLAGS = {
    "is_event": ("event", "emr", "evt", "sentryclips", "savedclips", "urgent"),
    "is_parking": ("park", "sentryclips"),
    "is_locked": ("ro", "lock", "locked", "protected", "saved", "savedclips", "manual"),
}


def own_pattern(pattern: str) -> re.Pattern[str]:
    """A pattern of the configuration, compiled; BadConfig when it is none, or names groups that nobody knows.

    >>> bool(own_pattern(r"cam(?P<side>[FR])_(?P<y>\\d{4})(?P<mo>\\d\\d)(?P<d>\\d\\d)").match("camF_20240101"))
    True
    """
    try:
        compiled = re.compile(f"(?:{pattern})\\Z", re.IGNORECASE)
    except re.error as error:
        raise BadConfig(f"processing.clip_name_pattern: {error}") from error
    unknown = sorted(set(compiled.groupindex) - OWN_GROUPS)
    if unknown:
        raise BadConfig(
            f"processing.clip_name_pattern: unknown group {unknown[0]!r}; known: {', '.join(sorted(OWN_GROUPS))}"
        )
    return compiled


def describe(path: str, pattern: str | None = None) -> ClipName:
    """What the last part of a path says, and its folders' names (RO, Event, Parking, SentryClips) add.

    A `pattern` of one's own is tried first: groups y mo d h mi s, `side` (F, R, I, ...), `kind` (N, E, P, M),
    `camera`.

    >>> describe("DCIM/Movie/RO/2017_0709_082116_002F.MP4")  # doctest: +ELLIPSIS
    ClipName(camera='viofo', channel='front', is_event=False, is_parking=False, is_locked=True, local_time=...)
    """
    folders, _, name = path.replace("\\", "/").rpartition("/")
    stem = COPY.sub("", name.rpartition(".")[0] or name)
    own = ((None, own_pattern(pattern)),) if pattern else ()
    for known, form in (*own, *PATTERNS):
        match = form.match(stem)
        if match is not None:
            parts = match.groupdict()
            camera = known or parts.get("camera") or "own pattern"
            kind, side = (parts.get("kind") or "").upper(), (parts.get("side") or "").upper()
            sides = VANTRUE_CHANNELS if camera == "vantrue" else CHANNELS
            return _with_folders(camera, sides.get(side, "unknown"), kind, _local_time(parts), folders)
    return _with_folders("unknown", "unknown", "", None, folders)


def priority_of(path: str) -> int:
    """The priority of a new clip: 3 for an event or a locked clip, else 5."""
    said = describe(path)
    return 3 if said.is_event or said.is_locked else 5


def _with_folders(camera: str, channel: str, kind: str, local_time: datetime | None, folders: str) -> ClipName:
    words = {word for folder in folders.lower().split("/") for word in re.split(r"[^a-z]+", folder)}
    from_folder = {
        flag: any(word == sign or len(sign) > 3 and word.startswith(sign) for word in words for sign in signs)
        for flag, signs in FOLDER_FLAGS.items()
    }
    sides = {FOLDER_CHANNELS[word] for word in words & FOLDER_CHANNELS.keys()}
    return ClipName(
        camera,
        sides.pop() if channel == "unknown" and len(sides) == 1 else channel,
        is_event=kind in EVENT_KINDS | OWN_EVENT_KINDS.get(camera, set()) or from_folder["is_event"],
        is_parking=kind in PARKING_KINDS or from_folder["is_parking"],
        is_locked=kind in LOCKED_KINDS or from_folder["is_locked"],
        local_time=local_time,
    )


def _local_time(parts: dict[str, str | None]) -> datetime | None:
    if not parts.get("y"):
        return None
    year, month, day, hour, minute, second = (int(parts.get(key) or 0) for key in ("y", "mo", "d", "h", "mi", "s"))
    try:
        return datetime(year if year > 99 else 2000 + year, month, day, hour, minute, min(second, 59))
    except ValueError:
        return None
