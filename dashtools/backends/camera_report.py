"""Describes how a camera's clip is built, so that a stranger can send in a new format.

No pictures, no places, no times are in it.

What is shown: the box tree or the packet streams, which tracks there are, what the GPS readers make of it, and the
shape of unknown GPS blocks with every byte that could be a number hidden.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from typing import Any, BinaryIO

from dashtools.backends.boxes import Box, walk
from dashtools.backends.gps import readers
from dashtools.backends.mp4 import OPENING_BOXES, check_container
from dashtools.backends.mpegts import SEARCHED_BYTES, STRIDES, find_sync, is_transport_stream, private_payloads
from dashtools.backends.timed_samples import metadata_tracks, samples
from dashtools.errors import UnreadableClip
from dashtools.model import Json
from dashtools.ports import ClipFacts

PARENTS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"udta", b"moof", b"traf", b"mvex", b"free", b"skip", b"meta"}
MAX_DEPTH = 8
MAX_ENTRIES = 400
HEAD_BYTES = 96
MARKS = (b"freeGPS ", b"LIGOGPSINFO", b"$GPRMC", b"$GNRMC", b"GNRMC,", b"$V02", b"####", b"GPS ", b"\xa9xyz")
SCAN_BYTES = 32 << 20
HEAD_SHOWN = re.compile(r"\bbytes(?: [0-9a-f]{2})+\b")  # the first bytes, which may be anything
FIXED_WORDS = re.compile(rb"freeGPS |LIGOGPSINFO|\$?G[PN](?:RMC|GGA)|normal:|Pittasoft|[A-Z]{4,}")


def report(path: Path) -> Json:
    """The structure of a clip as JSON; its name only as a pattern of letters and digits."""
    with path.open("rb") as stream:
        size_bytes = stream.seek(0, 2)
        is_transport = is_transport_stream(stream)
        found: Json = {
            "schema": "camera_report/1",
            "name_pattern": pattern_of(path.name),
            "size_bytes": size_bytes,
            "container": _container(path),
            "boxes": [] if is_transport else _tree(stream, 0, size_bytes, 0),
            "streams": _streams(stream, size_bytes) if is_transport else [],
            "metadata_tracks": [] if is_transport else _tracks(stream, size_bytes),
            "marks": _marks(stream, size_bytes),
            "gps_blocks": _blocks(stream, size_bytes, is_transport),
        }
    found["gps_readers"] = _read_by(path)
    return found


def pattern_of(name: str) -> str:
    """A name with its digits and letters hidden; what is not a letter or digit stays, and the ending.

    >>> pattern_of("2017_0709_082116_002F.MP4")
    '9999_9999_999999_999A.MP4'
    """
    name = os.fsencode(name).decode("utf-8", "replace")
    stem, dot, suffix = name.rpartition(".")
    hidden = re.sub(r"[^\W\d_]", "A", re.sub(r"\d", "9", stem or name))
    return f"{hidden}{dot}{suffix}" if stem else hidden


def hidden(text: bytes) -> str:
    """The shape of some bytes: known words as they are, digits 9, letters a, zeros ., all else x.

    >>> hidden(b"freeGPS \\x4c\\0$GPRMC,191450.00,A,5357.1,N")
    'freeGPS a.$GPRMC,999999.99,a,9999.9,a'
    """
    out, at = [], 0
    for match in FIXED_WORDS.finditer(text):
        out.append("".join(_shape(byte) for byte in text[at : match.start()]))
        out.append(match[0].decode("ascii") if match[0] in _known(match[0]) else "a" * len(match[0]))
        at = match.end()
    return "".join([*out, *(_shape(byte) for byte in text[at:])])


def _known(word: bytes) -> tuple[bytes, ...]:
    """The word itself when it is one of a format and not somebody's."""
    fixed = (b"freeGPS ", b"LIGOGPSINFO", b"normal:", b"Pittasoft", b"GPRMC", b"GNRMC", b"GPGGA", b"GNGGA")
    return (word,) if word.lstrip(b"$") in fixed else ()


def _shape(byte: int) -> str:
    if byte == 0:
        return "."
    letter = chr(byte)
    if letter.isascii() and letter.isdigit():
        return "9"
    if letter.isascii() and letter.isalpha():
        return "a"
    return letter if letter in " ,.:;/*$#[]()-\r\n" else "x"


def _container(path: Path) -> Json:
    try:
        said = check_container(path)
    except UnreadableClip as error:
        return {"format": None, "findings": [HEAD_SHOWN.sub("bytes", error.reason)], "pictures": None}
    return {"format": said.format, "findings": list(said.findings), "pictures": said.video_samples}


