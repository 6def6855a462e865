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


LAYOUTS = {
    "A119 V3, A129, A139": (lambda clip, fixes: with_gps(clip, [block(f) for f in fixes], 10), NovatekGps, F32_DEGREES),
    "A119, A119S": (
        lambda clip, fixes: with_gps(clip, [moved(f, 0x30, 0x4C) for f in fixes], 10), NovatekGps, F32_DEGREES,
    ),
    "A229": (lambda clip, fixes: with_gps(clip, [moved(f, 0x30, 0x58) for f in fixes], 10), NovatekGps, F32_DEGREES),
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
