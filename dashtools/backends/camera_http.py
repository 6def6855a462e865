"""Cameras reached over Wi-Fi: what clips they list, and their bytes from an offset on.

Viofo and other Novatek cameras answer `?custom=1&cmd=3015` with XML; BlackVue answers `blackvue_vod.cgi` with text.
Nothing of what a camera says is trusted: names are cleaned here, sizes and bytes are checked by who asks.
"""

from __future__ import annotations

import http.client
import re
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

from dashtools.errors import BadInput, TryLater
from dashtools.ports import CameraClip, Fetched

MAX_LISTING_BYTES = 16 << 20
MAX_CLIPS = 100_000
LOG_SUFFIXES = (".gps", ".3gf")
READ_ONLY = 0x01  # the FAT attribute that the lock button sets
CLIP_SUFFIXES = (".mp4", ".mov", ".ts")
CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
BLACKVUE_NAME = re.compile(r"(.*\d{6}_[A-Z])[A-Z]*\.mp4", re.IGNORECASE)
BLACKVUE_LINE = re.compile(r"n:(/[^,\r\n]+)(?:,s:(\d+))?")
FAILURES = (OSError, http.client.HTTPException)


class HttpCamera:
    """What both kinds share: a base URL and a time limit for every wait."""

    kind = "http"
    can_delete = False

    def __init__(self, url: str, *, timeout_s: float = 20.0) -> None:
        self.url = (url if "://" in url else f"http://{url}").rstrip("/")
        self.timeout_s = timeout_s
        # a camera is on the local network: a proxy of the host must not be asked
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def clips(self) -> list[CameraClip]:
        """Every clip that the camera lists, in its order; TryLater when it does not answer."""
        raise NotImplementedError

    def beside(self, clip: CameraClip) -> list[CameraClip]:
        """None: this kind keeps everything in its clips."""
        return []

    def answers(self) -> bool:
        """Does a camera of this kind answer here?"""
        try:
            self.clips()
        except (TryLater, BadInput):
            return False
        return True

    @contextmanager
    def fetch(self, clip: CameraClip, offset: int, validator: str | None = None) -> Iterator[Fetched]:
        """The clip's bytes from an offset on, or from 0 when the camera will not resume; OSError when it fails."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        if offset and validator:
            headers["If-Range"] = validator
        with self._asked(urllib.parse.quote(clip.remote), headers) as answer:
            yield _fetched(answer, offset)

    def delete(self, clip: CameraClip) -> None:
        """Removes a clip from the camera; BadInput where it offers no way to."""
        raise BadInput(f"{self.kind} cameras cannot delete {clip.path} over the network")

    def _text(self, path: str) -> str:
        try:
            with self._asked(path, {}) as answer:
                return str(answer.read(MAX_LISTING_BYTES).decode("utf-8", "replace"))
        except FAILURES as error:
            text = f"{self.url} does not answer ({_reason(error)}); is the camera on and this its Wi-Fi?"
            raise TryLater(text) from error

    @contextmanager
    def _asked(self, path: str, headers: Mapping[str, str]) -> Iterator[Any]:
        request = urllib.request.Request(f"{self.url}/{path.lstrip('/')}", headers=dict(headers))
        with self._opener.open(request, timeout=self.timeout_s) as answer:
            yield answer


class ViofoCamera(HttpCamera):
    """Viofo and other cameras with Novatek's commands."""

    kind = "viofo"
    can_delete = True

    def clips(self) -> list[CameraClip]:
        """Every clip that the camera lists, in its order; TryLater when it does not answer."""
        return novatek_listing(self._text("?custom=1&cmd=3015"))

    def delete(self, clip: CameraClip) -> None:
        """Removes a clip from the card; OSError when the camera does not say so."""
        place = "A:\\" + clip.remote.strip("/").replace("/", "\\")
        text = self._text(f"?custom=1&cmd=4003&str={urllib.parse.quote(place)}")
        if "<Status>0</Status>" not in text:
            raise OSError(f"the camera did not delete {clip.path}")


