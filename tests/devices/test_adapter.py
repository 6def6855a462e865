"""One contract for all adapters, over files and over HTTP."""

import json

import pytest

from dashtools import schemas
from dashtools.config_keys import ELIGIBLE
from dashtools.devices.registry import ADAPTERS
from dashtools.model import TASK_TYPES, FileRef, Task

TYPES = sorted(ADAPTERS)


def task(task_type, task_id="t1", **more):
    return Task(task_id, task_type, "drive-1", **more)


def completed(spool):
    return [(entry.task_type, entry.task_id) for entry in spool.completed()]


def ready(spool):
    return sorted((entry.task_type, entry.state) for entry in spool.pending())


def test_every_device_type_of_the_configuration_has_an_adapter():
    assert set(ADAPTERS) == set(ELIGIBLE)


@pytest.mark.parametrize("device_type", TYPES)
def test_a_device_sees_only_tasks_of_its_own_types(host, connect, bare, device_type):
    spool, config = host(device_type)
    for number, task_type in enumerate(TASK_TYPES):
        spool.publish(task(task_type, f"t{number}"))
    adapter = connect(spool, config, bare)
    seen = {task_type for task_type in TASK_TYPES if adapter.get_pending_tasks(task_type)}
    assert seen == set(ELIGIBLE[device_type])


@pytest.mark.parametrize("device_type", [t for t in TYPES if ELIGIBLE[t]])
def test_looking_reserves_nothing_and_urgent_tasks_come_first(host, connect, bare, device_type):
    spool, config = host(device_type)
    for number, priority in enumerate((5, 0, 7)):
        spool.publish(task(ELIGIBLE[device_type][0], f"t{number}", priority=priority))
    adapter = connect(spool, config, bare)
    for _ in range(2):
        found = adapter.get_pending_tasks(ELIGIBLE[device_type][0], limit=2)
        assert [t.task_id for t in found] == ["t1", "t0"]


@pytest.mark.parametrize("device_type", [t for t in TYPES if ELIGIBLE[t]])
def test_completing_publishes_the_new_tasks_once(host, connect, bare, device_type):
    spool, config = host(device_type)
    own = ELIGIBLE[device_type][0]
    spool.publish(task(own))
    adapter = connect(spool, config, bare)
    child = task("FINALIZE_VIDEO", "ignored", inputs=(FileRef("shed_nas", "a", "manifest"),))
    assert adapter.mark_task_complete("t1", [child]) is True
    assert adapter.mark_task_complete("t1", [child]) is False
    assert completed(spool) == [(own, "t1")]
    assert ready(spool) == [("FINALIZE_VIDEO", "ready")]


@pytest.mark.parametrize("device_type", TYPES)
def test_a_device_completes_no_task_of_another_kind(host, connect, bare, device_type):
    spool, config = host(device_type)
    spool.publish(task("CLEANUP_STORAGE"))
    assert connect(spool, config, bare).mark_task_complete("t1") is False
    assert ready(spool) == [("CLEANUP_STORAGE", "ready")]


@pytest.mark.parametrize("device_type", [t for t in TYPES if ELIGIBLE[t]])
def test_a_task_in_another_workers_hands_is_not_completed(host, connect, bare, device_type):
    spool, config = host(device_type)
    own = ELIGIBLE[device_type][0]
    spool.publish(task(own))
    assert spool.claim(spool.scanner([own], {})) is not None
    adapter = connect(spool, config, bare)
    assert adapter.get_pending_tasks(own) == []
    assert adapter.mark_task_complete("t1") is False


@pytest.mark.parametrize("device_type", TYPES)
def test_capabilities_are_as_the_schema_says_and_are_registered(host, connect, jetson, device_type):
    spool, config = host(device_type)
    adapter = connect(spool, config, jetson)
    assert schemas.problems("device", adapter.get_device_capabilities().to_json()) == []
    adapter.register()
    written = json.loads((spool.root / "devices" / "one.json").read_text())
    assert written["device_type"] == device_type
    assert written["task_types_supported"] == list(ELIGIBLE[device_type])


@pytest.mark.parametrize("device_type", TYPES)
def test_health_is_true_exactly_when_nothing_ails(host, connect, bare, device_type):
    spool, config = host(device_type)
    adapter = connect(spool, config, bare)
    assert adapter.health_check() is (not adapter.ailments())


def test_a_task_that_wants_a_tpu_is_seen_only_where_one_is(host, connect, jetson, bare):
    spool, config = host("jetson_coral")
    spool.publish(task("PREPROCESS_VIDEO", device_capabilities_required={"coral_tpu": True, "min_memory_gb": 2}))
    assert len(connect(spool, config, jetson).get_pending_tasks("PREPROCESS_VIDEO")) == 1
    assert connect(spool, config, bare).get_pending_tasks("PREPROCESS_VIDEO") == []
