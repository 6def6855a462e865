"""How many there are of what pages always tell: counted when something changed, so that no page counts a million."""

from __future__ import annotations

import sqlite3

from dashtools.index.views import Depth, Totals
from dashtools.model import TASK_TYPES

COUNTED = ("videos", "sightings", "plates", "trips")
CONDITIONS = ("ready", "claimed", "delayed", "complete", "failed")


def recount(connection: sqlite3.Connection) -> None:
    """Counts anew."""
    connection.execute("DELETE FROM counts")
    for table in COUNTED:
        connection.execute(f"INSERT INTO counts SELECT '{table}', '', count(*) FROM {table}")
    connection.execute("INSERT INTO counts SELECT condition, task_type, count(*) FROM tasks GROUP BY 1, 2")
    connection.execute("INSERT INTO counts SELECT 'days', CAST(days AS TEXT), count(*) FROM plates GROUP BY days")


def totals(connection: sqlite3.Connection) -> Totals:
    """Counts for every page, and how fresh they are."""
    found = dict(connection.execute("SELECT what, sum(number) FROM counts GROUP BY what").fetchall())
    row = connection.execute("SELECT value FROM meta WHERE key = 'refreshed_at'").fetchone()
    return Totals(
        **{table: found.get(table, 0) for table in COUNTED},
        waiting=found.get("ready", 0) + found.get("delayed", 0),
        claimed=found.get("claimed", 0),
        failed=found.get("failed", 0),
        refreshed_at=None if row is None else row[0],
    )


def plates_seen_on(connection: sqlite3.Connection, days: int) -> int:
    """How many plates were seen on so many days or more."""
    sql = "SELECT coalesce(sum(number), 0) FROM counts WHERE what = 'days' AND CAST(kind AS INTEGER) >= ?"
    return int(connection.execute(sql, (days,)).fetchone()[0])


def depths(connection: sqlite3.Connection) -> list[Depth]:
    """Every task type with its counts, in the order of the work."""
    found: dict[str, dict[str, int]] = {}
    for condition in CONDITIONS:
        for task_type, number in connection.execute("SELECT kind, number FROM counts WHERE what = ?", (condition,)):
            found.setdefault(task_type, dict.fromkeys(CONDITIONS, 0))[condition] = number
    order = {name: place for place, name in enumerate(TASK_TYPES)}
    kinds = sorted(found, key=lambda kind: (order.get(kind, len(order)), kind))
    return [Depth(task_type=kind, **found[kind]) for kind in kinds]
