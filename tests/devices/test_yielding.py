"""A graphics card is left to others: in quiet hours, and when another program computes on it."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dashtools.devices.registry import adapter_for
from dashtools.devices.yielding import yielding
from dashtools.errors import TryLater
from dashtools.spool.queue import Spool

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def users(tmp_path, monkeypatch):
    """A file of the pids that a stand-in for nvidia-smi names."""
    named = tmp_path / "users"
    named.write_text("")
    (tmp_path / "bin").mkdir()
    smi = tmp_path / "bin" / "nvidia-smi"
    smi.write_text(
        f'#!/bin/sh\ncase "$1" in *compute-apps*) cat {named};; *) echo "NVIDIA GeForce RTX 4090, 24564, 41";; esac\n'
    )
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return named


def test_a_process_of_another_program_wants_the_card_and_ours_do_not(host, users, tmp_path):
    device = adapter_for(*host("rtx_4090"))
    assert device.wanted_elsewhere() is None
    users.write_text(f"{os.getpid()}\n")
    assert str(os.getpid()) in device.wanted_elsewhere()
    (tmp_path / "dc-heavy").write_text("input()")
    with subprocess.Popen([sys.executable, str(tmp_path / "dc-heavy")], stdin=subprocess.PIPE) as ours:
        users.write_text("")
        end = time.monotonic() + 60
        while not device.machine.is_ours(ours.pid) and time.monotonic() < end:
            pass  # between fork and exec it still has our own name
        assert device.machine.is_ours(ours.pid)
        users.write_text(f"{ours.pid}\n")
        assert device.wanted_elsewhere() is None
        ours.communicate(b"\n")


def test_a_task_is_given_back_within_a_second_or_so(users):
    told, wanted = threading.Event(), []
    with yielding(lambda: wanted[0] if wanted else None, told.set, poll_s=0.01):
        assert not told.wait(0.05)
        wanted.append("a game wants the card")
        assert told.wait(60)


def test_work_does_not_begin_while_the_card_is_wanted():
    with pytest.raises(TryLater, match="game"), yielding(lambda: "a game wants the card"):
        raise AssertionError


def test_a_worker_ends_with_75_in_quiet_hours_and_the_task_stays(host, tmp_path, monkeypatch):
    from dashtools.config_store import ConfigManager
    from dashtools.model import Task

    spool, _ = host("rtx_4090")
    spool.publish(Task("t1", "HEAVY_PROCESS_VIDEO", "v"))
    ConfigManager(spool.root).update_config({"device_type": "rtx_4090", "quiet_hours": "00:00-00:00"}, "one")
    environ = {**os.environ, "DASHTOOLS_DATA": str(tmp_path / "kept"), "DASHTOOLS_DEVICE": "one", "TZ": "UTC"}
    argv = [sys.executable, str(ROOT / "bin/dc-heavy"), "--spool", str(spool.root)]
    done = subprocess.run(argv, env=environ, capture_output=True, text=True)
    assert done.returncode == 75 and "quiet hours" in done.stderr
    assert [entry.state for entry in Spool.open(spool.root).pending()] == ["ready"]
