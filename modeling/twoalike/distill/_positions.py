"""A teacher's positions of a large collection, in a file that all processes of a run map.

Eight processes with the positions of 1.28 million images in 1,201 dimensions would hold 46 GiB;
mapped, a machine has them once, in the operating system's cache.
"""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from twoalike.features import FeatureTable
from twoalike.study import atomic_path
from twoalike.teacher import AffineTeacher

LEAST_SHARED = 2**28
"""Bytes of positions from which they are shared: fewer are faster in each process's memory."""


def shared_positions(
    teacher: AffineTeacher, ids: Sequence[str], features: FeatureTable, folder: Path
) -> npt.NDArray[np.float32]:
    """Positions of n objects, shape (1, n, D), as of :meth:`AffineTeacher.positions`.

    Large ones are written to a file in ``folder``, if it is not there, and mapped.
    """
    shape = (1, len(ids), teacher.width)
    if 4 * shape[1] * shape[2] < LEAST_SHARED:
        return teacher.positions(ids, features)
    path = folder / f"teacher_positions-{_digest(teacher, ids, features)[:16]}.npy"
    header = io.BytesIO()
    described = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, described)
    size = header.tell() + 4 * shape[1] * shape[2]
    if not (path.is_file() and path.stat().st_size == size):  # a disk may have lost its end
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            file.write(header.getvalue())
            for block in teacher.position_blocks(ids, features):
                file.write(np.ascontiguousarray(block, "<f4").tobytes())
    # Changes would stay with this process; torch refuses arrays that cannot be changed.
    positions: npt.NDArray[np.float32] = np.load(path, mmap_mode="c", allow_pickle=False)
    return positions


def _digest(teacher: AffineTeacher, ids: Sequence[str], features: FeatureTable) -> str:
    """Hash of all that positions follow from."""
    digest = hashlib.sha256(features.digest.encode())
    digest.update("\n".join(ids).encode() + b"\0" + "\n".join(teacher.known_ids).encode())
    for array in (teacher.mean, teacher.weight, teacher.bias, teacher.known):
        digest.update(b"" if array is None else np.ascontiguousarray(array, "<f4").tobytes())
    numbers = (teacher.scale, teacher.identity, teacher.temperature)
    digest.update(repr(tuple(map(float, numbers))).encode())
    return digest.hexdigest()
