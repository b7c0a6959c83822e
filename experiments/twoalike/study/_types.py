"""Types of arrays that all packages share; shapes are given where an array is described."""

from typing import Any

import numpy as np
import numpy.typing as npt

type Floats = npt.NDArray[np.floating[Any]]
type Integers = npt.NDArray[np.integer[Any]]
type Booleans = npt.NDArray[np.bool_]
