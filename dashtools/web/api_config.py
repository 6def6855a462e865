"""The shared configuration through the API, with an entity tag so that no update is lost."""

from __future__ import annotations

import asyncio

from datasette.utils.asgi import Response

from dashtools.web.api import Call
from dashtools.web.api_settings import Stale
from dashtools.web.bodies import read_json
from dashtools.web.problem import Problem, json_answer


async def get_config(call: Call) -> Response:
    """The configuration that all hosts share, defaults filled in; its version is the ETag."""
    if call.api.read_config is None:
        raise Problem(404, "this server keeps no configuration")
    document, version = await asyncio.to_thread(call.api.read_config)
    tag = f'"{version}"'
    if tag in _tags(call.request.headers.get("if-none-match")):
        return Response("", 304, {"etag": tag}, "application/json")
    return json_answer(document, headers={"etag": tag})


async def put_config(call: Call) -> Response:
    """Lays a partial update over the shared configuration; with If-Match only if nobody changed it since, else 412."""
    write = call.api.write_config
    if write is None:
        raise Problem(404, "this server keeps no configuration")
    update = await read_json(call.request, call.receive)
    if not isinstance(update, dict):
        raise Problem(400, "send a JSON object, a part of the configuration")
    tags = _tags(call.request.headers.get("if-match"))
    if len(tags) > 1:
        raise Problem(400, "name one version in If-Match")
    expected = tags[0].strip('"') if tags and tags != ["*"] else None
    try:
        has_changed = await asyncio.to_thread(write, update, expected)
    except Stale:
        raise Problem(412, "the configuration was changed meanwhile; GET it again") from None
    assert call.api.read_config is not None
    _, version = await asyncio.to_thread(call.api.read_config)
    return json_answer({"changed": has_changed}, headers={"etag": f'"{version}"'})


def _tags(header: str | None) -> list[str]:
    return [tag.strip().removeprefix("W/") for tag in (header or "").split(",") if tag.strip()]
