"""dc-status: for eyes, for a terminal that stays open, and for Prometheus."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dashtools.commands._run import status_of
from dashtools.commands.status import command
from dashtools.model import Task, with_changes
from dashtools.spool.queue import Spool

ROOT = Path(__file__).resolve().parent.parent.parent
RULES = ROOT / "systemd" / "alerts.yml"


@pytest.fixture
def spool(tmp_path, monkeypatch):
    monkeypatch.setenv("DASHTOOLS_DATA", str(tmp_path / "data"))
    Spool.create(tmp_path / "spool")
    opened = Spool.open(tmp_path / "spool")
    for number, error in enumerate((None, {"class": "BadInput", "message": "torn"})):
        opened.publish(Task(f"t{number}", "INGEST_VIDEO", "drive-AB12CDE"))
        claim = opened.claim(opened.scanner(["INGEST_VIDEO"], {}))
        opened.commit(claim, with_changes(claim.task, state="complete", error=error))
    opened.publish(Task("t9", "PREPROCESS_VIDEO", "v"))
    yield opened
    opened.files.close()


@pytest.fixture
def metrics(spool, tmp_path):
    file = tmp_path / "dashtools.prom"
    assert status_of(command, "dc-status", ["--spool", str(spool.root), "--prometheus", str(file)]) == 0
    return file.read_text()


def test_metrics_are_written_whole_and_tell_the_queue(metrics, tmp_path):
    assert 'dashtools_tasks{type="PREPROCESS_VIDEO",state="ready"} 1' in metrics
    assert 'dashtools_recent_tasks{type="INGEST_VIDEO",state="failed"} 1' in metrics
    assert 'dashtools_storage_up{storage="shed_nas"} 0' in metrics
    assert "AB12CDE" not in metrics
    assert [p.name for p in tmp_path.glob("*.prom*")] == ["dashtools.prom"]


def test_metrics_are_of_the_text_format(metrics):
    line = re.compile(r'(# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? [0-9.e+-]+)\Z')
    assert metrics.endswith("\n") and all(line.match(text) for text in metrics.splitlines())


def test_a_spool_that_is_away_leaves_the_metrics_as_they_were(metrics, spool, tmp_path):
    (spool.root / "VERSION").unlink()
    file = tmp_path / "dashtools.prom"
    assert status_of(command, "dc-status", ["--spool", str(spool.root), "--prometheus", str(file)]) == 75
    assert file.read_text() == metrics


def test_every_alert_rule_asks_for_metrics_that_are_written(metrics):
    text = RULES.read_text()
    named = set(re.findall(r"dashtools_\w+", text))
    assert named and named <= set(re.findall(r"# TYPE (\w+) gauge", metrics))
    alerts = re.findall(r"alert: (\w+)", text)
    assert len(alerts) == len(set(alerts)) == text.count("expr:") == text.count("action:")


def test_the_alert_rules_are_rules_to_prometheus():
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool here (Debian: prometheus)")
    done = subprocess.run([promtool, "check", "rules", str(RULES)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_watching_without_a_terminal_prints_block_after_block(spool):
    argv = [sys.executable, str(ROOT / "bin/dc-status"), "--watch", "--every", "0.1", "--spool", str(spool.root)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=os.environ) as watching:
        try:
            heads = 0
            while heads < 2:
                line = watching.stdout.readline()
                assert line and "\033" not in line
                heads += line.startswith("TYPE")
        finally:
            watching.terminate()
    assert watching.returncode == 143
