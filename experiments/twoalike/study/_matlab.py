"""MATLAB files whose bytes depend on their content alone."""

import io
from collections.abc import Mapping
from typing import Any

_HEADER = b"MATLAB 5.0 MAT-file, written by twoalike"
_HEADER_BYTES = 116


def mat_bytes(content: Mapping[str, Any], *, compressed: bool = False) -> bytes:
    """Bytes of a MATLAB file (version 5).

    Parameters
    ----------
    content
        Variables by name.
    compressed
        Whether variables are packed.
    """
    from scipy.io import savemat

    file = io.BytesIO()
    savemat(file, dict(content), do_compression=compressed)
    # scipy writes the time of day and the system into the header.
    return _HEADER.ljust(_HEADER_BYTES) + file.getvalue()[_HEADER_BYTES:]
