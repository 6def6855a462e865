"""Checks the container of a clip before a decoder sees it: is it one, is its index there, do the samples exist?

Nothing is decoded and no media is read: boxes are walked by their headers, tables are read whole.
What a camera leaves when its power is cut is a file without `moov`: told apart here from damage that
a decoder can get past.
"""

from __future__ import annotations

import stat
import struct
from pathlib import Path
from typing import BinaryIO

from dashtools.backends.boxes import Box, descend, first, walk
from dashtools.backends.fragments import impossible
from dashtools.backends.mpegts import SEARCHED_BYTES, check_transport_stream, find_sync
from dashtools.backends.sample_tables import SampleTables, handler_of, read_tables
from dashtools.errors import InputMissing, UnreadableClip
from dashtools.ports import ContainerReport

KEPT = "repair is out of scope, original kept"
MAX_DURATION_S = 24 * 3600  # no camera writes a clip of a day
OPENING_BOXES = {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp", b"moof", b"uuid", b"sidx"}
LOOKED_AT_BOXES = 8
OTHER_VIDEO = {b"RIFF": "avi", b"\x1aE\xdf\xa3": "matroska", b"\x00\x00\x01\xba": "mpeg-ps"}
NOT_VIDEO = {b"\x89PNG": "a PNG picture", b"\xff\xd8\xff": "a JPEG picture", b"GIF8": "a GIF picture", b"PK": "a zip"}


def check_container(path: Path) -> ContainerReport:
    """What is damaged though usable; UnreadableClip when nothing of the clip can be decoded.

    Not promised: that a decoder makes pictures of the samples; only their places are looked at.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for its writer
            raise UnreadableClip(path.name, "it is a folder, a pipe or a device, and no file")
        with path.open("rb") as stream:
            size_bytes = stream.seek(0, 2)
            return _check(stream, size_bytes, path.name)
    except FileNotFoundError as error:
        raise InputMissing(f"{path.name} is not there any more") from error


def _check(stream: BinaryIO, size_bytes: int, name: str) -> ContainerReport:
    if size_bytes == 0:
        raise UnreadableClip(name, f"the file is empty: nothing was written; {KEPT}")
    stream.seek(0)
    head = stream.read(SEARCHED_BYTES)
    for magic, container in OTHER_VIDEO.items():
        if head.startswith(magic):
            return ContainerReport(container, (f"{container} is not checked here, the decoder decides",))
    boxes, stopped = walk(stream, 0, size_bytes)
    if any(box.type in OPENING_BOXES for box in boxes[:LOOKED_AT_BOXES]):
        return _check_boxes(stream, size_bytes, name, boxes, stopped)
    if find_sync(head) is not None:
        return check_transport_stream(stream, size_bytes, name)
    raise UnreadableClip(name, f"not an MP4, MOV or MPEG-TS: {_opening(head)}; {KEPT}")


def _opening(head: bytes) -> str:
    for magic, what in NOT_VIDEO.items():
        if head.startswith(magic):
            return f"it is {what}"
    if not head.strip(b"\0"):
        return f"its first {len(head)} bytes are zeros"
    return f"it begins with bytes {head[:8].hex(' ')}"


def _check_boxes(stream: BinaryIO, size_bytes: int, name: str, boxes: list[Box], stopped: int) -> ContainerReport:
    findings = [f"{box.name} at byte {box.start} says it ends at {box.end}, the file ends at {size_bytes}"
                for box in boxes if box.is_cut]  # fmt: skip
    moov = first(boxes, b"moov")
    fragments = [box for box in boxes if box.type == b"moof"]
    if moov is None:
        raise UnreadableClip(name, _without_moov(size_bytes, boxes, stopped, bool(fragments)))
    inner, _ = walk(stream, moov.body, moov.payload_end(size_bytes))
    if first(inner, b"cmov"):
        return ContainerReport("mov", (*findings, "the header is compressed (cmov) and not checked here"))
    is_fragmented = first(inner, b"mvex") is not None or bool(fragments)
    videos, others = _tracks(stream, inner, size_bytes)
    if not videos:
        raise UnreadableClip(name, _without_video(moov, size_bytes, others))
    findings += _duration_findings(stream, inner)
    if is_fragmented:
        if not fragments and not any(tables.declared for tables in videos):
            raise UnreadableClip(name, f"a fragmented MP4 without any fragment: only its header was written; {KEPT}")
        if (why := impossible(stream, fragments, size_bytes)) is not None:
            raise UnreadableClip(name, f"{why}; {KEPT}")
        return ContainerReport("fragmented mp4", tuple(findings))
    return _judge(name, size_bytes, moov, videos, findings)


def _without_moov(size_bytes: int, boxes: list[Box], stopped: int, has_fragments: bool) -> str:
    if has_fragments:
        return f"fragments without the moov box that explains them; {KEPT}"
    mdat = first(boxes, b"mdat")
    if mdat is None:
        seen = ", ".join(f"{box.name} at {box.start}" for box in boxes[:6])
        what = f"no moov and no mdat box: the camera wrote a header ({seen}) and no picture"
        return f"{what}, file ends at {size_bytes}; {KEPT}"
    what = "no moov box: recording was cut before the camera wrote its index"
    if stopped < size_bytes and not boxes[-1].is_cut:
        what = f"no moov box: the boxes end in bytes that are none at byte {stopped}, an index behind is out of reach"
    return f"{what} (mdat at {mdat.start}, file ends at {size_bytes}); {KEPT}"


def _without_video(moov: Box, size_bytes: int, others: list[str]) -> str:
    if moov.is_cut:
        return (
            f"moov at byte {moov.start} needs {moov.end - moov.start} bytes but the file ends after "
            f"{size_bytes - moov.start} of them: the index was cut while it was written; {KEPT}"
        )
    tracks = ", ".join(others) if others else "none at all"
    return f"moov at byte {moov.start} has no whole video track (tracks: {tracks}); {KEPT}"


def _tracks(stream: BinaryIO, inner: list[Box], size_bytes: int) -> tuple[list[SampleTables], list[str]]:
    """The tables of each whole video track, and what the other tracks are."""
    videos: list[SampleTables] = []
    others: list[str] = []
    for trak in [box for box in inner if box.type == b"trak"][:64]:
        handler = handler_of(stream, trak, size_bytes)
        stbl = descend(stream, trak, size_bytes, b"mdia", b"minf", b"stbl") if handler == "vide" else None
        if stbl is None or stbl.is_cut:
            others.append(f"{handler or 'unnamed'}{'' if handler != 'vide' else ' without whole tables'}")
        else:
            videos.append(read_tables(stream, stbl, size_bytes))
    return videos, others


def _duration_findings(stream: BinaryIO, inner: list[Box]) -> list[str]:
    mvhd = first(inner, b"mvhd")
    if mvhd is None:
        return ["moov has no mvhd: the clip's own duration is unknown"]
    stream.seek(mvhd.body)
    head = stream.read(32)
    if len(head) < 32:
        return [f"mvhd at byte {mvhd.start} is cut"]
    if head[0] == 1:
        scale, duration = struct.unpack_from(">IQ", head, 20)
    else:
        scale, duration = struct.unpack_from(">II", head, 12)
    if scale == 0 or duration / scale > MAX_DURATION_S:
        return [f"mvhd at byte {mvhd.start} says {duration} ticks at {scale} a second, which is no clip's duration"]
    return []


def _judge(name: str, size_bytes: int, moov: Box, videos: list[SampleTables], findings: list[str]) -> ContainerReport:
    """A report on the best video track; refused when none has a sample in the file."""
    if any(tables.is_compact for tables in videos):
        return ContainerReport("mp4", (*findings, "compact sample sizes (stz2) are not checked here"))
    index = (moov.start, moov.payload_end(size_bytes))
    inside, best = max(((tables.inside(size_bytes, index), tables) for tables in videos), key=lambda pair: pair[0])
    if best.declared == 0:
        why = "; ".join(best.faults[:3]) or "its tables are empty"
        raise UnreadableClip(name, f"moov at byte {moov.start} lists no picture: {why}; {KEPT}")
    if inside == 0:
        lowest = int(best.offsets.min()) if len(best.offsets) else None
        where = (
            "no place for any of them" if lowest is None else f"the lowest at byte {lowest}, file ends at {size_bytes}"
        )
        why = "".join(f"; {fault}" for fault in best.faults[:3])
        text = f"the index at byte {moov.start} lists {best.declared} pictures but none lies in the file"
        text = f"{text} ({where}{why}); {KEPT}"
        raise UnreadableClip(name, text)
    if inside < best.declared:
        findings.append(f"{best.declared - inside} of {best.declared} pictures of the index are not in the file")
    return ContainerReport("mp4", (*findings, *best.faults), best.declared, best.declared - inside)
