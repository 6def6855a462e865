"""How fast small copies are made beside a plain ffmpeg with the same settings, and how good they are.

`archive_speed.py FOLDER [HEIGHT] [REPEATS]` takes every clip of a folder, looped to twenty seconds. Prints a JSON line
a clip and codec: wall and processor seconds of both (the best of the repeats, taken in turn), the rate against the
plain program, the size as a share of the original's, and SSIM against the original scaled to the same height.
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from dashtools.backends.ffmpeg import FfmpegEncoder
from dashtools.backends.video_encoders import SOFTWARE
from dashtools.ports import CopyStyle

LENGTH_S = 20


def run(*words: object) -> str:
    argv = ["ffmpeg", "-hide_banner", "-nostdin", "-y", *map(str, words)]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stderr


def looped(source: Path, folder: Path) -> Path:
    """The clip again and again, stream copied, up to a length."""
    target = folder / f"{source.stem}.mp4"
    run("-v", "error", "-stream_loop", "-1", "-i", source, "-t", LENGTH_S, "-c", "copy", target)
    return target


def plain(source: Path, target: Path, height: int, codec: str) -> None:
    """What one would type."""
    options = [word for key, value in SOFTWARE[codec].options.items() for word in (f"-{key}", str(value))]
    scale = f"scale=-2:'trunc(min(ih,{height})/2)*2',format=yuv420p"
    sound = ["-c:a", "aac", "-b:a", "64k"]
    run("-v", "error", "-i", source, "-vf", scale, "-c:v", SOFTWARE[codec].name, *options, *sound,
        "-movflags", "+faststart", target)  # fmt: skip


def timed(work) -> tuple[float, float]:
    """Wall and processor seconds, children's included."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    own = time.process_time()
    work()
    wall_s, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime + time.process_time() - own
    return round(wall_s, 2), round(cpu_s, 2)


def ssim(copy: Path, source: Path) -> float:
    """Structural similarity of all pictures with the original's, scaled to the copy's size."""
    count = "settb=1/1000,setpts=N"  # picture against picture, whatever their times
    graph = f"[1:v:0][0:v:0]scale2ref[a][b];[b]{count}[c];[a]{count},format=yuv420p[d];[c][d]ssim"
    found = re.search(r"All:([\d.]+)", run("-i", copy, "-i", source, "-lavfi", graph, "-f", "null", "-"))
    return float(found[1]) if found else float("nan")


def measure(source: Path, folder: Path, height: int, codec: str, repeats: int) -> dict[str, object]:
    ours_path, plain_path = folder / "ours.mp4", folder / "plain.mp4"
    ours, theirs = [], []
    style = CopyStyle(codec=codec)
    for _ in range(repeats):
        theirs.append(timed(lambda: plain(source, plain_path, height, codec)))
        ours.append(timed(lambda: FfmpegEncoder().downscale(source, ours_path, height=height, style=style)))
    best, plain_best = [min(column) for column in zip(*ours)], [min(column) for column in zip(*theirs)]
    return {
        "clip": source.name,
        "codec": codec,
        "height": height,
        "ours_s": best,
        "plain_s": plain_best,
        "rate_wall": round(plain_best[0] / best[0], 2),
        "rate_cpu": round(plain_best[1] / best[1], 2),
        "clip_s_a_second": round(LENGTH_S / best[0], 1),
        "size_share": round(ours_path.stat().st_size / source.stat().st_size, 3),
        "ssim": ssim(ours_path, source),
        "ssim_plain": ssim(plain_path, source),
        "load": round(os.getloadavg()[0], 1),
    }


def main(footage: Path, height: int, repeats: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for source in sorted(path for path in footage.iterdir() if path.suffix.lower() == ".mp4"):
            clip = looped(source, folder)
            for codec in SOFTWARE:
                print(json.dumps(measure(clip, folder, height, codec, repeats)), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(int(word) for word in (*sys.argv[2:4], *("720", "3")[len(sys.argv) - 2 :])))
