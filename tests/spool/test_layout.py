from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashtools.errors import BadInput
from dashtools.spool import layout
from dashtools.times import UTC

IDS = st.text("abcdefABC0123456789_-", min_size=1, max_size=64)
TIMES = st.datetimes(datetime(2001, 1, 1), datetime(2099, 1, 1)).map(lambda t: t.replace(tzinfo=UTC))


@given(TIMES, IDS, st.integers(0, 120), st.integers(0, 12), st.integers(0, 9))
def test_a_ready_path_reads_back_as_what_it_was_made_from(when, task_id, attempt, failures, priority):
    key = layout.make_key(when, task_id)
    path = f"{layout.pending_folder('TEST', 'any', priority, key)}/{layout.ready_name(key, attempt, failures)}"
    entry = layout.parse(path)
    assert entry is not None
    assert (entry.task_id, entry.attempt, entry.failures, entry.priority) == (task_id, attempt, failures, priority)
    assert entry.state == "ready" and entry.created == when


@given(TIMES, IDS, st.integers(0, 120), st.booleans())
def test_a_final_path_reads_back_with_its_flag(when, task_id, attempt, failed):
    path = layout.complete_path("TEST", layout.make_key(when, task_id), attempt, failed=failed)
    entry = layout.parse(path)
    assert entry is not None and entry.attempt == attempt
    assert entry.state == ("failed" if failed else "complete")


def test_a_claimed_name_carries_its_claimer():
    key = layout.make_key(datetime(2024, 1, 1, tzinfo=UTC), "id")
    path = f"{layout.pending_folder('TEST', 'any', 5, key)}/{layout.claimed_name(key, 1, 0, 'h~b~1~2~ff')}"
    entry = layout.parse(path)
    assert entry is not None and entry.state == "claimed" and entry.worker == "h~b~1~2~ff"


def test_a_delayed_path_reads_back_with_its_time():
    key = layout.make_key(datetime(2024, 1, 1, tzinfo=UTC), "id")
    entry = layout.Entry("x", "TEST", key, 3, "claimed", 1, "any", 2)
    back = layout.parse(layout.delayed_path(entry, entry.created + timedelta(hours=1), 2))
    assert back is not None and back.state == "delayed" and back.not_before == "20240101T010000"
    assert (back.priority, back.attempt, back.failures) == (2, 3, 2)


@pytest.mark.parametrize("path", ["complete/T/2024/01/01/00/x.rows.jsonl", "pending/T/any/5/x/strange", "VERSION"])
def test_strangers_are_no_tasks(path):
    assert layout.parse(path) is None


@pytest.mark.parametrize("task_id", ["", "a.b", "a/b", "a b", "x" * 65])
def test_a_task_id_that_cannot_be_a_name_is_refused(task_id):
    with pytest.raises(BadInput):
        layout.make_key(datetime(2024, 1, 1, tzinfo=UTC), task_id)


def test_a_device_serves_what_its_capabilities_cover():
    name = layout.requirement_of({"coral_tpu": True, "min_memory_gb": 2})
    assert layout.is_served(name, {"coral_tpu_available": True, "max_memory_gb": 4})
    assert not layout.is_served(name, {"coral_tpu_available": True, "memory_gb": 1})
    assert not layout.is_served(name, {})
