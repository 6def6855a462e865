"""Containers: what is refused, what is let through, and that no bytes make the check hang."""

from __future__ import annotations

import contextlib
import re
import struct
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashtools.backends.mp4 import check_container
from dashtools.errors import InputMissing, UnreadableClip


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def table(kind: bytes, *rows: tuple[int, ...]) -> bytes:
    return box(kind, struct.pack(">II", 0, len(rows)), *(struct.pack(f">{len(row)}I", *row) for row in rows))


def moov(
    offsets: list[int], sizes: list[int], *, handler: bytes = b"vide", runs=((1, 1, 1),), extra: bytes = b""
) -> bytes:
    """An index of one track, `runs` of stsc, one chunk an offset."""
    stsz = box(b"stsz", struct.pack(">III", 0, 0, len(sizes)), *(struct.pack(">I", size) for size in sizes))
    stbl = box(
        b"stbl", table(b"stsd"), table(b"stts", (len(sizes), 40)), table(b"stsc", *runs), stsz,
        table(b"stco", *((offset,) for offset in offsets)),
    )  # fmt: skip
    hdlr = box(b"hdlr", struct.pack(">II4s", 0, 0, handler), bytes(13))
    mvhd = box(b"mvhd", struct.pack(">IIIII", 0, 0, 0, 1000, 40 * len(sizes)), bytes(80))
    return box(b"moov", mvhd, box(b"trak", box(b"mdia", hdlr, box(b"minf", stbl))), extra)


FTYP = box(b"ftyp", b"isom", bytes(4))


def clip(samples: int = 4, size: int = 50, **changes) -> bytes:
    """A whole clip of `samples` pictures, index last."""
    first = len(FTYP) + 8
    index = moov([first + k * size for k in range(samples)], [size] * samples, **changes)
    return FTYP + box(b"mdat", b"\x2a" * (samples * size)) + index


@pytest.fixture
def written(tmp_path):
    def write(content: bytes, name: str = "clip.mp4") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def test_a_whole_clip_has_nothing_to_report(written):
    report = check_container(written(clip()))
    assert (report.format, report.findings, report.video_samples, report.missing_samples) == ("mp4", (), 4, 0)


def test_an_index_before_the_media_is_as_good(written):
    size = len(FTYP) + len(moov([0], [9])) + 8
    assert check_container(written(FTYP + moov([size], [9]) + box(b"mdat", bytes(9)))).findings == ()


CUT = "before the camera wrote its index"
REFUSED = {
    "empty": (b"", "is empty"),
    "a header alone": (FTYP + box(b"free"), "no moov and no mdat"),
    "power cut, size written": (FTYP + struct.pack(">I4s", 9000, b"mdat") + b"\1" * 80, CUT),
    "power cut with size zero": (FTYP + struct.pack(">I4s", 0, b"mdat") + b"\1" * 80, CUT),
    "index cut": (clip()[:-60], "the index was cut"),
    "only sound": (clip(handler=b"soun"), "no whole video track"),
    "no samples": (clip(samples=0, runs=()), "lists no picture"),
    "chunks beyond the file": (FTYP + box(b"mdat", bytes(9)) + moov([10**6], [9]), "none lies in the file"),
    "samples inside the index": (FTYP + moov([40], [9]), "none lies in the file"),
    "no run of chunks": (clip(runs=()), "stsc is empty"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(300), "a PNG picture"),
    "zeros": (bytes(5000), "are zeros"),
    "text": (b"hello, this is no clip at all" * 9, "begins with bytes 68 65"),
    "fragments without a header": (box(b"styp", b"msdh") + box(b"moof", bytes(8)), "fragments without the moov"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_clip_without_any_picture_is_refused_with_its_reason(written, content, reason):
    with pytest.raises(UnreadableClip, match=reason) as caught:
        check_container(written(content, "bad.mp4"))
    assert caught.value.filename == "bad.mp4"


def test_a_power_cut_is_told_with_its_offsets(written):
    content = FTYP + struct.pack(">I4s", 9000, b"mdat") + b"\1" * 80
    with pytest.raises(UnreadableClip, match=rf"mdat at {len(FTYP)}, file ends at {len(content)}"):
        check_container(written(content))


def test_pictures_beyond_the_end_are_counted_and_the_rest_goes_on(written):
    start = len(FTYP) + len(moov([0, 0, 0], [9, 9, 9])) + 8
    content = FTYP + moov([start, start + 9, start + 18], [9, 9, 9]) + box(b"mdat", bytes(27))
    report = check_container(written(content[:-10]))
    assert (report.video_samples, report.missing_samples) == (3, 2)
    assert "2 of 3 pictures of the index are not in the file" in report.findings


def test_an_index_cut_behind_its_tables_is_let_through(written):
    report = check_container(written(clip(extra=box(b"udta", bytes(90)))[:-50]))
    assert report.missing_samples == 0
    assert any("moov" in finding and "ends at" in finding for finding in report.findings)


def test_a_count_larger_than_its_table_is_a_finding_not_a_crash(written):
    content = bytearray(clip(extra=box(b"udta", bytes(400))))
    at = content.index(b"stco") + 8
    content[at : at + 4] = b"\xff\xff\xff\xff"
    report = check_container(written(bytes(content)))
    (finding,) = report.findings
    assert "counts 4294967295 entries but holds 4" in finding


@pytest.mark.parametrize(("scale", "ticks"), [(0, 1000), (1, 4_000_000)], ids=["no scale", "46 days"])
def test_a_duration_that_no_clip_has_is_a_finding(written, scale, ticks):
    content = bytearray(clip())
    at = content.index(b"mvhd") + 16
    content[at : at + 8] = struct.pack(">II", scale, ticks)
    (finding,) = check_container(written(bytes(content))).findings
    assert f"{ticks} ticks at {scale} a second" in finding


def test_a_fragmented_clip_is_let_through_and_one_without_fragments_is_not(written):
    header = FTYP + moov([], [], runs=(), extra=box(b"mvex"))
    report = check_container(written(header + box(b"moof", bytes(8)) + box(b"mdat", bytes(8))))
    assert report.format == "fragmented mp4"
    with pytest.raises(UnreadableClip, match="without any fragment"):
        check_container(written(header))


@pytest.mark.parametrize("stride", [188, 192])
def test_a_transport_stream_is_recognised_and_its_broken_part_counted(written, stride):
    packet = b"\x47" + bytes(187)
    packet = packet if stride == 188 else bytes(4) + packet
    whole = check_container(written(packet * 640))
    assert (whole.format, whole.findings) == ("mpeg-ts", ())
    half = check_container(written(packet * 320 + bytes(stride) * 320 + bytes(7)))
    assert "about 50% of the packets are out of step" in half.findings[0]
    assert re.search(r"the last packet, at byte \d+, is cut: 7 of", half.findings[1])


def test_a_vendors_bytes_behind_the_index_are_no_damage(written):
    assert check_container(written(clip() + b"\xff" * 500)).findings == ()


def test_a_file_that_vanished_is_missing_and_not_damaged(tmp_path):
    with pytest.raises(InputMissing):
        check_container(tmp_path / "gone.mp4")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 700), flips=st.lists(st.tuples(st.integers(0, 700), st.integers(1, 255)), max_size=8))
