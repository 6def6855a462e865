"""The page of an evidence folder: readable offline, no script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

_STYLE = """body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#111}
h1{font-family:ui-monospace,monospace;letter-spacing:.08em}table{border-collapse:collapse;width:100%}
td,th{border-bottom:1px solid #ccc;padding:.25rem .5rem;text-align:left;vertical-align:top}
code{font-size:.85em;overflow-wrap:anywhere}img,video{max-width:100%;background:#eee}"""


def page(clips: Sequence[dict[str, Any]], manifest: dict[str, Any]) -> str:
    """HTML of the folder: for each clip what was read, when and where, from which bytes."""
    title = " ".join(str(value) for value in manifest["about"].values())
    plates = list(dict.fromkeys(told["plate"] for clip in clips for told in clip["sightings"]))
    parts = [
        f"<h1>{escape(' '.join(plates) or title)}</h1>",
        _table(list(manifest["about"].items())),
        *(part for clip in clips for part in _clip(clip, manifest)),
        "<h2>Every file</h2>",
        _table([(entry["path"], entry["sha256"]) for entry in manifest["files"]]),
        "<p>To check this folder: <code>python3 verify.py</code>. It needs nothing but Python.</p>",
    ]
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n' + "\n".join(parts) + "\n</body></html>\n"


def _clip(clip: dict[str, Any], manifest: dict[str, Any]) -> Iterator[str]:
    entry = clip["entry"]
    base = f"clips/{entry['video_id']}/"
    own = [file for file in manifest["files"] if file["path"].startswith(base)]
    yield f"<h2>{escape(entry['original']['clip'])}</h2>"
    for path in [file["path"] for file in own if file["type"] in ("video", "segment", "video_lowres")]:
        yield f'<p><video controls preload="metadata" src="{escape(path, quote=True)}"></video>'
        yield f'<p><a href="{escape(path, quote=True)}">{escape(path)}</a>'
    for told in clip["sightings"]:
        yield f"<h3>{escape(str(told['plate']))}</h3>"
        yield _table([(name, told.get(name)) for name in _FACTS])
        for file in own:
            if file["type"] in ("plate_crop", "best_frame") and f"/{told['sighting_id']}" in file["path"]:
                path = escape(file["path"], quote=True)
                yield f'<p><img alt="{path}" src="{path}">'
        yield _reads(told["reads"])
    yield "<h3>The original</h3>"
    yield _table(list(entry["original"].items()))


_FACTS = (
    "sighting_id", "confidence", "read_count", "seen_at_utc", "seen_at_local", "time_method", "latitude", "longitude",
    "bearing_deg", "speed_mps", "position_note", "clip", "camera", "channel", "first_pts_ms", "last_pts_ms",
)  # fmt: skip


def _table(rows: Sequence[tuple[str, Any]]) -> str:
    cells = "".join(
        f"<tr><th>{escape(str(name))}</th><td><code>{escape('–' if value is None else str(value))}</code></td></tr>\n"
        for name, value in rows
    )
    return f"<table>\n{cells}</table>"


def _reads(reads: Sequence[dict[str, Any]]) -> str:
    names = ("frame_index", "pts_ms", "text", "confidence", "score", "x1", "y1", "x2", "y2")
    head = "".join(f"<th>{name}</th>" for name in names)
    lines = ["".join(f"<td>{escape(str(read[name]))}</td>" for name in names) for read in reads]
    return f"<table>\n<tr>{head}</tr>\n" + "".join(f"<tr>{line}</tr>\n" for line in lines) + "</table>"
