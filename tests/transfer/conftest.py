"""Networks whose features say what the tests want them to."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest


@dataclass(frozen=True)
class World:
    """Images in subclasses in superclasses, from coarse to fine."""

    superclass: list[str]
    subclass: list[str]
    codes: np.ndarray
    parents: np.ndarray

    @property
    def levels(self) -> dict[str, list[str]]:
        """Both levels."""
        return {"family": self.superclass, "species": self.subclass}

    @property
    def ids(self) -> tuple[str, ...]:
        """Paths as those of images in folders."""
        names = zip(self.superclass, self.subclass, strict=True)
        return tuple(f"{a}/{b}/{number}" for number, (a, b) in enumerate(names))

    def features(
        self, rng: np.random.Generator, *, family: float = 0.0, species: float = 0.0, p: int = 24
    ) -> np.ndarray:
        """Features with a place for each family and each species, and noise of deviation 1."""
        of_family = rng.normal(size=(self.parents.max() + 1, p))
        of_species = rng.normal(size=(self.codes.max() + 1, p))
        noise = rng.normal(size=(len(self.codes), p))
        found = family * of_family[self.parents] + species * of_species[self.codes] + noise
        return np.asarray(found, dtype=np.float32)


@pytest.fixture(scope="session")
def make_world() -> Callable[..., World]:
    """A function that makes a world of equally large subclasses."""

    def make(superclasses: int = 4, subclasses: int = 4, images: int = 12) -> World:
        codes = np.repeat(np.arange(superclasses * subclasses), images)
        parents = codes // subclasses
        return World([f"f{p}" for p in parents], [f"s{c:02d}" for c in codes], codes, parents)

    return make
