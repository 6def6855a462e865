"""That rows of final records were changed, for once: a mark by which every index knows that it must be made anew.

    notes/forgotten.json    {"begun": id, "ended": id}

An index remembers the mark that it was made under. `begun` is written before the first row changes and `ended` after
the last one; a run that died in between leaves them different, and the next run ends it although nothing is left to do.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator

import orjson

from dashtools.model import Json
from dashtools.spool.queue import Spool

PATH = "notes/forgotten.json"


def stamp(spool: Spool) -> str:
    """What an index remembers: another text after every change, empty while nothing was ever changed."""
    content = _content(spool)
    return f"{content['begun']}/{content['ended']}" if content else ""


def is_unfinished(spool: Spool) -> bool:
    """Did a run die before it was through?"""
    content = _content(spool)
    return bool(content) and content["begun"] != content["ended"]


@contextlib.contextmanager
def change(spool: Spool) -> Iterator[None]:
    """Within it rows may be changed."""
    begun = secrets.token_hex(8)
    before = _content(spool)
    _write(spool, {"begun": begun, "ended": before["ended"] if before else ""})
    yield
    _write(spool, {"begun": begun, "ended": begun})


def _content(spool: Spool) -> Json:
    try:
        content = orjson.loads(spool.files.read(PATH))
    except FileNotFoundError:
        return {}
    return {"begun": str(content["begun"]), "ended": str(content["ended"])}


def _write(spool: Spool, content: Json) -> None:
    spool.files.mkdirs(PATH.rpartition("/")[0])
    scratch = f"tmp/note~{spool.me.worker}~{secrets.token_hex(4)}"
    spool.files.replace(PATH, orjson.dumps({"schema": "forgotten/1", **content}), scratch)