def test_no_cut_and_no_flipped_bits_crash_or_hang_the_check(tmp_path, cut, flips):
    content = bytearray(clip(extra=box(b"udta", bytes(20)))[: 700 - cut])
    for at, mask in flips:
        if at < len(content):
            content[at] ^= mask
    path = tmp_path / "fuzzed.mp4"
    path.write_bytes(bytes(content))
    started = time.monotonic()
    try:
        check_container(path)
    except UnreadableClip as error:
        assert len(str(error)) > 20
    assert time.monotonic() - started < 5


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=600))
def test_random_bytes_are_refused_or_let_through_but_never_crash(tmp_path, content):
    path = tmp_path / "random.mp4"
    for prefix in (b"", FTYP, FTYP + struct.pack(">I4s", len(content) + 8, b"moov")):
        path.write_bytes(prefix + content)
        with contextlib.suppress(UnreadableClip):
            check_container(path)


UNREADABLE = {
    "chunk_out_of_range.mp4": "none lies in the file",
    "empty.MP4": "is empty",
    "ftyp_only.MP4": "no moov and no mdat",
    "moov_cut_halfway.MP4": "the index was cut",
    "not_a_video.MP4": "a PNG picture",
    "powercut_no_moov.MP4": "mdat at 40, file ends at 1419820",
    "zero_empty_stsc.mp4": "none lies in the file",
}


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "reason"), UNREADABLE.items(), ids=UNREADABLE)
def test_the_broken_files_of_the_collection_are_refused(realdata, name, reason):
    with pytest.raises(UnreadableClip, match=reason):
        check_container(realdata / "broken" / name)


@pytest.mark.realdata
@pytest.mark.parametrize("folder", ["video", "plate_tracks", "gps_assembled", "motion"])
def test_every_whole_clip_of_the_collection_passes_without_a_finding(realdata, folder):
    clips = [path for path in sorted((realdata / folder).iterdir()) if path.suffix.lower() == ".mp4"]
    assert clips
    assert {path.name: check_container(path).findings for path in clips if check_container(path).findings} == {}


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["bitflips_400.MP4", "zero_filled_second_half.MP4"])
def test_damaged_media_under_a_whole_index_passes(realdata, name):
    assert check_container(realdata / "broken" / name).missing_samples == 0


TS_PACKET = b"\x47" + bytes(187)


@pytest.mark.parametrize("head", [b"\0" + TS_PACKET[1:], b"\xa5" * 1000, bytes(5000)], ids=["bit", "noise", "zeros"])
def test_a_transport_stream_that_begins_later_is_damaged_and_not_refused(written, head):
    report = check_container(written(head + TS_PACKET * 640))
    assert report.format == "mpeg-ts"
    assert report.findings == (f"{len(head)} bytes at byte 0 are no packet: the stream begins behind them",)


def test_bytes_too_many_in_a_transport_stream_cost_one_finding(written):
    report = check_container(written(TS_PACKET * 100 + b"xyz" + TS_PACKET * 540))
    assert [finding.split(":")[0] for finding in report.findings] == ["bytes are missing or too many before byte 18800"]


def test_a_stream_of_strangers_boxes_before_the_known_ones_is_looked_at_all_the_same(written):
    with pytest.raises(UnreadableClip, match="no moov box"):
        check_container(written(b"\0\0\0\x10CAMRsecretss" + b"\0\0\1\0mdat" + bytes(248)))
