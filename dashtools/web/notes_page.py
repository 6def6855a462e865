"""What people say, sent from our pages: corrections, lists, tags and notes. Each is a new file in the spool."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator
from typing import Any

from datasette.utils.asgi import Response

from dashtools.errors import BadInput, TryLater
from dashtools.index import queries, sayings
from dashtools.index.plates import normal
from dashtools.index.refresh import take_notes
from dashtools.index.sayings import About
from dashtools.spool import notes
from dashtools.web.answers import ask
from dashtools.web.api_settings import ApiSettings, api_of
from dashtools.web.forms import Form, answered, checked_form, field

NEED = "work"
SUBJECT = re.compile(rf"(?:{'|'.join(notes.SUBJECTS)}):[A-Za-z0-9_.-]{{1,128}}\Z")
Value = str | list[str] | None


async def say(datasette: Any, request: Any, receive: Any) -> Response:
    """POST says what changed in the form and leads back to the subject's page."""

    async def work() -> Response:
        form = await checked_form(datasette, request, receive, NEED, "say something")
        subject = field(form, "subject")
        if not SUBJECT.match(subject):
            raise BadInput("a note is about a plate, sighting, video or trip")
        known = await ask(datasette, lambda c: sayings.about(c, subject))
        of = await _read_as(datasette, subject)
        by = request.scope["dashtools_visitor"].name
        api = api_of(datasette)
        assert api is not None
        await asyncio.to_thread(_say, api, datasette.dashtools.db, list(_changes(form, known, of)), subject, by, of)
        return Response.redirect(place_of(subject) + "#notes", 303)

    return await answered(work)


def place_of(subject: str) -> str:
    """The page of a subject.

    >>> place_of("plate:AB12CDE"), place_of("sighting:clip-0a1b2c3d.t001")
    ('/plate/AB12CDE', '/sighting/clip-0a1b2c3d.t001')
    """
    kind, _, rest = subject.partition(":")
    return f"/{kind}/{rest}"


def _changes(form: Form, known: About, read_as: str | None) -> Iterator[tuple[str, Value]]:
    """Each kind that the form speaks of and that is not as it was."""
    if "list" in form:
        yield from _changed("list", field(form, "list") or None, known.list)
    if "tags" in form:
        words = sorted({word.strip() for word in field(form, "tags").split(",") if word.strip()})
        yield from _changed("tags", words or None, list(known.tags) or None)
    if "note" in form:
        yield from _changed("note", field(form, "note").replace("\r\n", "\n").strip() or None, known.note)
    if "correction" in form:
        text = normal(field(form, "correction"))
        if field(form, "correction").strip() and not text:
            raise BadInput("a plate is made of letters A to Z and digits")
        yield from _changed("correction", None if text in ("", read_as) else text, known.correction)


def _changed(kind: str, new: Value, old: Value) -> Iterator[tuple[str, Value]]:
    if new != old:
        yield kind, new


async def _read_as(datasette: Any, subject: str) -> str | None:
    """What was read of the sighting; BadInput for a subject that is not in the index."""
    kind, _, rest = subject.partition(":")
    if kind == "sighting":
        card = await ask(datasette, lambda c: queries.card(c, rest))
        if card is None:
            raise BadInput(f"there is no sighting {rest[:80]!r}")
        return card.read_as
    if kind == "video" and await ask(datasette, lambda c: queries.clip(c, rest)) is None:
        raise BadInput(f"there is no clip {rest[:80]!r}")
    if kind == "trip" and await ask(datasette, lambda c: queries.trip(c, rest)) is None:
        raise BadInput(f"there is no trip {rest[:80]!r}")
    return None


def _say(
    api: ApiSettings, db: Any, changes: list[tuple[str, Value]], subject: str, by: str, read_as: str | None
) -> None:
    with api.opened() as spool:
        for kind, value in changes:
            notes.say(spool, kind, subject, value, by=by, of=read_as if kind == "correction" else None)
    with contextlib.suppress(TryLater):  # somebody else writes the index: it will have it within seconds
        take_notes(api.spool, db)