def _tree(stream: BinaryIO, start: int, end: int, depth: int) -> list[Json]:
    boxes, stopped = walk(stream, start, end)
    if depth == 0 and not any(box.type in OPENING_BOXES for box in boxes):
        return []  # text can look like a box: its letters are nobody's structure
    out: list[Json] = []
    for box in boxes[:MAX_ENTRIES]:
        entry: Json = {
            "type": box.name,
            "offset": box.start,
            "size_bytes": None if box.is_cut else box.end - box.start,
            "is_cut": box.is_cut,
        }
        if box.type in PARENTS and depth < MAX_DEPTH:
            body = box.body + (4 if box.type == b"meta" else 0)
            inner = _tree(stream, body, box.payload_end(end), depth + 1)
            entry.update({"boxes": inner} if inner else {})
        if box.type in (b"hdlr", b"stsd"):
            entry["what"] = _what(stream, box)
        out.append(entry)
    if stopped < end and depth == 0:
        out.append({"type": None, "offset": stopped, "size_bytes": end - stopped, "is_cut": False})
    return out


def _what(stream: BinaryIO, box: Box) -> str:
    """The handler's or the sample format's four letters."""
    stream.seek(box.body + (8 if box.type == b"hdlr" else 12))
    return re.sub(r"[^ -~]", "?", stream.read(4).decode("latin-1"))


def _streams(stream: BinaryIO, size_bytes: int) -> list[Json]:
    """Packets of each PID in the first megabytes, with the kind of what starts on it."""
    stream.seek(0)
    text = stream.read(8 << 20)
    offset, stride = find_sync(text[:SEARCHED_BYTES]) or (0, STRIDES[0])
    counts: Counter[int] = Counter()
    kinds: dict[int, set[str]] = {}
    for at in range(offset, len(text) - 187, stride):
        pid = (text[at + 1] & 0x1F) << 8 | text[at + 2]
        counts[pid] += 1
        start = text.find(b"\0\0\1", at + 4, at + 188) if text[at + 1] & 0x40 else -1
        if start >= 0 and start + 3 < at + 188:
            kinds.setdefault(pid, set()).add(f"{text[start + 3]:02x}")
    return [{"pid": k, "packets": n, "stream_ids": sorted(kinds.get(k, ()))} for k, n in sorted(counts.items())]


def _tracks(stream: BinaryIO, size_bytes: int) -> list[Json]:
    """Metadata tracks: format, how many samples, how long, and the hidden shape of the first."""
    found = []
    for track in metadata_tracks(stream, size_bytes):
        whole = list(samples(stream, track, size_bytes))
        found.append(
            {
                "format": track.format,
                "handler": track.handler,
                "samples": len(whole),
                "sample_bytes": sorted({len(sample.text) for sample in whole})[:8],
                "step_ms": round(whole[0].duration_ms, 1) if whole else None,
                "shape": hidden(whole[0].text[:HEAD_BYTES]) if whole else None,
            }
        )
    return found


def _marks(stream: BinaryIO, size_bytes: int) -> Json:
    """How often known marks stand in the first and the last megabytes."""
    stream.seek(0)
    text = stream.read(min(size_bytes, SCAN_BYTES))
    if size_bytes > SCAN_BYTES:
        stream.seek(max(SCAN_BYTES, size_bytes - SCAN_BYTES))
        text += stream.read(SCAN_BYTES)
    return {hidden_mark(mark): count for mark in MARKS if (count := text.count(mark))}


def hidden_mark(mark: bytes) -> str:
    """A mark as text."""
    return mark.decode("latin-1").strip()


def _blocks(stream: BinaryIO, size_bytes: int, is_transport: bool) -> list[Json]:
    """The hidden shapes of the first GPS blocks or private packets."""
    if is_transport:
        found: list[Any] = []
        for offset, text in private_payloads(stream, wanted_bytes=HEAD_BYTES):
            found.append({"offset": offset, "shape": hidden(text[:HEAD_BYTES])})
            if len(found) == 3:
                break
        return found
    stream.seek(0)
    text, found = stream.read(min(size_bytes, SCAN_BYTES)), []
    at = text.find(b"freeGPS ")
    while at >= 0 and len(found) < 3:
        found.append({"offset": max(0, at - 4), "shape": hidden(text[max(0, at - 4) : at - 4 + HEAD_BYTES])})
        at = text.find(b"freeGPS ", at + 8)
    return found


def _read_by(path: Path) -> list[Json]:
    """What each reader makes of the clip itself: slots, fixes and reasons, never a position."""
    found = []
    for reader in readers():
        track = reader.read(path, ClipFacts(0, 0, "", 0.0, 0.0, None, 0, False))
        if track is not None:
            valid = sum(fix.is_valid for fix in track.fixes)
            found.append({"reader": track.reader, "slots": len(track.fixes), "fixes": valid, "note": track.note})
    return found
