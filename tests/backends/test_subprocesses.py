"""No program is left behind, whatever happens to us."""

import os
import select
import signal
import subprocess
import sys

import pytest

from dashtools.backends.subprocesses import run_watched
from dashtools.errors import ArchivalError, BackendUnavailable


def sh(script):
    return ["sh", "-c", script]


def test_status_and_complaints_come_back():
    ended = run_watched(sh("echo out; echo one >&2; echo two >&2; exit 3"), hang_s=30)
    assert (ended.status, ended.complaints) == (3, ("one", "two"))


def test_each_line_is_heard_even_without_a_newline_at_the_end():
    heard = []
    run_watched(sh("printf 'a\\nb\\nrest'"), hang_s=30, on_line=lambda line: heard.append(line) or True)
    assert heard == ["a", "b", "rest"]


def test_only_the_last_complaints_are_kept():
    ended = run_watched(sh("seq 1000 >&2"), hang_s=30, keep_lines=2)
    assert ended.complaints == ("999", "1000")


def test_the_first_complaint_ends_the_program_when_asked():
    ended = run_watched(sh("echo bad >&2; exec sleep 1000"), hang_s=30, stop_on_complaint=True)
    assert ended.status == -signal.SIGKILL and ended.complaints == ("bad",)


def test_a_silent_program_is_hung():
    with pytest.raises(ArchivalError, match="hung"):
        run_watched(["sleep", "1000"], hang_s=0.2)


def test_lines_that_show_no_advance_are_no_sign_of_life():
    with pytest.raises(ArchivalError, match="hung"):
        run_watched(sh("while :; do echo same; sleep 0.02; done"), hang_s=0.5, on_line=lambda line: False)


def test_a_program_that_is_not_there_is_unavailable(tmp_path):
    with pytest.raises(BackendUnavailable, match="absent"):
        run_watched([str(tmp_path / "absent")], hang_s=1)


def test_a_program_dies_with_us_even_by_kill_9():
    code = (
        "from dashtools.backends.subprocesses import run_watched\n"
        "run_watched(['sh', '-c', 'echo $$; exec sleep 1000'], hang_s=1000,"
        " on_line=lambda line: print(line, flush=True) or True)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        program = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    watch = select.poll()  # select() refuses descriptors above 1023
    watch.register(program, select.POLLIN)
    assert watch.poll(30_000)
    os.close(program)
