"""Nobody holds a connection by doing nothing, and nobody holds many."""

from __future__ import annotations

import select
import socket
from urllib.parse import urlsplit

import pytest

from dashtools.web import connections
from dashtools.web.connections import Connection

BOUND_S = 60.0  # generous: what is waited for is an end, not a speed


@pytest.fixture
def served(desk, serve, monkeypatch):
    """The address of a server that looks at its connections every 20 ms."""
    from dashtools.web.server import WebSettings

    monkeypatch.setattr(connections, "LOOK_EVERY_S", 0.02)
    parts = urlsplit(serve(WebSettings(desk.library.db, desk.roots, port=0, api=desk.options["api"])))
    return parts.hostname, parts.port


def opened(address):
    stream = socket.create_connection(address, timeout=BOUND_S)
    stream.settimeout(BOUND_S)
    return stream


def ended(stream):
    """Did the server end the connection? Waits for it."""
    try:
        return stream.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET /api/v1/he", b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nX-A: "],
    ids=["nothing", "half a line", "half a head"],
)
def test_a_head_that_never_ends_ends_the_connection(served, monkeypatch, sent):
    monkeypatch.setattr(connections, "HEAD_S", 0.1)
    with opened(served) as stream:
        stream.sendall(sent)
        assert ended(stream)


def test_a_head_that_comes_byte_by_byte_has_no_longer(served, monkeypatch):
    monkeypatch.setattr(connections, "HEAD_S", 0.3)
    with opened(served) as stream:
        stream.settimeout(0.02)  # the drip
        for number in range(3000):
            try:
                stream.sendall(b"G" if number else b"GET /")
                if stream.recv(1) == b"":
                    return
            except TimeoutError:
                continue
            except OSError:
                return
        pytest.fail("a drip of bytes held the connection")


def test_a_body_that_drips_ends_the_connection(served, monkeypatch):
    monkeypatch.setattr(connections, "BODY_GRACE_S", 0.2)
    monkeypatch.setattr(connections, "BODY_LEAST_BYTES_S", 1e9)
    with opened(served) as stream:
        head = b"POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        stream.sendall(head + b'Content-Length: 900\r\n\r\n{"a')
        assert ended(stream)


def test_a_reader_that_stands_still_ends_the_connection(served, desk, monkeypatch):
    monkeypatch.setattr(connections, "READER_S", 0.2)
    ((artifact_id, path),) = desk.rows(
        "SELECT artifact_id, path FROM artifacts WHERE type = 'video_lowres' AND video_id = 'one-0a1b2c3d'"
    )
    with open(desk.roots["shed_nas"] / path, "wb") as file:
        file.truncate(1 << 30)
    with opened(served) as stream:
        stream.sendall(b"GET /media/%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % artifact_id.encode())
        quiet = select.poll()
        for _ in range(3000):
            if not Connection.by_address:
                return
            quiet.poll(20)  # what is left in the kernel's buffers is of no harm, and hides the end from us
        pytest.fail("a client that does not read held the connection")


def test_a_request_in_good_time_is_answered_also_on_a_connection_kept_alive(served):
    with opened(served) as stream:
        for _ in range(2):
            stream.sendall(b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = b""
            while not answer.endswith(b"0\r\n\r\n"):  # the head and the chunks may come one by one
                answer += stream.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200")


def test_one_address_has_so_many_connections_and_no_more(served, monkeypatch):
    monkeypatch.setattr(connections, "MOST_BY_ADDRESS", 3)
    monkeypatch.setattr(connections, "_is_this_machine", lambda address: False)
    streams = [opened(served) for _ in range(3)]
    try:
        streams[-1].sendall(b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert streams[-1].recv(65536).startswith(b"HTTP/1.1 200")
        with opened(served) as late:
            assert ended(late)
    finally:
        for stream in streams:
            stream.close()
