"""HDF5 from anywhere, netCDF-4 included: it may point to other files, and tell of any size."""

from pathlib import Path
from typing import Any

from twoalike.study._arrays import check_unfolded
from twoalike.study._child import read_in_child
from twoalike.study._errors import TwoalikeError

DAMAGED_HDF5 = (
    *(OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, MemoryError),
    *(NotImplementedError, IndexError),
)
"""What h5py, and netCDF on top of it, trip over: OSError where a file ends too soon, the others
where bytes or names in the middle are wrong."""

_PART = 2**26
"""Bytes that are read at once."""


def check_hdf5(path: Path) -> None:
    """Check, in a child process, that a whole file can be read.

    Raises
    ------
    TwoalikeError
        If a part of it lies in another file, or its datasets would fill the memory.
    Exception
        One of :data:`DAMAGED_HDF5`, if it cannot be read, or not in time.
    """
    read_in_child(f"{__name__}:_read_all", path)


def _read_all(path: Path) -> None:
    import h5py

    size, links = 0, dict[str, Any]()
    with h5py.File(path, "r") as file:
        # Noted only: h5py cannot pass on what is raised while it walks.
        file.visititems_links(links.__setitem__)
        for name, link in links.items():
            node = file[name] if isinstance(link, h5py.HardLink) else None
            is_data = isinstance(node, h5py.Dataset)
            if node is None or (is_data and (node.is_virtual or node.external)):
                raise TwoalikeError(
                    f"{path}: {name!r} lies elsewhere and is only linked. Copy it into the file."
                )
            size += node.nbytes if is_data else 0
        check_unfolded(path, size)
        for node in (file, *(file[name] for name in links)):
            try:
                _read_node(node)
            # Readers report damage in the parts that they need; only the limits matter here.
            except DAMAGED_HDF5 as error:
                if "alloc" in str(error).lower():  # libhdf5's message when memory is short
                    raise MemoryError from error


def _read_node(node: Any) -> None:
    """Read attributes, and a dataset part by part."""
    import h5py

    for name in node.attrs:
        node.attrs[name]
    if not isinstance(node, h5py.Dataset):
        return
    if not node.shape:
        node[()]
        return
    rows = max(1, _PART * node.shape[0] // max(node.nbytes, 1))
    for start in range(0, node.shape[0], rows):
        node[start : start + rows]
