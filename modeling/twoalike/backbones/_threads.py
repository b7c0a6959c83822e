"""How torch's threads wait for each other."""

import os


def rest_idle_threads() -> None:
    """Let threads that wait for work sleep; only before torch is first imported.

    By default they spin. On two processors that others use as well, that made the demo's
    distillation five times slower (269 s instead of 61 s), since a spinning thread holds the
    processor that the working one needs. An OMP_WAIT_POLICY that is set already is left alone.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
