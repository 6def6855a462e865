"""How often somebody may try a password: a few times at once, then ever more rarely."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict, deque
from collections.abc import Callable

FREE_TRIES = 5
FIRST_WAIT_S, LONGEST_WAIT_S = 15.0, 900.0
FORGOTTEN_AFTER_S = 3600.0
ALL_TRIES, ALL_WINDOW_S = 60, 600.0  # from everywhere together: many addresses are no way round
MOST_ADDRESSES = 4096


class Attempts:
    """Failed tries by address, in memory: a restart forgets them, and costs more than it brings."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._all: deque[float] = deque(maxlen=ALL_TRIES)

    def wait_s(self, address: str) -> float:
        """Seconds until a try from there is looked at; 0 for now."""
        now_s = self._clock()
        count, last_s = self._failed.get(_network(address), (0, 0.0))
        if count and now_s - last_s > FORGOTTEN_AFTER_S:
            del self._failed[_network(address)]
            count = 0
        own = 0.0
        if count >= FREE_TRIES:
            own = last_s + min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (count - FREE_TRIES)) - now_s
        everyone = self._all[0] + ALL_WINDOW_S - now_s if len(self._all) == ALL_TRIES else 0.0
        return max(0.0, own, everyone)

    def failed(self, address: str) -> None:
        """Counts a wrong password."""
        count, _ = self._failed.pop(_network(address), (0, 0.0))
        self._failed[_network(address)] = (min(count + 1, 64), self._clock())
        self._all.append(self._clock())
        while len(self._failed) > MOST_ADDRESSES:
            self._failed.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Forgets what an address got wrong."""
        self._failed.pop(_network(address), None)


def _network(address: str) -> str:
    """An IPv6 host has a whole /64 to try from; an IPv4 one its address.

    >>> _network("2001:db8::1") == _network("2001:db8::2"), _network("10.0.0.1")
    (True, '10.0.0.1')
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else str(found)
