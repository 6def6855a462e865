"""Files of the index by their id: whole or a range, never from outside the mounted storage."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from typing import Any

from dashtools.index import queries
from dashtools.index.views import Media
from dashtools.web import ranges

CHUNK_BYTES = 256 * 1024
CONTENT_TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".ts": "video/mp2t",
    ".mkv": "video/x-matroska",
    ".avi": "video/x-msvideo",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".json": "application/json",
    ".gpx": "application/gpx+xml",
}
DISPLAYED = ("video/", "image/", "application/json")


class Refused(Exception):
    """The file cannot be sent: `status` and a text for the reader."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


@dataclass(frozen=True)
class OpenFile:
    """A regular file under its storage's root, open for reading."""

    fd: int
    size_bytes: int
    mtime_s: float
    etag: str
    content_type: str
    name: str


async def respond(scope: Any, receive: Any, send: Any, datasette: Any, request: Any) -> None:
    """Answers GET and HEAD for one artifact."""
    if request.method not in ("GET", "HEAD"):
        await _plain(send, 405, "only GET and HEAD\n", [(b"allow", b"GET, HEAD")])
        return
    artifact_id = request.url_vars["artifact_id"]
    media = await datasette.get_database("dash").execute_fn(lambda c: queries.artifact(c, artifact_id))
    roots = datasette.dashtools.roots
    try:
        file = await asyncio.to_thread(open_confined, media, roots)
    except Refused as refused:
        extra = [(b"retry-after", b"30")] if refused.status == 503 else []
        await _plain(send, refused.status, refused.text + "\n", extra)
        return
    await send_and_close(request, receive, send, file)


async def send_and_close(request: Any, receive: Any, send: Any, file: OpenFile) -> None:
    """Answers GET and HEAD with an open file, whole or a range."""
    try:
        await _send_file(request, receive, send, file)
    finally:
        os.close(file.fd)


def open_confined(media: Media | None, roots: Any) -> OpenFile:
    """The artifact's file; Refused says why not: 404 unknown or gone, 503 while its storage is away."""
    if media is None:
        raise Refused(404, "no such file in the index")
    root = roots.get(media.storage)
    if root is None or not Path(root).is_dir():
        raise Refused(503, f"the storage {media.storage} is not mounted on this host")
    top = os.path.realpath(root)
    path = os.path.realpath(os.path.join(top, media.path))
    if os.path.isabs(media.path) or os.path.commonpath([top, path]) != top:
        raise Refused(404, "the file lies outside its storage")
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise Refused(404, f"the file is not there: {error.strerror}") from error
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise Refused(404, "not a file")
    kind = CONTENT_TYPES.get(os.path.splitext(path)[1].lower(), "application/octet-stream")
    etag = f'"{media.artifact_id[:12]}-{status.st_size:x}-{status.st_mtime_ns:x}"'
    return OpenFile(fd, status.st_size, status.st_mtime, etag, kind, os.path.basename(path))


async def _send_file(request: Any, receive: Any, send: Any, file: OpenFile) -> None:
    headers = [
        (b"content-type", file.content_type.encode()),
        (b"accept-ranges", b"bytes"),
        (b"etag", file.etag.encode()),
        (b"last-modified", formatdate(file.mtime_s, usegmt=True).encode()),
        (b"cache-control", b"private, max-age=3600"),
    ]
    if not file.content_type.startswith(DISPLAYED):
        headers.append((b"content-disposition", b"attachment"))
    if file.etag in [tag.strip() for tag in (request.headers.get("if-none-match") or "").split(",")]:
        await _whole(send, 304, headers, b"")
        return
    try:
        span = ranges.parse(_wanted_range(request, file), file.size_bytes)
    except ranges.Unsatisfiable:
        await _plain(send, 416, "no byte in that range\n", [(b"content-range", f"bytes */{file.size_bytes}".encode())])
        return
    status = 200
    if span is None:
        span = ranges.Span(0, file.size_bytes - 1)
    else:
        status = 206
        headers.append((b"content-range", f"bytes {span.first}-{span.last}/{file.size_bytes}".encode()))
    headers.append((b"content-length", str(span.size_bytes).encode()))
    if request.method == "HEAD":
        await _whole(send, status, headers, b"")
        return
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await _send_span(receive, send, file.fd, span)


def _wanted_range(request: Any, file: OpenFile) -> str | None:
    """The Range header, unless If-Range names another version of the file (RFC 9110, 13.1.5)."""
    condition = request.headers.get("if-range")
    if request.method != "GET":
        return None
    if condition is None or condition.strip() == file.etag:
        return request.headers.get("range")
    try:
        same = parsedate_to_datetime(condition).timestamp() == int(file.mtime_s)
    except (TypeError, ValueError):
        same = False
    return request.headers.get("range") if same else None


async def _send_span(receive: Any, send: Any, fd: int, span: ranges.Span) -> None:
    """Sends the bytes in chunks and stops reading as soon as the client is gone."""
    gone = asyncio.ensure_future(_gone(receive))
    try:
        position, left = span.first, span.size_bytes
        while left > 0 and not gone.done():
            chunk = await asyncio.to_thread(os.pread, fd, min(CHUNK_BYTES, left), position)
            if not chunk:
                raise OSError("the file became shorter while it was sent")
            position, left = position + len(chunk), left - len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": left > 0})
        if span.size_bytes == 0:
            await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()


async def _gone(receive: Callable[[], Any]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _whole(send: Any, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _plain(send: Any, status: int, text: str, extra: list[tuple[bytes, bytes]] | None = None) -> None:
    body = text.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await _whole(send, status, headers + (extra or []), body)
