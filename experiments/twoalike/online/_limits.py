"""Limits of requests: a token bucket for each session and for each address.

Buckets are in the memory of one server process, so that n processes together allow n times the
rate. Where that matters, set a limit in the reverse proxy as well.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass, field

_MOST_BUCKETS = 20_000


@dataclass(frozen=True)
class Limits:
    """Requests allowed in a burst, and per second after it."""

    session_burst: float = 60.0
    session_per_s: float = 10.0
    address_burst: float = 600.0
    """High, as a lab or a school may share one address."""
    address_per_s: float = 100.0
    guess_cost: float = 20.0
    """How many requests one with a wrong secret counts as."""


USUAL = Limits()


@dataclass
class Buckets:
    """Requests left for each session or address."""

    burst: float
    per_s: float
    _left: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)
    """Requests left, and when that was, by name; those unused longest come first."""

    def take(self, name: str, cost: float = 1.0) -> bool:
        """Take from a bucket; False, and nothing is taken, if there is too little in it."""
        now = time.monotonic()
        left, then = self._left.get(name, (self.burst, now))
        left = min(self.burst, left + (now - then) * self.per_s)
        allowed = left >= cost
        self._left[name] = left - cost if allowed else left, now
        self._left.move_to_end(name)
        if len(self._left) > _MOST_BUCKETS:
            self._left.popitem(last=False)
        return allowed

    def charge(self, name: str, cost: float) -> None:
        """Take a cost from a bucket, or all that is left."""
        self.take(name, 0.0)
        left, then = self._left[name]
        self._left[name] = max(0.0, left - cost), then
