"""Stimulus sets without images, for designs need ids and categories only."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from twoalike.stimuli import StimulusSet


def make_objects(kingdoms: int, species: int, individuals: int) -> StimulusSet:
    rows = [
        (f"k{k}s{s}-{i}", f"k{k}s{s}-{i}.png", "0" * 64, f"k{k}", f"k{k}s{s}")
        for k in range(kingdoms)
        for s in range(species)
        for i in range(individuals)
    ]
    columns = ["id", "file", "sha256", "kingdom", "species"]
    return StimulusSet(Path("nowhere"), pd.DataFrame(rows, columns=columns, dtype=str))


@pytest.fixture(scope="session")
def objects() -> Callable[[int, int, int], StimulusSet]:
    """A function that makes a set: kingdoms, species a kingdom, individuals a species."""
    return make_objects
