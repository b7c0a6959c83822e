"""Batches prepared by other processes, beside the network.

An error that a user can put right reaches the run as one line, from whichever process it comes.
"""

import linecache
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.context import BaseContext
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, default_collate

from twoalike.study import TwoalikeError

LAST_STEP_S = 60
"""How long a worker continues after SIGTERM."""
MANY = 1000
"""Images from which on other processes prepare them for a GPU."""
STOPPING = (signal.SIGINT, signal.SIGTERM)
"""Signals that may reach all processes of a run at once."""


def usual_workers(device: torch.device, images: int) -> int:
    """Choose how many processes prepare images for a network on ``device``.

    None beside a CPU, for few images, and from a script that would run again in each process.
    """
    if device.type != "cuda" or images < MANY:
        return 0
    script = getattr(sys.modules["__main__"], "__file__", None)  # a notebook has none
    if script is not None and "__main__" not in "".join(linecache.getlines(script)):
        return 0
    runs = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return min(8, max((os.cpu_count() or 1) // runs - 1, 0))


def load_batches[Key](
    data: Dataset[Any],
    batches: Iterable[list[Key]],
    workers: int,
    collate: Callable[[list[Any]], Any] = default_collate,
) -> Iterator[Any]:
    """Batches of ``data``, prepared by ``workers`` processes, or here if that is 0.

    ``data`` gives an item by its key, ``batches`` are the keys of each batch. Processes start when
    this is called, not with the first batch.
    """
    loader = DataLoader(
        _Caught(data),
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=_Collate(collate),
        multiprocessing_context=_worker_context(data) if workers else None,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_leave_signals_to_the_run,
        # A separate generator: otherwise a loader draws from torch's global one.
        generator=torch.Generator(),
    )
    with _signals_blocked():
        prepared = iter(loader)
    return _raised(prepared)


class _Caught(Dataset[Any]):
    """Items, or the errors that they raise: torch would wrap these in a traceback."""

    def __init__(self, data: Dataset[Any]) -> None:
        self.data = data

    def __getitem__(self, key: Any) -> Any:
        try:
            return self.data[key]
        except TwoalikeError as error:
            return error


class _Collate:
    """Make a batch of items; if one is an error, give its message instead."""

    def __init__(self, collate: Callable[[list[Any]], Any]) -> None:
        self.collate = collate

    def __call__(self, items: list[Any]) -> Any:
        for item in items:
            if isinstance(item, TwoalikeError):
                return str(item)
        return self.collate(items)


def _raised(prepared: Iterator[Any]) -> Iterator[Any]:
    """Raise the errors that come instead of batches, and that of a process that has ended."""
    while True:
        try:
            batch = next(prepared)
        except StopIteration:
            return
        except (RuntimeError, ConnectionError, EOFError) as error:
            # What it had sent is fetched from it, or nothing comes any more. "Caught ..." is what
            # an item raised in a living process, for lack of shared memory or by a fault of ours.
            said = str(error)
            ended = "DataLoader worker (pid" in said or "shared memory" in said
            if not ended and (isinstance(error, RuntimeError) or said.startswith("Caught ")):
                raise
            raise TwoalikeError(
                "a process that prepares images was ended, mostly because memory ran out",
                remedy="Lower `workers=...` or `batch=...`; in a container, allow more shared "
                "memory (/dev/shm).",
            ) from error
        if isinstance(batch, str):
            raise TwoalikeError(batch)
        yield batch


def _worker_context(data: Dataset[Any]) -> BaseContext:
    """How workers start: not as copies of this process, whose threads (JAX's) may hold locks.

    A server that has imported what they need is copied instead: two that start by themselves take
    twice as long as it does, since importing torch and timm is most of the work.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")  # Windows
    context = multiprocessing.get_context("forkserver")
    needed = [__name__, type(data).__module__, "timm.data.transforms_factory"]
    context.set_forkserver_preload(needed)
    return context


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Let workers and their server start with the signals blocked that may end them meanwhile."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # or the first worker starts it, which lifts the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _leave_signals_to_the_run(worker: int) -> None:
    """Ignore Ctrl-C, which reaches every process of a terminal; the run stops its workers itself.

    SIGTERM may also reach all of a job's processes (systemd, timeout, some SLURM configurations). A
    worker then stays long enough for the run's current step, but not for ever. It ends with a run
    that is killed: torch waits for the server to end, and the server for its workers.
    """
    threading.Thread(target=_end_with_the_run, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "alarm"):  # not on Windows, which has no such signal to send either
        signal.signal(signal.SIGTERM, lambda number, frame: signal.alarm(LAST_STEP_S))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)


def _end_with_the_run() -> None:
    run = multiprocessing.parent_process()
    assert run is not None
    run.join()
    os._exit(1)
