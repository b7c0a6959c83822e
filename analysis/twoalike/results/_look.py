"""Finding an estimate in the nested content of ``results.json``."""

from collections.abc import Mapping, Sequence
from typing import Any


def estimate_at(found: Mapping[str, Any], keys: Sequence[str]) -> Mapping[str, float] | None:
    """Estimate under a path of keys; None where it, or what it is a part of, could not be made.

    Examples
    --------
    >>> estimate_at({"repeats": {"agreement": {"value": 0.8}}}, ("repeats", "agreement"))
    {'value': 0.8}
    >>> estimate_at({"repeats": None}, ("repeats", "agreement")) is None
    True
    """
    value: Any = found
    for key in keys:
        value = value and value.get(key)
    return value or None
