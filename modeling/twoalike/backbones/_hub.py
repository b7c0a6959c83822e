"""Looking for weights on a hub, or in its cache while it is out of reach."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import HTTPError
from urllib.request import Request, urlopen

PATIENCE_S = 5.0
"""How long the hub may take to answer."""
SILENCE_S = 30.0
"""How long a download may stand still."""


@contextmanager
def hub_or_cache(*, ask: bool = True) -> Iterator[None]:
    """Let a library look for weights in the hub's cache only, while the hub is out of reach.

    The hub's client tries for three quarters of a minute otherwise, and writes of it, before it
    says that it is offline. Without ``ask``, for a folder of this machine, nobody is asked.
    """
    from huggingface_hub import constants

    was_offline, was_patient = constants.HF_HUB_OFFLINE, socket.getdefaulttimeout()
    # Read by the client at each request; the environment variable is read once, at its import.
    constants.HF_HUB_OFFLINE = was_offline or not ask or not _answers(constants.ENDPOINT)
    socket.setdefaulttimeout(SILENCE_S)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = was_offline
        socket.setdefaulttimeout(was_patient)


def _answers(address: str) -> bool:
    """Whether a server is there; a refusal is an answer."""
    try:
        urlopen(Request(address, method="HEAD"), timeout=PATIENCE_S).close()
    except HTTPError as error:
        error.close()
    except OSError:
        return False
    return True
