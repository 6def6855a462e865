"""ExifTool, where it is installed, reads the same fixes from each MP4 that is made here."""

from __future__ import annotations

import shutil
import struct
from functools import reduce
from pathlib import Path

import pytest

from dashtools.backends.exiftool import ExiftoolGps
from dashtools.backends.gps_70mai import MaiBoxGps
from dashtools.backends.gps_blackvue import BlackVueGps
from dashtools.backends.gps_novatek import NovatekGps
from dashtools.backends.synth_gps import BLOCK_BYTES, block, ddmm, with_gps
from dashtools.model import Fix
from dashtools.ports import ClipFacts

pytestmark = pytest.mark.skipif(shutil.which("exiftool") is None, reason="ExifTool is not installed")
SECONDS = 12
FACTS = ClipFacts(64, 48, "h264", float(SECONDS), 10.0, None, 0, False)
F32_DEGREES = 8e-6  # float32 of DDDMM.MMMM at 151 degrees
DRIVES = {"London": (51.5, -0.12), "Sydney": (-33.86, 151.2), "Quito": (-0.18, -78.47)}


def drive(latitude: float, longitude: float, void: tuple[int, ...] = (0, 1, 6)) -> list[Fix]:
    return [
        Fix(1000 * k, k not in void, latitude + k / 5000, longitude + k / 7000, 10.0 + k, 10.0 * k,
            utc=f"2024-01-15T13:23:{k:02d}Z")
        for k in range(SECONDS)
    ]  # fmt: skip


def moved(fix: Fix, place: int, marker: int) -> bytes:
    """A block whose record lies at another place, under another marker."""
    whole = bytearray(block(fix))
    record = bytes(whole[0x10 : 0x10 + 44])
    whole[0x10:] = bytes(BLOCK_BYTES - 0x10)
    whole[place : place + 44] = record
    struct.pack_into("<I", whole, 12, marker)
    return bytes(whole)


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, kind) + body


def blackvue(plain: bytes, fixes: list[Fix]) -> bytes:
    log = b""
    for fix in fixes:
        lat, lon = ddmm(fix.latitude or 0), ddmm(fix.longitude or 0)
        north, east = "S" if (fix.latitude or 0) < 0 else "N", "W" if (fix.longitude or 0) < 0 else "E"
        knots = (fix.speed_mps or 0) / 0.514444
        place = f"{lat:010.5f},{north},{lon:011.5f},{east},{knots:.3f},{fix.bearing_deg},150124,,,A"
        second = f"GPRMC,1323{fix.t_ms // 1000:02d}.00"
        body = f"{second},A,{place}" if fix.is_valid else f"{second},V,,,,,,,150124,,,N"
        check = reduce(lambda a, b: a ^ ord(b), body, 0)
        log += f"[{1705324980000 + fix.t_ms}]${body}*{check:02X}\r\n".encode()
    return plain.replace(b"\0\0\0\x08free", b"\0\0\0\x08skip") + box(b"free", box(b"gps ", log))


def mai(plain: bytes, fixes: list[Fix]) -> bytes:
    records = b"".join(
        struct.pack("<4IcIcI10x", 1, int(f.is_valid), f.t_ms // 1000, round((f.speed_mps or 0) * 3600),
                    b"S" if (f.latitude or 0) < 0 else b"N", round(ddmm(f.latitude or 0) * 1000) * f.is_valid,
                    b"W" if (f.longitude or 0) < 0 else b"E", round(ddmm(f.longitude or 0) * 1000) * f.is_valid)
        for f in fixes
    )  # fmt: skip
    return plain + box(b"GPS ", records + bytes(36 * 4))  # the camera reserves more than it fills


def azdome(fix: Fix) -> bytes:
    """A block whose text is enciphered with 0xAA."""
    whole = bytearray(block(fix)[:0x10].ljust(BLOCK_BYTES, b"\0"))
    lat, lon = round(ddmm(fix.latitude or 0) * 1e4), round(ddmm(fix.longitude or 0) * 1e4)
    north, east = "S" if (fix.latitude or 0) < 0 else "N", "W" if (fix.longitude or 0) < 0 else "E"
    clock = f"202401151323{fix.t_ms // 1000:02d}".encode()
    place = f"{north}{lat:08d}{east}{lon:09d}{round((fix.speed_mps or 0) * 3.6):08d}".encode() if fix.is_valid else b""
    text = b"\0\0XKZD\xfe\xfe" + clock + b"\x0c" + b"5567GP".ljust(14) + b"\x03" + place
    whole[0x10:0x12] = b"\x01\x03"
    whole[0x12 : 0x12 + 243] = bytes(byte ^ 0xAA for byte in text.ljust(243, b"\0"))
    return bytes(whole)


