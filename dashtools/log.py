"""One line per event on stderr, in the past tense; syslog prefixes and no time stamp under journald.

Plate texts and coordinates are personal: they never belong in a log line.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import datetime, timezone

LOGGER = logging.getLogger("dashtools")
_SYSLOG = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


class _Lines(logging.Formatter):
    def __init__(self, *, under_journald: bool) -> None:
        super().__init__("%(message)s" if under_journald else "%(asctime)s %(message)s", "%H:%M:%S")
        self._under_journald = under_journald

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return f"<{_SYSLOG.get(record.levelno, 6)}>{text}" if self._under_journald else text


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
        return json.dumps(
            {"at": at, "level": record.levelname.lower(), "pid": record.process, "event": record.getMessage()}
        )


def configure(verbosity: int = 0) -> None:
    """Sends events to stderr: warnings by default, what was done with -v, everything with -vv.

    With DASHTOOLS_LOG=json in the environment each is a line of JSON.
    """
    stream = logging.StreamHandler(sys.stderr)
    as_json = os.environ.get("DASHTOOLS_LOG") == "json"
    stream.setFormatter(_JsonLines() if as_json else _Lines(under_journald="JOURNAL_STREAM" in os.environ))
    LOGGER.handlers[:] = [stream]
    LOGGER.propagate = False
    LOGGER.setLevel({0: logging.WARNING, 1: logging.INFO}.get(verbosity, logging.DEBUG))
