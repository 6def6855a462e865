"""What dc-web's storage page says of retention: the report of dc-retain, and what it removed before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashtools.commands._run import Session
from dashtools.commands.retain import judge_of

if TYPE_CHECKING:
    from dashtools.web.storage_page import Report


def report(session: Session) -> Report:
    """What may go now and what stays, the first to go first; reads every record, removes nothing."""
    from dashtools.devices import pins
    from dashtools.web.storage_page import Going, Gone, Report

    verdicts = judge_of(session, 0, (), is_sure=False).verdicts()
    units = [
        (v.may_go, Going(v.unit.policy, v.unit.storage, v.unit.path, v.unit.video_id, v.unit.size_bytes, v.reason))
        for v in verdicts
    ]
    stones = [
        Gone(
            str(stone.get("path")),
            str(stone.get("storage")),
            str(stone.get("video_id")),
            int(stone.get("size_bytes") or 0),
            stone.get("removed_at"),
            str(stone.get("reason")),
        )
        for stone in pins.tombstones(session.spool)
    ]
    stones.sort(key=lambda stone: stone.removed_at or "", reverse=True)
    going, kept = ([unit for may_go, unit in units if may_go is wanted] for wanted in (True, False))
    return Report(tuple(going), tuple(kept), tuple(stones))