LAYOUTS = {
    "A119 V3, A129, A139": (lambda clip, fixes: with_gps(clip, [block(f) for f in fixes], 10), NovatekGps, F32_DEGREES),
    "A119, A119S": (
        lambda clip, fixes: with_gps(clip, [moved(f, 0x30, 0x4C) for f in fixes], 10), NovatekGps, F32_DEGREES,
    ),
    "A229": (lambda clip, fixes: with_gps(clip, [moved(f, 0x30, 0x58) for f in fixes], 10), NovatekGps, F32_DEGREES),
    "Azdome": (lambda clip, fixes: with_gps(clip, [azdome(f) for f in fixes], 10), NovatekGps, 2e-6),
    "BlackVue": (blackvue, BlackVueGps, 1e-7),
    "70mai box": (mai, MaiBoxGps, 1e-5),
}  # fmt: skip


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> bytes:
    """A clip of one stream without any GPS."""
    from fractions import Fraction

    import av
    import numpy as np

    path = tmp_path_factory.mktemp("oracle") / "plain.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "35"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 10)
        for number in range(10 * SECONDS):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    # the handler in ffmpeg's udta hides later GPS boxes from ExifTool
    return path.read_bytes().replace(b"udta", b"skip")


@pytest.mark.parametrize("place", DRIVES.values(), ids=DRIVES)
@pytest.mark.parametrize(("make", "reader", "quantum"), LAYOUTS.values(), ids=LAYOUTS)
def test_ours_and_exiftools_fixes_are_the_same_and_the_truth(tmp_path: Path, plain, place, make, reader, quantum):
    truth = drive(*place)
    path = tmp_path / "20240115_142300_NF.mp4"
    path.write_bytes(make(plain, truth))
    ours = reader().read(path, FACTS)
    assert [fix.is_valid for fix in ours.fixes] == [fix.is_valid for fix in truth]
    valid = [fix for fix in ours.fixes if fix.is_valid]
    theirs = [fix for fix in ExiftoolGps().read(path, FACTS).fixes if fix.is_valid]
    assert len(theirs) == len(valid)
    for own, other, true in zip(valid, theirs, (fix for fix in truth if fix.is_valid)):
        assert own.latitude == pytest.approx(other.latitude, abs=1e-9)
        assert own.longitude == pytest.approx(other.longitude, abs=1e-9)
        assert own.latitude == pytest.approx(true.latitude, abs=quantum)
        assert own.longitude == pytest.approx(true.longitude, abs=quantum)
        assert abs(own.t_ms - true.t_ms) <= 100


def transport_stream(fixes: list[Fix]) -> bytes:
    """Pictures in MPEG-TS and a record a second on a PID that no table names, as Viofo writes them."""
    import io
    from fractions import Fraction

    import av
    import numpy as np

    out = io.BytesIO()
    with av.open(out, "w", format="mpegts") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "35", "g": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 10)
        for number in range(10 * SECONDS):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    plain = out.getvalue()
    parts, count, counter = [], len(plain) // 188, 0
    for number, fix in enumerate(fixes):
        first, last = (8 + (count - 8) * k // len(fixes) for k in (number, number + 1))
        rest = b"\0\0\1\xbf" + struct.pack(">H", 1008) + block(fix)[0x10 : 0x10 + 44].ljust(1008, b"\0")
        for k in range(0, len(rest), 184):
            piece, start = rest[k : k + 184], 0x4000 if k == 0 else 0
            pad = 184 - len(piece)
            stuffing = bytes([pad - 1]) + (b"\0" + b"\xff" * (pad - 2) if pad > 1 else b"") if pad else b""
            control = (0x30 if pad else 0x10) | counter & 15
            parts.append(struct.pack(">BHB", 0x47, start | 0x300, control) + stuffing + piece)
            counter += 1
        parts.append(plain[188 * first : 188 * last])
    return plain[: 8 * 188] + b"".join(parts)


@pytest.mark.parametrize("void", [(), (0, 1, 2), (5, 6)], ids=["all fixed", "void head", "a tunnel"])
def test_a_transport_stream_is_read_whole_where_exiftool_stops_at_the_first_void_slot(tmp_path: Path, void):
    truth = drive(*DRIVES["Sydney"], void=void)
    path = tmp_path / "20240115142300_000001.TS"
    path.write_bytes(transport_stream(truth))
    ours, theirs = NovatekGps().read(path, FACTS), ExiftoolGps().read(path, FACTS)
    assert [fix.is_valid for fix in ours.fixes] == [fix.is_valid for fix in truth]
    for own, true in zip(ours.fixes, truth):
        assert abs(own.t_ms - true.t_ms) <= 500  # the pictures beside a record come in any order
        if true.is_valid:
            assert own.latitude == pytest.approx(true.latitude, abs=F32_DEGREES)
            assert own.longitude == pytest.approx(true.longitude, abs=F32_DEGREES)
    valid = [fix for fix in ours.fixes if fix.is_valid]
    read = theirs.fixes if theirs is not None else ()
    assert len(read) == len(valid) if not void else len(read) <= len(valid)
    for own, other in zip(valid, read):
        assert (own.latitude, own.longitude) == (
            pytest.approx(other.latitude, abs=1e-9), pytest.approx(other.longitude, abs=1e-9),
        )  # fmt: skip


def test_exiftool_reads_the_clips_of_dc_synth_as_we_do(tiny_drive):
    for path in tiny_drive:
        ours = [fix for fix in NovatekGps().read(path, FACTS).fixes if fix.is_valid]
        theirs = ExiftoolGps().read(path, FACTS).fixes
        assert len(ours) == len(theirs) >= 1
        assert [fix.utc for fix in ours] == [fix.utc for fix in theirs]
        for own, other in zip(ours, theirs):
            assert (own.latitude, own.longitude) == (
                pytest.approx(other.latitude, abs=1e-9), pytest.approx(other.longitude, abs=1e-9),
            )  # fmt: skip
