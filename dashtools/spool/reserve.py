"""Room that is kept for the spool itself: a file that is given up when its disk is full, and made again afterwards.

A full disk must not hinder the queue from saying so: giving a claim back with its reason and delay, asking for room,
committing the clean-up. Such files are small, a block each, so a few MiB last for a thousand of them. Workers claim
nothing while less than that is free: a stage would eat what the queue needs.
"""

from __future__ import annotations

import os
import uuid

from dashtools.errors import DashtoolsError, OutputRefused
from dashtools.log import LOGGER
from dashtools.spool.atomic import Files
from dashtools.spool.cleanup import is_full

NAME = "RESERVE"
SIZE_BYTES = 4 << 20
AMPLE_BYTES = 4 * SIZE_BYTES
PROBE_BYTES = 64 << 10  # an empty file may fit on a disk that takes not a byte more


class Reserve:
    """The reserve of one spool; any host may give it up or make it."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def keep(self) -> bool:
        """Makes the reserve where it is missing and room is ample; is there one now?"""
        if NAME in self._files.names("."):
            return True
        if self._files.free_bytes() < AMPLE_BYTES:
            return False
        made = f"tmp/reserve~{uuid.uuid4().hex[:8]}"
        try:
            self._files.write(made, os.urandom(SIZE_BYTES))  # zeros would be no room where the disk compresses
            self._files.rename(made, NAME)
        except OutputRefused:
            return False  # a quota that free_bytes does not see
        return True

    def refuse_when_short(self) -> None:
        """OutputRefused while the spool's disk has less room than the queue itself may need."""
        free = self._files.free_bytes()
        if free < SIZE_BYTES:
            raise OutputRefused(
                f"{self._files.root}: {os.strerror(28)}, {free >> 10} KiB are left for the queue itself; "
                "nothing is begun until there is room, then work resumes by itself"
            )

    def relieve(self) -> bool:
        """Gives the reserve up if the spool's disk is full; True for the one who did, and told the operator."""
        if not self._is_full():
            return False
        try:
            has_given = self._files.unlink(NAME)
        except DashtoolsError as error:
            LOGGER.error("the reserve of the spool cannot be given up: %s", error)
            return False
        if has_given:
            LOGGER.error(
                "the disk of the spool %s is full: its reserve was given up so that work waits in order; "
                "make room there, work resumes by itself",
                self._files.root,
            )
        return has_given

    def _is_full(self) -> bool:
        probe = f"tmp/room~{uuid.uuid4().hex[:8]}"
        try:
            self._files.write(probe, bytes(PROBE_BYTES))
        except DashtoolsError as error:
            return is_full(error)
        self._files.unlink(probe)
        return False
