"""Limits of requests, a token bucket for each session and for each address, and of connections.

Both are in the memory of one server process, so that n processes together allow n times as much.
Where that matters, set a limit in the reverse proxy as well.
"""

import asyncio
import errno
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

_LOG = logging.getLogger("twoalike.online")
_MOST_BUCKETS = 20_000
BACKLOG = 128
"""Connections accepted at a time, before any of them is counted."""
_OTHER_FILES = 5 * BACKLOG
"""Open files left for accepted connections that are not counted yet, and for all else."""


@dataclass(frozen=True)
class Limits:
    """Requests allowed in a burst, and per second after it; open connections."""

    session_burst: float = 60.0
    session_per_s: float = 10.0
    address_burst: float = 600.0
    """High, as a lab or a school may share one address."""
    address_per_s: float = 100.0
    guess_cost: float = 20.0
    """How many requests one with a wrong secret counts as."""
    connections: int = 2_000
    """Most open connections, if the system allows so many files; of those that the server waits
    for, the one that has been waited for longest makes room."""
    head_s: float = 15.0
    """How long the server waits for a request on an open connection, s."""


USUAL = Limits()


class Buckets:
    """Requests left for each session or address."""

    def __init__(self, burst: float, per_s: float) -> None:
        self.burst, self.per_s = burst, per_s
        # Requests left, and when that was, by name; those unused longest come first.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

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


class _Tally:
    """Counts what may happen a thousand times a second, with at most one log line per minute."""

    def __init__(self, line: str) -> None:
        self._line, self._n, self._next = line, 0, 0.0

    def add(self) -> None:
        """Count one more."""
        self._n += 1
        if time.monotonic() >= self._next:
            _LOG.warning("%s: %d since the last such line", self._line, self._n)
            self._n, self._next = 0, time.monotonic() + 60.0


_REFUSED = _Tally("connections refused, as no more files may be open")


def without_refused_connections(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Report an error of the event loop; a refused connection is counted instead."""
    error = context.get("exception")
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        _REFUSED.add()
    else:
        loop.default_exception_handler(context)


def _room_for(connections: int) -> int:
    """Allow the process files for so many connections; returns how many the system allows."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return connections
    wanted = connections + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(BACKLOG, min(connections, allowed - _OTHER_FILES))


def limited_protocol(limits: Limits) -> type[asyncio.Protocol]:
    """Make uvicorn's protocol with limits of connections and of waiting, which uvicorn has not.

    A connection that sends no complete head of a request in time is closed. Beyond the limit, the
    one that the server has waited for longest is closed: for a request, its body, or the reading of
    an answer. Connections are not counted by address, as those of a proxy all have one.
    """
    from uvicorn.protocols.http.h11_impl import H11Protocol

    most = _room_for(limits.connections)
    closed = _Tally(f"silent connections closed, as there were more than {most}")

    class Limited(H11Protocol):
        since: float
        patience: asyncio.TimerHandle

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self.wait()
            here.add(self)
            if len(here) > most:
                waiting = (one for one in here if one.is_waited_for)
                min(waiting, key=lambda one: one.since, default=self).transport.abort()
                closed.add()

        def connection_lost(self, exc: Exception | None) -> None:
            here.discard(self)
            self.patience.cancel()
            super().connection_lost(exc)

        def on_response_complete(self) -> None:
            self.patience.cancel()
            self.wait()
            super().on_response_complete()

        def wait(self) -> None:
            self.since = self.loop.time()
            self.patience = self.loop.call_later(limits.head_s, self.end_if_silent)

        def end_if_silent(self) -> None:
            if self.cycle is None or self.cycle.response_complete:
                self.transport.abort()

        @property
        def is_waited_for(self) -> bool:
            if self.transport.is_closing():
                return False
            cycle = self.cycle
            asks = cycle is None or cycle.response_complete or cycle.more_body
            return asks or self.flow.write_paused

    here: set[Limited] = set()
    return Limited
