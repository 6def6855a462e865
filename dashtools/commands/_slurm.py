"""Workers as an array of Slurm: it starts them and starts them again, the spool stays the truth."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dashtools.commands._run import Session
from dashtools.errors import BackendUnavailable, TryLater, Usage

WARN_S = 60  # before its time is over a worker is told to end, and gives its task back


def script(session: Session, workers: int, task_types: Sequence[str], options: Sequence[str]) -> str:
    """The batch script of an array of workers; `options` are further words for sbatch, one each."""
    if any("\n" in option for option in options):
        raise Usage("an option of sbatch is one line")
    program = [sys.executable, str(Path(sys.argv[0]).resolve()), "--drain", "--jobs", "1"]
    program += ["--spool", str(session.spool_path)]
    program += ["--config", str(session.config_option.absolute())] if session.config_option else []
    program += [word for task_type in task_types for word in ("--type", task_type)]
    wishes = [
        "--job-name=dashtools",
        f"--array=1-{workers}",
        "--requeue",
        "--open-mode=append",
        f"--signal=B:TERM@{WARN_S}",
        *options,
    ]
    return "\n".join(["#!/bin/sh", *(f"#SBATCH {wish}" for wish in wishes), f"exec {shlex.join(program)}", ""])


def submit(text: str) -> str:
    """The id of the job that sbatch made of a script; TryLater with its words when it made none."""
    program = shutil.which("sbatch")
    if program is None:
        raise BackendUnavailable("sbatch is not on this host; run this on a login node of the cluster")
    done = subprocess.run([program, "--parsable"], input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise TryLater(f"sbatch refused the workers: {done.stderr.strip() or done.returncode}")
    return done.stdout.strip().partition(";")[0]
