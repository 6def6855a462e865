"""Which alerts were acknowledged: small files in notes/alerts/, one for each alert and channel.

They lie in the spool and not on the host that sent them, for that host may be set up anew or another one take over, and
nothing must be sent again then. An acknowledgement names no plate and no place. Sending comes before the file, so that
a crash in between sends once more: at least once, and never again after the file is there.

    notes/alerts/<hh>/<alert id>.<channel>.json
"""

from __future__ import annotations

import hashlib
import re
import secrets

import orjson

from dashtools.errors import BadInput
from dashtools.spool.queue import Spool
from dashtools.times import to_text, utc_now

ROOT = "notes/alerts"
EVERY = "all"
"""The channel of an acknowledgement by a person: none is sent to any more."""
_ID = re.compile(r"[0-9a-f]{32}\Z")


def alert_id(sighting_id: str, entry: str) -> str:
    """The id of the alert that an entry of the watch list raises for a sighting, the same on every host and day.

    >>> alert_id("clip-1.t001", "AB12CDE") == alert_id("clip-1.t001", "AB12CDE") != alert_id("clip-1.t001", "AB12CDF")
    True
    """
    return hashlib.blake2b(f"alert\0{sighting_id}\0{entry}".encode(), digest_size=16).hexdigest()


def is_acknowledged(spool: Spool, alert: str, channel: str) -> bool:
    """Was this alert taken by this channel, or silenced? Opens the files each time, for a listing may be overtaken."""
    return any(_is_there(spool, _path(alert, name)) for name in (channel, EVERY))


def acknowledge(spool: Spool, alert: str, channel: str, answer: str) -> None:
    """Writes for good that a channel took an alert; BadInput when that is no id."""
    path = _path(alert, channel)
    note = {"schema": "acknowledged/1", "alert_id": alert, "channel": channel, "answer": answer}
    content = orjson.dumps({**note, "at": to_text(utc_now())}, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    spool.files.mkdirs(path.rpartition("/")[0])
    spool.files.replace(path, content, f"tmp/note~{spool.me.worker}~{secrets.token_hex(4)}")


def _is_there(spool: Spool, path: str) -> bool:
    try:
        spool.files.read(path)
    except FileNotFoundError:
        return False
    return True


def _path(alert: str, channel: str) -> str:
    if not _ID.match(alert):
        raise BadInput(f"{alert!r} is no alert id: 32 hexadecimal digits, as dc-notify prints them")
    return f"{ROOT}/{alert[:2]}/{alert}.{channel}.json"
