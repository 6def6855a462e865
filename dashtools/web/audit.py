"""Who searched, exported, changed or was refused: one JSON line each, on this host's own disk.

It lies in the state folder and not in the spool: a line says what a person looked for, which no other host of the
share needs to read, and it must be written also while the share is away or full.
"""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path
from urllib.parse import parse_qsl

import orjson

from dashtools.log import LOGGER
from dashtools.times import to_text, utc_now

FOLDER = "audit"
FILE_BYTES, FILES = 4 << 20, 8
SECRETS = re.compile(r"token|passw|secret|auth|key|cookie", re.IGNORECASE)
EXPORTS = (".csv", ".gpx", ".geojson", ".kml", ".zip", ".json")
SAFE = ("GET", "HEAD", "OPTIONS")
MOST_CHARACTERS = 200


class AuditLog:
    """The lines in audit.jsonl; full, it becomes audit.1.jsonl, and the eighth is dropped."""

    def __init__(self, folder: Path, *, file_bytes: int = FILE_BYTES, files: int = FILES) -> None:
        self.folder, self._file_bytes, self._files = folder, file_bytes, files
        self._lock, self._is_failing = threading.Lock(), False

    def write(self, action: str, who: str, address: str, status: int, what: str, query: dict[str, str]) -> None:
        """Adds a line; where the disk refuses, that is said once in the log and the request goes on."""
        entry = {"at": to_text(utc_now()), "action": action, "who": who, "from": address, "status": status}
        line = orjson.dumps({**entry, "what": what, **({"asked": query} if query else {})}) + b"\n"
        try:
            with self._lock:
                self._append(line)
            self._is_failing = False
        except OSError as error:
            if not self._is_failing:
                LOGGER.error("the audit log in %s cannot be written: %s", self.folder, error)
            self._is_failing = True

    def _append(self, line: bytes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(self._path(0), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.write(file, line)  # one write: lines of two servers do not mix
            is_full = os.fstat(file).st_size >= self._file_bytes
        finally:
            os.close(file)
        if is_full:
            for number in reversed(range(self._files - 1)):
                if self._path(number).exists():
                    os.replace(self._path(number), self._path(number + 1))

    def _path(self, number: int) -> Path:
        return self.folder / (f"audit.{number}.jsonl" if number else "audit.jsonl")


def action_of(method: str, path: str, query: str, status: int) -> str | None:
    """What a request was, for the audit: search, export, look, change or refused; None for what is not kept.

    >>> action_of("GET", "/search", "q=AB12*", 200), action_of("GET", "/dash-static/style.css", "", 200)
    ('search', None)
    """
    if status in (401, 403, 421, 429):
        return "refused"
    if method not in SAFE:
        return "change" if status < 400 else "refused"
    if path.startswith(("/dash-static/", "/-/static", "/media/")) or path == "/login":
        return None
    if path.endswith(EXPORTS) and path != "/api/v1/openapi.json":
        return "export"
    if path.startswith("/search") or "sql=" in query or (path.startswith("/dash/") and query):
        return "search"
    return "look" if path.startswith(("/plate/", "/sighting/")) else None


def asked(query: str) -> dict[str, str]:
    """The query's fields, shortened, without the value of any that could be a secret.

    >>> asked("q=AB12&access_token=x")
    {'q': 'AB12', 'access_token': '(not kept)'}
    """
    pairs = parse_qsl(query[:4096], keep_blank_values=False, max_num_fields=None)
    kept = {name[:64]: value[:MOST_CHARACTERS] for name, value in pairs[:32]}
    return {name: "(not kept)" if SECRETS.search(name) else value for name, value in kept.items()}
