"""The table of the API's routes."""

from __future__ import annotations

from datasette.utils.asgi import Response

from dashtools.web import api_claims, api_config, api_devices, api_status, api_tasks, metrics, openapi
from dashtools.web.api import Call, Route
from dashtools.web.problem import json_answer

AWAY = 503
CLAIM = ("Dashtools-Claim",)


async def get_openapi(call: Call) -> Response:
    """This document."""
    return json_answer(openapi.document(ROUTES))


ROUTES: tuple[Route, ...] = (
    Route("GET", "/tasks", "read", api_tasks.list_tasks, (200, 400, 404, AWAY), ("type", "state", "limit", "offset")),
    Route("POST", "/tasks", "work", api_tasks.post_task, (201, 400, 408, 409, 413, 415, AWAY, 507), body="Task"),
    Route("POST", "/tasks/claim", "work", api_claims.claim, (200, 400, 404, 408, 413, 415, AWAY, 507), body="Wish"),
    Route("GET", "/tasks/{id}", "read", api_tasks.get_task, (200, 404, AWAY)),
    Route(
        "PUT", "/tasks/{id}", "work", api_tasks.put_task,
        (200, 400, 404, 408, 409, 413, 415, AWAY, 507), body="State",
    ),
    Route(
        "POST", "/tasks/{id}/heartbeat", "work", api_claims.heartbeat,
        (200, 400, 408, 409, 413, 415, AWAY, 507), body="Claim", headers=CLAIM,
    ),
    Route(
        "POST", "/tasks/{id}/complete", "work", api_claims.complete,
        (200, 400, 404, 408, 409, 413, 415, AWAY, 507), body="Completion", headers=CLAIM,
    ),
    Route(
        "POST", "/tasks/{id}/release", "work", api_claims.release,
        (200, 400, 408, 409, 413, 415, AWAY, 507), body="Release", headers=CLAIM,
    ),
    Route(
        "GET", "/tasks/{id}/inputs/{n}", "work", api_claims.get_input,
        (200, 206, 304, 400, 404, 409, 416, AWAY), headers=CLAIM,
    ),
    Route(
        "PUT", "/tasks/{id}/outputs/{name}", "work", api_claims.put_output,
        (201, 400, 408, 409, 413, AWAY, 507), body="file", headers=CLAIM,
    ),
    Route("GET", "/devices", "read", api_devices.list_devices, (200, AWAY, 507)),
    Route("GET", "/devices/{device}", "read", api_devices.get_device, (200, 404, AWAY, 507)),
    Route(
        "PUT", "/devices/{device}", "work", api_devices.put_device,
        (200, 400, 408, 413, 415, AWAY, 507), body="Device",
    ),
    Route("GET", "/config", "read", api_config.get_config, (200, 304, 404, 422, AWAY), headers=("If-None-Match",)),
    Route(
        "PUT", "/config", "admin", api_config.put_config,
        (200, 400, 404, 408, 412, 413, 415, 422, AWAY, 507), body="Config", headers=("If-Match",),
    ),
    Route("GET", "/health", "read", api_status.health, (200, AWAY)),
    Route("GET", "/metrics", "read", metrics.metrics, (200, AWAY, 507)),
    Route("GET", "/openapi.json", "read", get_openapi, (200,)),
)  # fmt: skip
