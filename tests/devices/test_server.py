"""What a device makes of a server's answers: what to try again, what to drop, what to tell."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dashtools.backoff import NotNow, patiently
from dashtools.devices.server import Server
from dashtools.errors import BadConfig, ClaimLost, InputMissing, OutputRefused, TaskSystemError
from dashtools.model import Task
from dashtools.ports import ServedTask

HELD = ServedTask("http~dev~0123456789abcdef", Task("t1", "TOY", "v"), 15.0)


@pytest.fixture
def scripted():
    """A server whose answers are given: (status, headers, body) each; it keeps what it was asked."""
    answers, asked = [], []

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            length = int(self.headers.get("content-length", 0))
            asked.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
            status, headers, body = answers.pop(0)
            self.send_response(status)
            for name, value in {"content-length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = answer

        def log_message(self, *words):
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    server.answers, server.asked = answers, asked
    server.url = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()
    thread.join(timeout=10)


@pytest.mark.parametrize(
    ("status", "error"),
    [(503, NotNow), (502, NotNow), (429, NotNow), (500, NotNow), (409, ClaimLost), (401, BadConfig), (403, BadConfig)]
    + [(404, InputMissing), (507, OutputRefused), (400, TaskSystemError), (302, TaskSystemError)],
)
def test_each_status_means_one_thing_to_a_device(scripted, status, error):
    scripted.answers.append((status, {"location": "http://evil.example/"}, b'{"detail": "because"}'))
    with pytest.raises(error):
        Server(scripted.url).beat(HELD)
    assert len(scripted.asked) == 1  # a redirect is not followed


def test_the_token_and_the_claim_are_shown_each_time(scripted):
    scripted.answers.append((200, {}, b"{}"))
    Server(scripted.url + "/", "dash_secret").beat(HELD)
    ((method, path, headers, _),) = scripted.asked
    assert (method, path) == ("POST", "/api/v1/tasks/t1/heartbeat")
    names = {name.lower(): value for name, value in headers.items()}
    assert (names["authorization"], names["dashtools-claim"]) == ("Bearer dash_secret", HELD.claim)


def test_nothing_to_do_is_none(scripted):
    scripted.answers.append((404, {}, b'{"detail": "No tasks pending"}'))
    assert Server(scripted.url).claim("dev", ["TOY"], {}, "0" * 16) is None


def test_while_the_server_is_away_it_is_asked_again_in_2_4_8_seconds_or_when_it_says(scripted):
    away = [(503, {}, b"{}"), (503, {}, b"{}"), (503, {"retry-after": "10"}, b"{}"), (200, {}, b"{}")]
    scripted.answers.extend(away)
    waits = []
    patiently(lambda: Server(scripted.url).beat(HELD), 60, sleep=waits.append)
    assert waits == [2, 4, 10]


def test_patience_ends():
    now = [0.0]

    def sleep(seconds):
        now[0] += seconds

    def ask():
        raise NotNow("away")

    with pytest.raises(NotNow):
        patiently(ask, 30, sleep=sleep, clock=lambda: now[0])
    assert now[0] == 2 + 4 + 8 + 16


def test_a_port_where_nobody_listens_is_not_now():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(NotNow):
        Server(url).beat(HELD)


def test_a_file_that_broke_off_goes_on_where_it_was(scripted, tmp_path):
    scripted.answers.append((200, {"content-length": "10"}, b"0123"))
    scripted.answers.append((206, {"content-range": "bytes 4-9/10"}, b"456789"))
    server, target = Server(scripted.url), tmp_path / "clip"
    with pytest.raises(NotNow):
        server.fetch(HELD, 0, target)
    server.fetch(HELD, 0, target)
    assert target.read_bytes() == b"0123456789"
    assert scripted.asked[1][2]["range"] == "bytes=4-"


def test_a_file_is_sent_whole_and_a_lost_claim_is_noticed(scripted, tmp_path):
    (tmp_path / "a b.json").write_bytes(b"{}")
    scripted.answers.append((201, {}, b"{}"))
    Server(scripted.url).send(HELD, "sub/a b.json", tmp_path / "a b.json")
    assert scripted.asked[0][1] == "/api/v1/tasks/t1/outputs/sub/a%20b.json" and scripted.asked[0][3] == b"{}"
    scripted.answers.extend([(503, {}, b"{}"), (409, {}, b"{}")])
    with pytest.raises(ClaimLost):
        Server(scripted.url).send(HELD, "x", tmp_path / "a b.json")


@pytest.mark.parametrize("url", ["nas:5000", "ftp://nas", "http://", "http://me:secret@nas", "http://nas?token=x"])
def test_what_is_no_server_is_said(url):
    with pytest.raises(BadConfig, match="is no server"):
        Server(url)


@pytest.mark.parametrize(
    "url", ["http://nas:5000", "http://nas:5000/", "http://nas:5000/api/v1", "http://nas:5000/api/v1/"]
)
def test_the_address_may_be_given_with_or_without_the_base(url):
    assert Server(url).url == "http://nas:5000/api/v1"
    assert Server("https://dash.example/behind/").url == "https://dash.example/behind/api/v1"
