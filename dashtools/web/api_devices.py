"""Devices: what they are, who of them is alive and what they hold."""

from __future__ import annotations

from uuid import uuid4

import orjson
from datasette.utils.asgi import Response

from dashtools import schemas
from dashtools.errors import BadInput
from dashtools.spool.queue import Spool
from dashtools.web import fleet
from dashtools.web.api import Call
from dashtools.web.bodies import read_json
from dashtools.web.problem import Problem, json_answer

DEVICE_BYTES = 64 << 10


async def list_devices(call: Call) -> Response:
    """Registered devices and those seen working, with who of them is alive and what they hold."""
    return json_answer(await call.with_spool(lambda spool: list(fleet.devices(spool, call.api.lease_s).values())))


async def get_device(call: Call) -> Response:
    """One device."""
    device_id = call.variable("device")
    found = (await call.with_spool(lambda spool: fleet.devices(spool, call.api.lease_s))).get(device_id)
    if found is None:
        raise Problem(404, f"no device {device_id}")
    return json_answer(found)


async def put_device(call: Call) -> Response:
    """Registers a device: what it is and can do, as schemas/device.schema.json has it."""
    device_id, value = call.variable("device"), await read_json(call.request, call.receive, DEVICE_BYTES)
    found = schemas.problems("device", value) if isinstance(value, dict) else ["it must be an object"]
    if found or value["device_id"] != device_id:
        raise BadInput(f"not this device: {'; '.join(found[:5]) or 'its device_id is another'}")
    content = orjson.dumps(value, option=orjson.OPT_INDENT_2)

    def write(spool: Spool) -> None:
        spool.files.replace(f"devices/{device_id}.json", content, f"tmp/device~{spool.me.worker}~{uuid4().hex[:8]}")

    await call.with_spool(write)
    return json_answer(value)
