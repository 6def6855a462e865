"""Wrong passwords make the next try wait."""

from __future__ import annotations

import pytest

from dashtools.web import attempts
from dashtools.web.attempts import Attempts


@pytest.fixture
def now():
    return [1000.0]


@pytest.fixture
def tries(now):
    return Attempts(lambda: now[0])


def fail(tries, address, times):
    for _ in range(times):
        tries.failed(address)


def test_a_few_wrong_ones_cost_nothing_then_the_wait_doubles_up_to_a_bound(tries, now):
    fail(tries, "10.0.0.1", 4)
    assert tries.wait_s("10.0.0.1") == 0
    waits = []
    for _ in range(9):
        fail(tries, "10.0.0.1", 1)
        waits.append(tries.wait_s("10.0.0.1"))
        now[0] += waits[-1]
        assert tries.wait_s("10.0.0.1") == 0
    assert waits == [15, 30, 60, 120, 240, 480, 900, 900, 900]


def test_another_address_does_not_wait_but_a_neighbour_in_one_ipv6_network_does(tries):
    fail(tries, "2001:db8:1:2::1", 5)
    assert tries.wait_s("10.0.0.1") == 0 and tries.wait_s("2001:db8:1:3::1") == 0
    assert tries.wait_s("2001:db8:1:2:ffff::9") == 15


def test_many_addresses_together_wait_too(tries, now):
    for number in range(attempts.ALL_TRIES):
        tries.failed(f"10.0.1.{number}")
    assert tries.wait_s("10.9.9.9") > 0
    now[0] += attempts.ALL_WINDOW_S
    assert tries.wait_s("10.9.9.9") == 0


def test_the_right_password_and_an_hour_of_peace_forget(tries, now):
    fail(tries, "10.0.0.1", 5)
    tries.succeeded("10.0.0.1")
    assert tries.wait_s("10.0.0.1") == 0
    fail(tries, "10.0.0.1", 30)
    now[0] += attempts.FORGOTTEN_AFTER_S + 1
    assert tries.wait_s("10.0.0.1") == 0
    fail(tries, "10.0.0.1", 4)
    assert tries.wait_s("10.0.0.1") == 0


def test_what_is_remembered_is_bounded(tries, monkeypatch):
    monkeypatch.setattr(attempts, "MOST_ADDRESSES", 10)
    for number in range(50):
        tries.failed(f"10.0.2.{number}")
    assert len(tries._failed) == 10
