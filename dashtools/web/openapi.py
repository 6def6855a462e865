"""The OpenAPI 3.1 document, made from the table of routes: what is served is what is described."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

import dashtools
from dashtools import schemas
from dashtools.model import Json
from dashtools.web.api import BASE, VARIABLES, Route

TEXT: Json = {"type": "string"}
FREE: Json = {"type": "object"}
FLAG: Json = {"type": "boolean"}
NEW_TASKS: Json = {"type": "array", "items": {"type": "object", "required": ["task_type"]}}
QUERY: dict[str, Json] = {
    "type": {"type": "string", "pattern": "^[A-Z][A-Z0-9_]*$"},
    "state": {"enum": ["pending", "ready", "claimed", "delayed", "complete", "failed"]},
    "limit": {"type": "integer", "minimum": 0, "maximum": 1000, "default": 50},
    "offset": {"type": "integer", "minimum": 0, "maximum": 10**9, "default": 0},
}


def _object(required: list[str], **properties: Any) -> Json:
    return {"type": "object", "required": required, "properties": properties}


def _schemas() -> Json:
    outputs = {"type": "array", "items": _object(["path", "type"], path=TEXT, type=TEXT)}
    error = _object([], **{"class": TEXT, "message": TEXT, "retryable": {"type": "boolean"}})
    rows = {"type": "array", "items": _object(["table"], table=TEXT)}
    full = _object(
        [], claim=TEXT, new_tasks=NEW_TASKS, outputs=outputs, rows=rows, metadata=FREE, settings=FREE, error=error
    )
    types = {"type": "array", "items": TEXT, "minItems": 1}
    return {
        "Task": {k: v for k, v in schemas.schema("task").items() if k not in ("$schema", "$id")},
        "Device": {k: v for k, v in schemas.schema("device").items() if k not in ("$schema", "$id")},
        "Config": {"type": "object", "description": "a part of the configuration; see schemas/config.schema.json"},
        "State": _object(["state"], state={"const": "complete"}),
        "Claim": _object([], claim=TEXT),
        "Wish": _object(["device", "task_types"], device=TEXT, task_types=types, capabilities=FREE, task_id=TEXT,
                        nonce={"type": "string", "pattern": "^[0-9a-f]{16,32}$"}),
        "Release": _object([], claim=TEXT, reason=TEXT, failed=FLAG, wait=FLAG, error=error),
        "Completion": {"anyOf": [NEW_TASKS, full]},
        "Problem": _object(["title", "status"], type=TEXT, title=TEXT, status={"type": "integer"}, detail=TEXT),
    }  # fmt: skip


def document(routes: tuple[Route, ...]) -> Json:
    """Every route with its parameters, body, answers and the scope that it needs."""
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    bearer = {"type": "http", "scheme": "bearer"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "dashtools", "version": dashtools.__version__},
        "servers": [{"url": BASE}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {"schemas": _schemas(), "securitySchemes": {"token": bearer}},
    }


def _operation(route: Route) -> Json:
    names = re.findall(r"\{(\w+)\}", route.path)
    in_path = [_parameter(n, "path", {"type": "string", "pattern": f"^{VARIABLES[n]}$"}) for n in names]
    in_query = [_parameter(n, "query", QUERY[n]) for n in route.query]
    in_header = [_parameter(n, "header", TEXT) for n in route.headers]
    unseen = {404} if names else set()  # a name that is not of the form is no path of ours
    answers = {str(status): _answer(status) for status in sorted({*route.statuses, *unseen, 401, 403, 500})}
    found: Json = {"summary": route.summary, "operationId": route.function.__name__, "x-scope": route.scope}
    found |= {"parameters": [*in_path, *in_query, *in_header], "responses": answers}
    if route.body == "file":
        found["requestBody"] = {"content": {"application/octet-stream": {}}, "required": True}
    elif route.body is not None:
        content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{route.body}"}}}
        found["requestBody"] = {"content": content, "required": route.body not in ("Claim", "Completion", "Release")}
    return found


def _parameter(name: str, place: str, schema: Json) -> Json:
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


def _answer(status: int) -> Json:
    words: Json = {"description": HTTPStatus(status).phrase}
    if status >= 400:
        words["content"] = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return words
