"""Simulated observers: choices and response times from an embedding known to be true."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.choice import entropy, log_choice, pair_similarities
from twoalike.study import TwoalikeError, atomic_path, load_arrays, provenance

KIND = "observer"


@dataclass(frozen=True, kw_only=True)
class ResponseTimes:
    """Response times that grow with the difficulty of the choice.

    A time is ``base_s + scale_s * exp(slope * entropy + sigma * z)`` with z standard normal and
    the entropy of the choice in nats. The defaults give medians near 2 s for easy and 3 s for
    ambiguous triplets, as people show for odd-one-out choices among photographs
    (doi:10.1038/s41586-025-09631-6).
    """

    base_s: float = 0.4
    scale_s: float = 1.3
    slope: float = 0.6
    sigma: float = 0.45

    def sample(self, choice_entropy: float, rng: np.random.Generator) -> float:
        """One response time in s."""
        spread = self.slope * choice_entropy + self.sigma * rng.standard_normal()
        return float(self.base_s + self.scale_s * np.exp(spread))


_NUMBERS = ("embedding", "temperature", "lapse", "placement_noise")
"""Arrays of an observer's file that are calculated with."""


@dataclass(frozen=True, eq=False)
class SimulatedObserver:
    """An observer who chooses by the choice model.

    Attributes
    ----------
    ids
        Object ids.
    embedding
        Coordinates of the objects, shape (m, D); similarity is their dot product.
    temperature
        Noise of the choices, > 0.
    lapse
        Share of guesses, in [0, 1).
    placement_noise
        Standard deviation of an image's place in each direction when images are arranged, in
        diameters of the arena.
    """

    ids: tuple[str, ...]
    embedding: npt.NDArray[np.float64]
    temperature: float = 1.0
    lapse: float = 0.0
    response_times: ResponseTimes = field(default_factory=ResponseTimes)
    placement_noise: float = 0.1

    def __post_init__(self) -> None:
        if self.embedding.ndim != 2 or len(self.embedding) != len(self.ids):
            raise ValueError(
                f"embedding of shape {self.embedding.shape} for {len(self.ids)} objects"
            )
        if len(set(self.ids)) < len(self.ids):
            raise ValueError("an object id stands twice")
        if not np.isfinite(self.embedding).all():
            raise ValueError("the embedding has values that are not finite")
        if not (self.temperature > 0 and 0 <= self.lapse < 1):
            raise ValueError(f"temperature {self.temperature}, lapse {self.lapse}: out of range")
        if not 0 <= self.placement_noise < 1:
            raise ValueError(f"placement_noise {self.placement_noise}: expected 0 or more, under 1")

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.ids)}

    def rows(self, names: Sequence[str]) -> list[int]:
        """Rows of objects in the embedding.

        Raises
        ------
        TwoalikeError
            If the observer does not know one.
        """
        unknown = [name for name in names if name not in self._index]
        if unknown:
            raise TwoalikeError(
                f"the simulated observer knows no object {unknown[0]!r} among its "
                f"{len(self.ids)}. Use one made for this stimulus set."
            )
        return [self._index[name] for name in names]

    @cached_property
    def _similarity(self) -> npt.NDArray[np.float64]:
        return np.asarray(self.embedding @ self.embedding.T)

    def choice_probabilities(self, triplets: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
        """Probability that item 1, 2, 3 is called the odd one.

        Parameters
        ----------
        triplets
            Indices into ``ids``, shape (n, 3).

        Returns
        -------
        Shape (n, 3), rows sum to one.
        """
        pairs = pair_similarities(self._similarity, np.asarray(triplets))
        return np.exp(np.stack(log_choice(pairs, self.temperature, self.lapse or None), axis=1))

    def respond(self, triplet: Sequence[str], rng: np.random.Generator) -> tuple[int, float]:
        """Choose the odd one of three objects.

        Returns
        -------
        Which item (0, 1, 2), and the response time in s.

        Raises
        ------
        TwoalikeError
            If the observer does not know an object.
        """
        indices = np.array([self.rows(triplet)])
        probabilities = self.choice_probabilities(indices)
        item = int(rng.choice(3, p=probabilities[0] / probabilities[0].sum()))
        return item, self.response_times.sample(float(entropy(probabilities)[0]), rng)

    def describe(self) -> dict[str, Any]:
        """Give the settings besides the embedding, for a manifest."""
        times = self.response_times
        return {
            "temperature": self.temperature,
            "lapse": self.lapse,
            "placement_noise": self.placement_noise,
            "response_times": {
                "base_s": times.base_s,
                "scale_s": times.scale_s,
                "slope": times.slope,
                "sigma": times.sigma,
            },
        }

    def save(
        self, path: Path, *, seed: int | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """Write the observer as ``.npz``: ids, embedding, its noise, provenance."""
        content = provenance(KIND, seed=seed, config={**self.describe(), **(config or {})})
        with atomic_path(path) as temporary:
            np.savez(
                temporary,
                ids=np.array(self.ids),
                embedding=self.embedding.astype(np.float32),
                temperature=np.float64(self.temperature),
                lapse=np.float64(self.lapse),
                placement_noise=np.float64(self.placement_noise),
                provenance=np.array(json.dumps(content)),
            )

    @classmethod
    def load(cls, path: Path) -> "SimulatedObserver":
        """Read an observer; temperature 1, lapse 0, placement noise .1 where the file has none.

        Raises
        ------
        TwoalikeError
            If the file is missing, damaged, or its arrays do not fit.
        """
        content = load_arrays(path, "a simulated observer (.npz)")
        if not isinstance(content, dict):
            raise TwoalikeError(f"{path}: expected arrays ids and embedding, found one array.")
        for name in ("ids", "embedding"):
            if name not in content:
                raise TwoalikeError(
                    f"{path}: expected arrays ids and embedding, found {', '.join(content)}."
                )
        odd = [
            name for name in _NUMBERS if name in content and content[name].dtype.kind not in "fiu"
        ]
        if odd:
            raise TwoalikeError(
                f"{path}: expected {odd[0]} as numbers, found {content[odd[0]].dtype}."
            )
        try:
            return cls(
                ids=tuple(str(name) for name in content["ids"].ravel()),
                embedding=content["embedding"].astype(np.float64),
                temperature=float(content.get("temperature", 1.0)),
                lapse=float(content.get("lapse", 0.0)),
                placement_noise=float(content.get("placement_noise", 0.1)),
            )
        except (ValueError, TypeError) as error:
            raise TwoalikeError(f"{path}: {error}.") from error
