"""Is all well? For people, load balancers and scripts; the answer never claims more than was looked at."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from datasette.utils.asgi import Response

import dashtools
from dashtools.index.counts import totals
from dashtools.model import Json
from dashtools.times import from_text, utc_now
from dashtools.web.answers import ask
from dashtools.web.api import Call
from dashtools.web.problem import RETRY_AFTER_S, json_answer

ANSWER_WITHIN_S = 5.0
STALE_AFTER_S = 120.0


async def health(call: Call) -> Response:
    """How the spool, the storages and the index are; 503 while the spool is away or does not answer.

    "degraded" says why in `reasons`. Without a token only the word itself is told.
    """

    def look() -> tuple[str, int]:
        with call.api.opened() as spool:
            room = os.statvfs(spool.root)
            return spool.uuid, room.f_bavail * room.f_frsize

    roots = call.datasette.dashtools.roots
    spool = await call.api.spool_probe.ask(look, ANSWER_WITHIN_S)
    mounted = await call.api.storage_probe.ask(
        lambda: {n: is_mounted(r) for n, r in sorted(roots.items())}, ANSWER_WITHIN_S
    )
    fresh_at = (await ask(call.datasette, totals)).refreshed_at
    reasons = _reasons(spool, mounted, roots, fresh_at)
    status = "spool away" if spool is None else "degraded" if reasons else "ok"
    document: Json = {"status": status}
    if call.who != "nobody":
        document |= {"reasons": reasons, "spool": None if spool is None else spool[0], "version": dashtools.__version__}
        document |= {"index_refreshed_at": fresh_at, "storages": mounted}
    headers = {} if spool is not None else {"retry-after": str(RETRY_AFTER_S)}
    return json_answer(document, 200 if spool is not None else 503, headers)


def is_mounted(root: Path | None) -> bool:
    """Is a storage there? An empty folder is where it would be mounted."""
    if root is None:
        return False
    try:
        with os.scandir(root) as entries:
            return next(entries, None) is not None
    except OSError:
        return False


def _reasons(
    spool: tuple[str, int] | None, mounted: dict[str, bool] | None, roots: dict[str, Any], fresh_at: str | None
) -> list[str]:
    reasons = []
    if spool is None:
        reasons.append("the spool is away or does not answer")
    elif spool[1] == 0:
        reasons.append("the share of the spool is full")
    if mounted is None:
        reasons.append("the storages do not answer")
    else:
        mapped = [name for name, is_there in mounted.items() if roots[name] is not None and not is_there]
        reasons += [f"the storage {name} is not mounted" for name in mapped]
    age_s = None if fresh_at is None else (utc_now() - from_text(fresh_at)).total_seconds()
    if age_s is None or age_s > STALE_AFTER_S:
        reasons.append("the index was never refreshed" if age_s is None else f"the index is {age_s:.0f} s old")
    return reasons
