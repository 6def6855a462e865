"""dc-web as a process: it says where it listens, keeps the index fresh, and ends well on a signal."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from dashtools.model import FileRef, Task
from dashtools.spool.queue import Spool

pytest.importorskip("datasette")
ROOT = Path(__file__).resolve().parents[2]
START = "import sys; from dashtools.commands._run import main; sys.argv[0] = 'dc-web'; main('web')"


@pytest.fixture
def web(tmp_path):
    Spool.create(tmp_path / "spool")
    environ = {**os.environ, "DASHTOOLS_DATA": str(tmp_path / "data"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", START, "--spool", str(tmp_path / "spool"), "--port", "0"]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminate"])
def test_it_prints_its_url_answers_and_ends_with_status_0(web, number):
    url = web.stdout.readline().strip()
    assert url.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(url, timeout=20) as answer:
        assert "Nothing here yet" in answer.read().decode()
    web.send_signal(number)
    _, errors = web.communicate(timeout=20)
    assert (web.returncode, errors) == (0, "")


def test_help_imports_no_web_server():
    code = f"import sys\nsys.argv=['dc-web','--help']\ntry:\n exec({START!r})\nexcept SystemExit: pass\n"
    code += "sys.exit(bool({'datasette','uvicorn','sqlite3'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0


def run(tmp_path, *words, given=""):
    Spool.create(tmp_path / "spool")
    environ = {**os.environ, "DASHTOOLS_DATA": str(tmp_path / "data"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", START, *words, "--spool", str(tmp_path / "spool")]
    return subprocess.run(command, env=environ, input=given, capture_output=True, text=True, timeout=60, check=False)


def test_it_does_not_listen_on_another_address_without_a_password_or_token(tmp_path):
    done = run(tmp_path, "--host", "0.0.0.0", "--port", "0")
    assert (done.returncode, done.stdout) == (64, "")
    assert all(hint in done.stderr for hint in ("spool password", "spool token add"))


def test_a_password_comes_from_a_pipe_is_kept_as_a_hash_and_taken_away(tmp_path):
    assert run(tmp_path, "password", given="four plain words here\n").returncode == 0
    (kept,) = (tmp_path / "data").rglob("password.json")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600 and "plain" not in kept.read_text()
    assert run(tmp_path, "password", given="short\n").returncode == 65
    assert run(tmp_path, "password", "--remove").returncode == 0
    assert not kept.exists() and run(tmp_path, "password", "--remove").returncode == 65


def test_a_token_is_printed_once_listed_by_name_and_revoked(tmp_path):
    text = run(tmp_path, "token", "add", "phone", "--scope", "work").stdout.strip()
    listed = run(tmp_path, "token", "list").stdout
    assert listed.startswith("phone  work") and text not in listed
    assert run(tmp_path, "token", "revoke", "phone").returncode == 0
    assert run(tmp_path, "token", "list").stdout == ""
    assert run(tmp_path, "token", "revoke", "phone").returncode == 65


def test_a_spool_named_before_the_subcommand_is_the_spool(tmp_path):
    run(tmp_path, "token", "add", "phone")
    environ = {**os.environ, "DASHTOOLS_DATA": str(tmp_path / "data"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", START, "--spool", str(tmp_path / "spool"), "--json", "token", "list"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and '"name":"phone"' in done.stdout, done.stderr


def test_the_served_api_reads_and_changes_the_shared_configuration(web):
    url = web.stdout.readline().strip() + "api/v1/config"
    with urllib.request.urlopen(url, timeout=20) as answer:
        tag = answer.headers["etag"]
        assert b"lease_seconds" in answer.read()
    update = b'{"global": {"task_retry_delay_seconds": 60}}'
    headers = {"content-type": "application/json", "if-match": tag}
    request = urllib.request.Request(url, data=update, method="PUT", headers=headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.read() == b'{"changed":true}'
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=20)
    assert refused.value.code == 412


def test_a_host_without_the_share_works_for_the_server(tmp_path, web):
    url = web.stdout.readline().strip()
    spool = Spool.open(tmp_path / "spool")
    spool.publish(Task("t1", "INGEST_VIDEO", "v", inputs=(FileRef("nowhere", "x.mp4", "video"),)))
    code = START.replace("dc-web", "dc-run").replace("'web'", "'run'")
    environ = {**os.environ, "DASHTOOLS_DATA": str(tmp_path / "device"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, "--server", url, "--once", "--type", "FINALIZE_VIDEO", "--json"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert [path.suffix for path in (tmp_path / "spool" / "devices").iterdir()] == [".json"]
    spool.publish(Task("t2", "FINALIZE_VIDEO", "v"))
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert '"task_id":"t2"' in done.stdout and "api/v1/tasks/t2" in done.stdout, done.stderr


def test_a_token_file_that_others_can_read_is_refused(tmp_path):
    (tmp_path / "token").write_text("dash_x")
    (tmp_path / "token").chmod(0o644)
    code = START.replace("dc-web", "dc-run").replace("'web'", "'run'")
    command = [sys.executable, "-c", code, "--server", "http://127.0.0.1:1", "--token-file", str(tmp_path / "token")]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 78 and "chmod 600" in done.stderr
