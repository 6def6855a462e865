"""The devices of the fleet by their own records: what they can do, who of them is alive, what they hold."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from dashtools.model import Json
from dashtools.spool.queue import Spool
from dashtools.times import from_seconds, to_text


def devices(spool: Spool, lease_s: float) -> dict[str, Json]:
    """Registered devices and those seen working; alive is who beat within a lease."""
    found: dict[str, Json] = {}
    for name, content in _records(spool, "devices"):
        found[name] = {**content, "device_id": str(content.get("device_id") or name)}
    now_s = spool.now().timestamp()
    for name, content in _records(spool, "workers"):
        device_id = str(content.get("device_id") or content.get("host") or name.partition("~")[0])
        fresh: Json = {"device_id": device_id, "hostname": content.get("host"), "capabilities": {}}
        device = found.setdefault(device_id, fresh)
        try:
            beat_s = spool.files.mtime_ns(f"workers/{name}.json") / 1e9
        except FileNotFoundError:
            continue
        is_alive = now_s - beat_s < lease_s
        worker = {"worker": name, "holds": content.get("holds"), "alive": is_alive}
        device.setdefault("workers", []).append({**worker, "last_heartbeat": to_text(from_seconds(beat_s))})
    for device in found.values():
        alive = [worker for worker in device.get("workers", []) if worker["alive"]]
        status = {"online": bool(alive), "tasks_running": sum(1 for worker in alive if worker["holds"])}
        if device.get("workers"):
            status["last_heartbeat"] = max(worker["last_heartbeat"] for worker in device["workers"])
        device["status"] = {**device.get("status", {}), **status}
    return dict(sorted(found.items()))


def _records(spool: Spool, folder: str) -> Iterator[tuple[str, Json]]:
    for name in sorted(spool.files.names(folder)):
        if not name.endswith(".json"):
            continue
        try:
            value = orjson.loads(spool.files.read(f"{folder}/{name}"))
        except (FileNotFoundError, orjson.JSONDecodeError):
            continue  # gone meanwhile, or written by other means
        if isinstance(value, dict):
            yield name[:-5], value
