"""Prepared images, kept so that each is read and decoded once on a machine.

Processes that train together on a machine, and those that load their images, map one file among the
temporary files (``TMPDIR``), which is deleted at the end; a process alone keeps them in its memory.
The limit holds for the machine. Images to score on come first, then as many others as fit.
"""

import errno
import math
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric

from twoalike.study import Integers, writing

CACHE_BYTES = 2 * 1024**3
"""Most memory, or disk, for prepared images of a run on one machine."""


class PreparedImages:
    """Inputs of a network by row of a collection, float32, made when they are first asked for.

    ``rows`` are the rows of the collection, most important first; rows may recur. ``folder`` is
    shared by the processes of this machine; None: memory of this process.
    """

    def __init__(
        self, rows: Sequence[Integers], shape: tuple[int, ...], folder: Path | None = None
    ) -> None:
        every = np.concatenate(list(rows)) if len(rows) else np.zeros(0, np.int64)
        _, first = np.unique(every, return_index=True)
        self.shape, size = shape, 4 * math.prod(shape) + 1
        self.n = min(len(first), CACHE_BYTES // size)
        self.path = None if folder is None else folder / "prepared"
        if self.path is not None and not _reserve(self.path, self.n * size):
            self.n = 0
        kept = every[np.sort(first)[: self.n]]
        self.slots = np.full(int(every.max(initial=-1)) + 1, -1, np.int32)
        self.slots[kept] = np.arange(self.n, dtype=np.int32)
        self._open()

    def _open(self) -> None:
        """Map the file, or take memory, which the system provides page by page when written."""
        shape = (self.n, *self.shape)
        self.values: npt.NDArray[np.float32]
        self.made: npt.NDArray[np.uint8]
        if self.path is None or not self.n:
            self.values, self.made = np.empty(shape, np.float32), np.zeros(self.n, np.uint8)
            return
        self.values = np.memmap(self.path, np.float32, "r+", 0, shape)
        self.made = np.memmap(self.path, np.uint8, "r+", self.values.nbytes, (self.n,))

    def get(self, row: int, make: Callable[[], torch.Tensor]) -> torch.Tensor:
        """Input of a row; two processes that make it at the same time write the same bytes."""
        slot = self.slots[row]
        if slot < 0:
            return make()
        if not self.made[slot]:
            self.values[slot] = make().numpy()
            self.made[slot] = 1
        return torch.from_numpy(np.asarray(self.values[slot]))

    def __getstate__(self) -> dict[str, Any]:
        """Leave the images out: another process maps the file, or makes those that it needs."""
        return {**self.__dict__, "values": None, "made": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()


def _reserve(path: Path, size: int) -> bool:
    """Make the file, with its space on the disk; tell and return False if there is none.

    Writing to a mapped file on a full disk would end the process. Any process may come first.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # Before any of it is taken: what is left belongs to checkpoints.
        if shutil.disk_usage(path.parent).free < size - os.fstat(handle).st_size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if size and hasattr(os, "posix_fallocate"):
            os.posix_fallocate(handle, 0, size)
        else:
            os.ftruncate(handle, size)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise
        print(  # noqa: T201
            f"{path.parent}: no {size / 1024**3:.1f} GiB for prepared images ({error.strerror}); "
            "each is prepared whenever it is needed. Set TMPDIR to a larger local disk.",
            file=sys.stderr,
        )
        return False
    finally:
        os.close(handle)
    return True


@contextmanager
def machine_folder(fabric: Fabric, workers: int) -> Iterator[Path | None]:
    """Make a temporary folder for the processes of each machine; None if there is only one."""
    if fabric.world_size == 1 and not workers:
        yield None
        return
    token = fabric.broadcast(secrets.token_hex(8))
    folder = Path(tempfile.gettempdir(), f"twoalike-prepared-{token}-{fabric.node_rank}")
    if fabric.local_rank == 0:
        with writing(folder):
            folder.mkdir(mode=0o700)
    fabric.barrier()
    try:
        yield folder
    finally:
        # Where processes still map its file, the file exists until they end.
        if fabric.local_rank == 0:
            shutil.rmtree(folder, ignore_errors=True)
