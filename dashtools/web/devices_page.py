"""The page of devices: what each can do, how it is, when it was last heard of, what it holds."""

from __future__ import annotations

import asyncio
from typing import Any

from datasette.utils.asgi import Response

from dashtools.errors import DashtoolsError
from dashtools.model import Json
from dashtools.web import fleet
from dashtools.web.answers import show
from dashtools.web.api_settings import api_of

HEALTH = (
    ("cpu_usage_percent", "processor", "{:.0f} %"),
    ("memory_usage_percent", "memory", "{:.0f} %"),
    ("gpu_usage_percent", "graphics processor", "{:.0f} %"),
    ("temperature_celsius", "temperature", "{:.0f} °C"),
    ("tasks_completed", "tasks done", "{:.0f}"),
    ("average_task_duration_seconds", "a task takes", "{:.0f} s"),
)
"""What a device may say of itself (blueprint, section 3.2), and how a person reads it."""


async def devices(datasette: Any, request: Any) -> Response:
    """Every device, those that are alive first."""
    api = api_of(datasette)
    found: list[Json] = []
    problem = None if api is not None else "this server was started without a spool"
    if api is not None:

        def look() -> list[Json]:
            with api.opened() as spool:
                return list(fleet.devices(spool, api.lease_s).values())

        try:
            found = await asyncio.to_thread(look)
        except DashtoolsError:
            problem = "the spool is away; try again when the share is mounted"
    told = [{**device, "health": _health(device)} for device in found]
    told.sort(key=lambda device: (not device["status"]["online"], device["device_id"]))
    return await show(datasette, request, "devices.html", devices=told, problem=problem)


def _health(device: Json) -> list[tuple[str, str]]:
    """What the device says of its health, in words; numbers that are none are left out."""
    said = {**device.get("status", {}), **device.get("health", {})}
    return [(word, form.format(said[name])) for name, word, form in HEALTH if isinstance(said.get(name), (int, float))]