class BlackVueCamera(HttpCamera):
    """BlackVue; its listing has no true sizes."""

    kind = "blackvue"

    def clips(self) -> list[CameraClip]:
        """Every clip that the camera lists, in its order; TryLater when it does not answer."""
        return blackvue_listing(self._text("blackvue_vod.cgi"))

    def beside(self, clip: CameraClip) -> list[CameraClip]:
        """The logs of position and acceleration; the cameras of one clip share them, so no channel is in their names.

        >>> clip = CameraClip("20170708_221449_NF.mp4", "/Record/20170708_221449_NF.mp4")
        >>> [log.path for log in BlackVueCamera("10.99.77.1").beside(clip)]
        ['20170708_221449_N.gps', '20170708_221449_N.3gf']
        """
        names = [BLACKVUE_NAME.fullmatch(name) for name in (clip.path, clip.remote)]
        stems = [name[1] for name in names if name is not None]
        if len(stems) != len(names):
            return []
        return [CameraClip(stems[0] + suffix, stems[1] + suffix, taken=clip.taken) for suffix in LOG_SUFFIXES]


def novatek_listing(text: str) -> list[CameraClip]:
    """The clips of an answer to command 3015; entries that name no clip are left out.

    >>> entry = "<FPATH>A:\\\\DCIM\\\\Movie\\\\RO\\\\a.MP4</FPATH><SIZE>7</SIZE><ATTR>33</ATTR>"
    >>> novatek_listing(f"<LIST><ALLFile><File>{entry}</File></ALLFile></LIST>")
    [CameraClip(path='Movie/RO/a.MP4', remote='/DCIM/Movie/RO/a.MP4', size_bytes=7, is_locked=True, taken='')]
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise BadInput("the camera's list declares entities; no camera does that")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise BadInput(f"the camera's list is no XML ({error}); was it cut?") from error
    found = []
    for entry in root.iter("File"):
        remote = "/" + re.sub(r"\A[A-Za-z]:", "", entry.findtext("FPATH", "")).replace("\\", "/").lstrip("/")
        size, attributes = entry.findtext("SIZE", "").strip(), entry.findtext("ATTR", "").strip()
        path = _cleaned(remote)
        if path is None:
            continue
        is_locked = attributes.isdigit() and bool(int(attributes) & READ_ONLY)
        taken = re.sub(r"\D", "", entry.findtext("TIME", ""))
        found.append(CameraClip(path, remote, int(size) if size.isdigit() else None, is_locked, taken))
    return found[:MAX_CLIPS]


def blackvue_listing(text: str) -> list[CameraClip]:
    """The clips of a `blackvue_vod.cgi` answer; manual and event recordings count as locked.

    >>> blackvue_listing("v:2.00\\r\\nn:/Record/20170708_221449_NF.mp4,s:1000000\\r\\n")[0].path
    'Record/20170708_221449_NF.mp4'
    """
    found = []
    for match in BLACKVUE_LINE.finditer(text):
        path = _cleaned(match[1])
        if path is not None:
            is_locked = re.search(r"_[EM][FRIO]?[LS]?\.", match[1]) is not None
            found.append(CameraClip(path, match[1], None, is_locked, re.sub(r"\D", "", path)[:14]))
    return found[:MAX_CLIPS]


def _cleaned(remote: str) -> str | None:
    """Where a clip lies below the target, without the card's DCIM; None for what is no clip or leads elsewhere."""
    parts = [part for part in remote.split("/") if part]
    if parts and parts[0].upper() == "DCIM":
        parts = parts[1:]
    is_safe = all(re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.() -]*", part) for part in parts)
    if not parts or not is_safe or not parts[-1].lower().endswith(CLIP_SUFFIXES):
        return None
    return "/".join(parts)


def _fetched(answer: Any, offset: int) -> Fetched:
    """What an answer carries: from where, how many bytes the whole clip has, and what tells its version."""
    headers = answer.headers
    validator = headers.get("ETag") or headers.get("Last-Modified")
    if validator and validator.startswith("W/"):
        validator = None
    stream: IO[bytes] = answer
    if answer.status == 206:
        match = CONTENT_RANGE.match(headers.get("Content-Range", ""))
        if match is None:
            raise OSError("the camera resumed without saying where")
        total = int(match[3]) if match[3] != "*" else None
        return Fetched(stream, int(match[1]), total, validator)
    length = headers.get("Content-Length", "")
    return Fetched(stream, 0, int(length) if length.isdigit() else None, validator)


def _reason(error: Exception) -> str:
    inner = getattr(error, "reason", None) or getattr(error, "strerror", None)
    return str(inner or error or type(error).__name__)
