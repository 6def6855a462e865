"""What clients send, bounded in size and time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson

from dashtools.web.problem import Problem

JSON_BYTES = 1 << 20
RESULT_BYTES = 16 << 20  # an hour of reads as rows
FILE_BYTES = 8 << 30
SILENCE_S = 30.0  # a client that sends nothing for so long is cut off (slowloris)


async def chunks(request: Any, receive: Any, limit_bytes: int) -> AsyncIterator[bytes]:
    """The body piece by piece; 413 as soon as it is known to be too long, 408 after a long silence."""
    declared = request.headers.get("content-length") or "0"
    if not declared.isdigit() or int(declared) > limit_bytes:
        raise Problem(413, f"at most {limit_bytes} bytes are taken here")
    total = 0
    while True:
        try:
            message = await asyncio.wait_for(receive(), SILENCE_S)
        except asyncio.TimeoutError:
            raise Problem(408, f"nothing came for {SILENCE_S:.0f} s") from None
        if message["type"] == "http.disconnect":
            raise Problem(400, "the client went away before the end of its body")
        piece = message.get("body", b"")
        total += len(piece)
        if total > limit_bytes:
            raise Problem(413, f"at most {limit_bytes} bytes are taken here")
        if piece:
            yield piece
        if not message.get("more_body"):
            return


async def read_json(request: Any, receive: Any, limit_bytes: int = JSON_BYTES) -> Any:
    """The JSON value of a body, None for an empty one; 415 for anything that does not say that it is JSON.

    A form of a strange page cannot send this content type without asking first (CORS), which is never granted.
    """
    content = b"".join([piece async for piece in chunks(request, receive, limit_bytes)])
    if not content.strip():
        return None
    kind = (request.headers.get("content-type") or "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem(415, "send application/json")
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Problem(400, f"not JSON: {error}") from error
