"""A served spool as a host without the share needs it: who it is, and the configuration that its hosts share."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import orjson

from dashtools.backoff import patiently
from dashtools.config import shared_file
from dashtools.devices.server import Server
from dashtools.errors import TaskSystemError
from dashtools.files import write_whole
from dashtools.spool.layout import LAYOUT_VERSION

PATIENCE_S = 60.0


def mirrored(server: Server, parent: Path) -> Path:
    """A folder that `config.load` takes for the server's spool, made fresh from what the server says."""
    health = patiently(partial(server.ask, "GET", "/health"), PATIENCE_S)
    uuid = str(health.get("spool") or "")
    if not re.fullmatch(r"[0-9a-f-]{36}", uuid):
        raise TaskSystemError(f"{server.url} names no spool; is it a dc-web, and does the token have scope work?")
    document = patiently(partial(server.ask, "GET", "/config"), PATIENCE_S)
    folder = parent / "servers" / uuid[:8]
    write_whole(folder / "VERSION", orjson.dumps({"layout": LAYOUT_VERSION, "uuid": uuid}))
    write_whole(shared_file(folder), orjson.dumps(document, option=orjson.OPT_INDENT_2))
    return folder
