"""Feeds mutated containers to everything that opens a clip, in a process that is watched for time and memory.

    fuzz_containers.py [COUNT [FIRST]]      prints one JSON line with what became of them; exit status 1 when one broke

Each is accepted, or refused with a reason; anything else, more than 10 s, or more than 300 MB, breaks the promise.
"""

from __future__ import annotations

import io
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections import Counter
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
LIMIT_S = 10.0
LIMIT_MB = 300


def bases() -> list[bytes]:
    """Small whole clips: MP4 with GPS blocks, B frames and sound-free, fragmented, MOV, MPEG-TS, timed GPS tracks."""
    import av
    import numpy as np

    from dashtools.backends.synth_gps import block, with_gps
    from dashtools.model import Fix

    def clip(format: str, options: dict[str, str] | None = None, **codec: str) -> bytes:
        out = io.BytesIO()
        with av.open(out, "w", format=format, options=options or {}) as container:
            stream = container.add_stream("libx264", rate=10, options={"crf": "35", "g": "10", **codec})
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            stream.codec_context.time_base = Fraction(1, 10)
            for number in range(30):
                pixels = np.roll(np.arange(64 * 48 * 3, dtype=np.uint32).astype(np.uint8), 37 * number)
                frame = av.VideoFrame.from_ndarray(pixels.reshape(48, 64, 3), format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 10)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return out.getvalue()

    plain = clip("mp4")
    fixes = [Fix(1000 * k, k > 0, 48.2 + k / 1e4, 16.3, 10.0, 90.0, utc=f"2024-01-15T13:23:{k:02d}Z") for k in range(3)]
    import struct

    gps0 = struct.pack("<2diH6BB3x", 4737.7, 12209.9, 1, 36, 24, 1, 7, 11, 19, 14, 45) * 5
    mai = struct.pack("<4IcIcI10x", 1, 1, 0, 36_000, b"N", 5211435, b"E", 2047369) * 5

    def box(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I4s", len(body) + 8, kind) + body

    garmin = bytes.fromhex("9b630f8d637440ec8204bc5ff5091728") + bytes(17)
    garmin += struct.pack(">IH6x2i", 3_789_123_456, 30, 1 << 29, -(1 << 30)) * 5
    sentence = b"$GPRMC,175522.000,A,4240.8635,N,08312.6278,W,0.02,3.31,020620,,,A*76"
    text = [(block(fix)[:0x3C] + bytes(byte + 16 for byte in sentence)).ljust(0x4000, b"\0") for fix in fixes]

    rmc = b"[1499552090960]$GPRMC,191450.00,A,5357.14375,N,02740.86226,E,10.0,62.67,080717,,,A*50\r\n" * 5
    return [
        plain,
        clip("mp4", bf="2"),
        with_gps(plain, [block(fix) for fix in fixes], 10.0),
        with_gps(plain, text, 10.0),
        clip("mp4", {"movflags": "frag_keyframe+empty_moov"}),
        clip("mov", bf="2"),
        clip("mpegts"),
        plain + box(b"gps0", gps0) + box(b"GPS ", mai) + box(b"free", box(b"gps ", rmc)) + box(b"uuid", garmin),
    ]


def outcome(path: Path) -> str:
    """`accepted`, `damaged` or `refused`; raises when none of these."""
    from dashtools.backends.decode import PyavDecoder
    from dashtools.backends.gps import readers
    from dashtools.backends.mp4 import check_container
    from dashtools.errors import UnreadableClip
    from dashtools.ports import ClipFacts
    from dashtools.stages.ingest import read_track

    own = [reader for reader in readers() if reader.name != "exiftool"]
    decoder, facts = PyavDecoder(1), ClipFacts(0, 0, "", 0.0, 0.0, None, 0, False)
    try:
        report = check_container(path)
        facts = decoder.facts(path)
        result = "accepted" if not report.findings and decoder.probe_tail(path) else "damaged"
    except UnreadableClip as error:
        if not error.reason.strip():
            raise AssertionError("refused without a reason") from error
        result = "refused"
    for fix in read_track(own, path, facts).fixes:
        if fix.is_valid and not (abs(fix.latitude or 0) <= 90 and abs(fix.longitude or 0) <= 180):
            raise AssertionError(f"an impossible position: {fix}")
    return result


def worker(pipe: Connection, folder: str) -> None:
    """Answers each number with (outcome or what broke, peak MB)."""
    from mutations import mutated

    made, path = bases(), Path(folder) / "clip.mp4"
    outcome_of_whole = []
    for content in made:
        path.write_bytes(content)
        outcome_of_whole.append(outcome(path))
    pipe.send(outcome_of_whole)
    while (number := pipe.recv()) is not None:
        path.write_bytes(mutated(made, number))
        try:
            said = outcome(path)
        except Exception as error:
            said = f"broke: {type(error).__name__}: {error}"
        pipe.send((said, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))


def run(count: int, first: int = 0) -> dict[str, object]:
    """What became of so many mutations."""
    context = multiprocessing.get_context("spawn")
    counts: Counter[str] = Counter()
    broken: list[tuple[int, str]] = []
    slowest_s, peak_mb, started, whole = 0.0, 0, time.monotonic(), []
    number, process, pipe = first, None, None
    with tempfile.TemporaryDirectory() as folder:
        while number < first + count:
            if process is None:
                pipe, theirs = context.Pipe()
                process = context.Process(target=worker, args=(theirs, folder), daemon=True)
                process.start()
                theirs.close()
                whole = pipe.recv()
            at = time.monotonic()
            pipe.send(number)
            said = None
            try:
                if pipe.poll(LIMIT_S):
                    said, peak = pipe.recv()
                    peak_mb = max(peak_mb, peak)
            except EOFError:
                process.join(5)
                said = f"broke: the process died ({process.exitcode})"
            slowest_s = max(slowest_s, time.monotonic() - at)
            if said is None:
                said = f"broke: longer than {LIMIT_S:g} s"
            if said.startswith("broke"):
                broken.append((number, said))
                if "process died" in said or "longer" in said:
                    process.kill()
                    process = None
            counts[said.split(":")[0]] += 1
            number += 1
        if process is not None and pipe is not None:
            pipe.send(None)
            process.join(10)
    return {
        "count": count,
        "first": first,
        "outcomes": dict(counts),
        "whole": whole,
        "broken": broken[:20],
        "slowest_s": round(slowest_s, 2),
        "peak_mb": peak_mb,
        "seconds": round(time.monotonic() - started, 1),
    }


if __name__ == "__main__":
    result = run(*(int(word) for word in sys.argv[1:3] or ["10000"]))
    print(json.dumps(result))
    sys.exit(bool(result["broken"]) or int(result["peak_mb"]) > LIMIT_MB)  # type: ignore[call-overload]
