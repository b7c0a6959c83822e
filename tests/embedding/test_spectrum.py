"""Starts of variational fits: near the spectrum of the judgments, whatever the prior."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.chosen import answered, data_of

from twoalike.choice import log_choice, pair_similarities, random_triplets
from twoalike.embedding._model import Data, Form
from twoalike.embedding._priors import PRIORS, find_kernel
from twoalike.embedding._spectrum import Spectrum, starts_near
from twoalike.embedding._vi import jax_density


def embedding_at(data: Data, form: Form, start: dict[str, Any]) -> Any:
    """Give the embedding of a start, (m, d)."""
    density = jax_density(data, form, [start])
    found = density.quantities(*(density.starts[0][name] for name in density.names))
    return np.asarray(dict(zip(density.outputs, found, strict=True))["embedding"])


@pytest.mark.parametrize(
    ("prior", "with_features"),
    [(name, False) for name in PRIORS] + [("softplus", True), ("gaussian", True)],
)
def test_a_start_has_the_embedding_asked_for(world: Any, prior: str, with_features: bool) -> None:
    data, rng = Data.from_tables({"choices": world.judge(80, 3)}), np.random.default_rng(0)
    features = rng.normal(size=(len(data.ids), 5)).astype(np.float32) if with_features else None
    form = Form(3, prior, "distance" if prior == "gaussian" else "dot", features)
    x = rng.gamma(2.0, 0.5, (len(data.ids), 3)) + 0.05
    assert_allclose(embedding_at(data, form, form.start_at(x)), x, rtol=2e-3)


def judged(
    x: Any, n: int, rng: np.random.Generator, similarity: str = "dot"
) -> tuple[Data, np.ndarray]:
    """Judgments of one observer who never lapses, and the triplets."""
    triplets = random_triplets(len(x), n, rng)
    odd = answered(x, triplets, rng, similarity=similarity)
    return data_of(triplets, odd, np.zeros(n), list(map(str, range(len(x)))), "p"), triplets


@pytest.mark.parametrize("similarity", ["dot", "distance"])
def test_a_start_is_near_the_truth_of_many_judgments(similarity: str) -> None:
    rng, kernel = np.random.default_rng(0), find_kernel(similarity)
    x = rng.gamma(1.0, 0.8, (30, 3)) if similarity == "dot" else 1.5 * rng.normal(size=(30, 2))
    data, triplets = judged(x, 6_000, rng, similarity)
    form = Form(6, "softplus" if similarity == "dot" else "gaussian", similarity)
    found = embedding_at(data, form, starts_near([data], form, [rng])[0])
    pairs = (pair_similarities(kernel.matrix(one, one), triplets) for one in (x, found))
    logs, ours = (np.stack(log_choice(sides), axis=1) for sides in pairs)
    excess = (np.exp(logs) * (logs - ours)).sum(axis=1).mean()
    of_guessing = (np.exp(logs) * (logs + np.log(3))).sum(axis=1).mean()
    assert excess < of_guessing / 3


def test_judgments_that_agree_on_nothing_have_no_spectrum() -> None:
    rng = np.random.default_rng(2)
    x = 1.5 * (rng.random((40, 4)) < 0.3)
    alike, _ = judged(x, 8_000, rng)
    found = Spectrum.of(alike, "dot")
    assert found is not None and 3 <= len(found.values) <= 6
    random, _ = judged(np.zeros((40, 4)), 8_000, rng)
    nothing = Spectrum.of(random, "dot")
    assert nothing is None or len(nothing.values) <= 1
