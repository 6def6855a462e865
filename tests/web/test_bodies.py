"""Bodies are bounded in size and in silence."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from dashtools.web import bodies
from dashtools.web.problem import Problem


def read(messages, limit_bytes=10, **headers):
    """What is read of a body that comes in these messages and then falls silent."""
    left = list(messages)

    async def receive():
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    async def collect():
        request = SimpleNamespace(headers=headers)
        return [piece async for piece in bodies.chunks(request, receive, limit_bytes)]

    return asyncio.run(collect())


def piece(content, more=True):
    return {"type": "http.request", "body": content, "more_body": more}


def test_a_body_comes_piece_by_piece():
    assert read([piece(b"12345"), piece(b""), piece(b"67890", False)]) == [b"12345", b"67890"]


@pytest.mark.parametrize(
    ("messages", "headers", "status"),
    [
        ([piece(b"12345"), piece(b"678901", False)], {}, 413),
        ([], {"content-length": "11"}, 413),
        ([], {"content-length": "-1"}, 413),
        ([piece(b"1"), {"type": "http.disconnect"}], {}, 400),
        ([piece(b"1")], {}, 408),
    ],
    ids=["too long", "says too much", "says nonsense", "gone", "silent"],
)
def test_a_body_that_is_too_long_or_never_ends_is_refused(monkeypatch, messages, headers, status):
    monkeypatch.setattr(bodies, "SILENCE_S", 0.01)
    with pytest.raises(Problem) as refused:
        read(messages, **headers)
    assert refused.value.status == status
