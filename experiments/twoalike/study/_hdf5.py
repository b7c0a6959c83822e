"""HDF5 from anywhere, netCDF-4 included: it may point to other files, and tell of any size."""

from pathlib import Path
from typing import Any

from twoalike.study._arrays import check_unfolded
from twoalike.study._errors import TwoalikeError

DAMAGED_HDF5 = (
    *(OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, MemoryError),
    *(NotImplementedError, IndexError),
)
"""What h5py, and netCDF on top of it, trip over: OSError where a file ends too soon, the others
where bytes or names in the middle are wrong."""


def check_hdf5(path: Path) -> None:
    """Look through a file before anything of it is read.

    Raises
    ------
    TwoalikeError
        If a part of it lies in another file, or its datasets would fill the memory.
    Exception
        One of :data:`DAMAGED_HDF5`, if it cannot be opened.
    """
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
