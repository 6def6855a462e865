"""Prints the table of docs/gps.md: what each file of the collection of real and synthetic recordings gives.

gps_table.py [FOLDER]       the folder of test material (default: beside the checkout)
"""

from __future__ import annotations

import contextlib
import csv
import io
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
PASSED_OVER = {".tsv", ".3gf", ".thm", ".md"}


def rows(folder: Path) -> Iterator[str]:
    """A row a file; errors in degrees against ExifTool's own output where that lies beside."""
    from dashtools.commands.gps import _track

    yield "| file | reader | fixes | slots | rows of ExifTool 13.58 | largest difference | ms | note |"
    yield "|---|---|---|---|---|---|---|---|"
    for path in sorted(folder.glob("gps*/*")):
        if path.suffix in PASSED_OVER:
            continue
        with contextlib.redirect_stderr(io.StringIO()):
            _track(path)
            started = time.monotonic()
            track, _ = _track(path)
        lasted_ms = 1000 * (time.monotonic() - started)
        name = f"{path.parent.name}/{path.name}"
        if track is None:
            yield f"| {name} | – | 0 | 0 | | | {lasted_ms:.0f} | no track |"
            continue
        valid = [fix for fix in track.fixes if fix.is_valid]
        theirs, worst = "", ""
        beside = path.with_name(path.name + ".exiftool.tsv")
        if beside.exists():
            with beside.open() as stream:
                known = list(csv.DictReader(stream, delimiter="\t"))
            theirs = str(len(known))
            pairs = zip(valid, known[len(known) - len(valid) :]) if valid else ()
            differences = [
                max(abs((fix.latitude or 0) - float(row["lat"])), abs((fix.longitude or 0) - float(row["lon"])))
                for fix, row in pairs
            ]
            worst = f"{max(differences):.1e}°" if differences else "(out of range)"
        yield (
            f"| {name} | {track.reader} | {len(valid)} | {len(track.fixes)} | {theirs} | {worst} | {lasted_ms:.0f} "
            f"| {track.note or ''} |"
        )


if __name__ == "__main__":
    for row in rows(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared" / "data"):
        print(row)
