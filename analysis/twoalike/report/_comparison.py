"""What ``twoalike compare --groups`` wrote: which groups differ, and in what."""

from pathlib import Path
from typing import Any

from twoalike.study import Content, check_content, read_json


class Difference(Content):
    """One difference between two groups, second minus first."""

    difference: float
    low: float
    high: float
    effect: float
    p: float


class OfDimension(Difference):
    """Difference of the mean log weights of a dimension, counted from 1."""

    dimension: int


class OfCluster(Difference):
    """Difference of the mean similarity within a cluster."""

    level: str
    cluster: str
    objects: int


class Couple(Content):
    """Two groups."""

    first: str
    second: str
    p: float
    correlation: float
    dimensions: tuple[OfDimension, ...]
    clusters: tuple[OfCluster, ...]


class Comparison(Content):
    """A comparison of groups of people."""

    inputs: dict[str, dict[str, Any]]
    config: dict[str, Any]
    group_of: dict[str, str]
    clusters: dict[str, dict[str, tuple[str, ...]]]
    differences: tuple[Couple, ...]

    @classmethod
    def load(cls, path: Path) -> "Comparison":
        """Read the file."""
        content = read_json(path, "comparison of groups")
        return check_content(content, cls, path, "Make it again with: twoalike compare")

    def of_other(self, sha256: str | None) -> bool:
        """Tell whether it is of another posterior than the one with this hash."""
        return self.inputs.get("posterior", {}).get("sha256") != sha256
