"""A write counts once it was read back."""

import errno
import os

import pytest

from dashtools.errors import ArchivalError, OutputRefused
from dashtools.stages.verified import VerifiedFolder


def test_a_file_that_vanished_is_named(tmp_path):
    folder = VerifiedFolder(tmp_path)
    folder.write("a/b.bin", "x", b"content")
    folder.read_back()
    (tmp_path / "a" / "b.bin").unlink()
    with pytest.raises(ArchivalError, match=r"a/b\.bin read back as absent"):
        folder.read_back()


def test_a_full_disk_refuses_the_output(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputRefused, match="b.bin"):
        VerifiedFolder(tmp_path).write("b.bin", "x", b"content")
