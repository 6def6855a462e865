"""Whatever was added, worked, failed and requeued in whatever order: refresh and rebuild agree."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashtools.index import counts, store
from dashtools.index.refresh import refresh
from dashtools.index.verify import verify

TOLD = "SELECT what || kind, number FROM counts WHERE kind != ''"
COUNTED = """SELECT condition || task_type, count(*) FROM tasks GROUP BY 1
    UNION ALL SELECT 'days' || days, count(*) FROM plates GROUP BY 1"""
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(["AB12CDE", "A812CDE", "XY99ZZZ"]), st.integers(0, 900)),
        st.tuples(st.just("work"), st.integers(1, 6)),
        st.tuples(st.just("fail")),
        st.tuples(st.just("requeue"), st.integers(0, 40)),
        st.tuples(st.just("refresh")),
    ),
    min_size=4,
    max_size=16,
)


def play(library, step, number):
    """One thing that happens to a library."""
    name, *rest = step
    if name == "add":
        plate, second = rest
        when = None if second % 7 == 0 else f"2024-01-15T14:{second // 60:02d}:{second % 60:02d}Z"
        library.add(f"clip{number}.mp4", plates=[plate] * (second % 3), recorded_at=when, camera=f"cam{second % 2}")
    elif name == "work":
        library.work(rest[0])
    elif name == "fail" and list(library.spool.pending()):
        library.finish(library.claim(), fails="made to fail")
    elif name == "requeue":
        entries = list(library.spool.completed())
        if entries:
            library.spool.requeue(entries[rest[0] % len(entries)])
    elif name == "refresh":
        refresh(library.root, library.db)


def assert_counts_are_right(db):
    """What pages tell of how many there are, against counting."""
    connection = store.open_reading(db)
    try:
        told, counted = (dict(connection.execute(sql).fetchall()) for sql in (TOLD, COUNTED))
        assert told == counted
        assert {t: vars(counts.totals(connection))[t] for t in counts.COUNTED} == {
            t: connection.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in counts.COUNTED
        }
    finally:
        connection.close()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_refresh_equals_rebuild_after_any_history(library, steps):
    with tempfile.TemporaryDirectory() as folder:
        fresh = type(library)(Path(folder) / "spool", Path(folder) / "index.db")
        for number, step in enumerate(steps):
            play(fresh, step, number)
        refresh(fresh.root, fresh.db)
        assert_counts_are_right(fresh.db)
        verdict = verify(fresh.root, fresh.db)
        assert verdict.differences == ()
        assert verdict.records == len(list(fresh.spool.completed()))
