"""A small world whose truth is known: objects, people's space, a network's features of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from twoalike.choice import log_choice, pair_similarities
from twoalike.embedding import Posterior
from twoalike.features import FeatureTable
from twoalike.study import sha256_file
from twoalike.teacher import AffineTeacher, fit_teacher, sample_triplets

SEED = 20261125
"""Of the fixture ``rng``, from which the fixture ``world`` is drawn first."""
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass
class Draws:
    """A posterior by its draws alone: what a teacher needs of one."""

    ids: tuple[str, ...]
    embedding: Array  # (S, m, D)

    def pair_similarity(self, left: Array, right: Array) -> Array:
        return np.asarray(left @ right.T)

    def similarity(self) -> Array:
        x = self.embedding
        return np.asarray(np.einsum("smd,snd->mn", x, x) / len(x))

    def choice_probabilities(
        self,
        triplets: Array,
        mode: str = "predictive",
        *,
        lapse: bool = False,
        kind: str = "odd_one_out",
    ) -> Array:
        matrices = [self.similarity()] if mode == "plugin" else [x @ x.T for x in self.embedding]
        rate = 0.02 if lapse else None
        p = [
            np.exp(np.stack(log_choice(pair_similarities(s, triplets), 1.0, rate), axis=1))
            for s in matrices
        ]
        return np.asarray(np.mean(p, axis=0))


@dataclass
class World:
    """m judged objects, more that nobody judged, and features of all."""

    truth: Array  # (all, D)
    features: FeatureTable
    posterior: Draws
    n_judged: int

    def unseen(self, n: int, rng: np.random.Generator) -> Array:
        """Triplets of objects nobody judged, as rows of the features."""
        others = np.arange(self.n_judged, len(self.truth))
        return others[sample_triplets(len(others), n, rng)]

    def true_probabilities(self, triplets: Array) -> Array:
        similarity = self.truth @ self.truth.T
        return np.exp(np.stack(log_choice(pair_similarities(similarity, triplets)), axis=1))


def make_world(
    rng: np.random.Generator, *, judged: int = 120, unseen: int = 80, noise: float = 0.15
) -> World:
    """Features mix what people attend to with louder things they do not care about."""
    m, d, nuisance, p = judged + unseen, 4, 12, 40
    truth = rng.gamma(1.0, 1.0, size=(m, d))
    latent = np.concatenate([truth - 1.0, 2.0 * rng.standard_normal((m, nuisance))], axis=1)
    mixing = rng.standard_normal((d + nuisance, p)) / np.sqrt(p)
    values = latent @ mixing + 0.1 * rng.standard_normal((m, p)) + 3.0
    meta = {"backbone": "toy", "weights_sha256": "a" * 64}
    ids = tuple(f"object {number}" for number in range(m))
    table = FeatureTable(ids, values.astype(np.float32), meta)
    draws = truth[:judged] + noise * rng.standard_normal((10, judged, d))
    return World(truth, table, Draws(ids[:judged], draws.astype(np.float32)), judged)


def posterior_of(
    draws: Array,
    ids: Sequence[str],
    people: Mapping[str, float],
    more: Mapping[str, Any] | None = None,
    constant: Mapping[str, Any] | None = None,
    coords: Mapping[str, Any] | None = None,
    fitted_to: Path | None = None,
) -> Posterior:
    """A posterior of one chain, draws (S, m, D), with the lapses of its people."""
    each = ("chain", "draw", "participant")
    lapses = np.array(list(people.values()))
    dataset = xr.Dataset(
        {
            "embedding": (("chain", "draw", "object", "dimension"), draws[None]),
            "temperature": (each, np.ones((1, len(draws), len(people)))),
            "lapse": (each, np.tile(lapses, (1, len(draws), 1))),
            **(more or {}),
        },
        coords={"object": list(ids), "participant": list(people), **(coords or {})},
    ).astype(np.float32)
    parts = {"posterior": dataset}
    if constant is not None:
        own = {"object": list(ids), "participant": list(people)}
        parts["constant_data"] = xr.Dataset(dict(constant), coords=own)
    tree = xr.DataTree.from_dict(parts)
    inputs = {}
    if fitted_to is not None:
        inputs = {"choices": {"file": fitted_to.name, "sha256": sha256_file(fitted_to)}}
    tree.attrs = {"schema_version": 1, "provenance": json.dumps({"inputs": inputs})}
    return Posterior(tree)


def drawn(p: Array, rng: np.random.Generator) -> Array:
    """Items, 0 to 2, drawn with probabilities (n, 3)."""
    return np.asarray((p.cumsum(axis=1) < rng.random((len(p), 1))).sum(axis=1))


@pytest.fixture
def world(rng: np.random.Generator) -> World:
    return make_world(rng)


@pytest.fixture(scope="session")
def fitted() -> AffineTeacher:
    """The teacher of ``world``, fitted once with the default settings."""
    world = make_world(np.random.default_rng(SEED))
    return fit_teacher(world.posterior, world.features)
