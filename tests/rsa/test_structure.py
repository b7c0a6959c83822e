"""Everything side by side, as it goes into results.json."""

from types import SimpleNamespace

import numpy as np
import pytest

from twoalike.evaluation import Candidate
from twoalike.features import FeatureTable
from twoalike.rsa import structure

M = 24
IDS = tuple(f"o{index}" for index in range(M))
LABELS = {"kind": {name: "abc"[index % 3] for index, name in enumerate(IDS)}}


@pytest.fixture
def truth(rng: np.random.Generator) -> np.ndarray:
    """Where people have the objects."""
    return rng.normal(size=(M, 6))


@pytest.fixture
def candidates(truth: np.ndarray, rng: np.random.Generator) -> list[Candidate]:
    """A poor network, and a better one."""
    return [
        Candidate(name, FeatureTable(IDS, (truth + sd * rng.normal(size=truth.shape)).astype("f4")))
        for name, sd in (("base", 2.0), ("aligned", 0.3))
    ]


def posterior_of(truth: np.ndarray, rng: np.random.Generator) -> SimpleNamespace:
    """Draws about the truth."""
    draws = truth + 0.1 * rng.normal(size=(25, *truth.shape))
    return SimpleNamespace(
        ids=IDS, embedding=draws.astype("f4"), pair_similarity=lambda a, b: a @ b.T
    )


def test_side_by_side(
    candidates: list[Candidate], truth: np.ndarray, rng: np.random.Generator
) -> None:
    found = structure(candidates, rng, posterior=posterior_of(truth, rng), labels=LABELS)
    base, aligned = found["models"]
    assert found["objects"] == M
    assert base["posterior"]["spearman"].value < aligned["posterior"]["spearman"].value
    assert aligned["posterior"]["difference"].low > 0
    assert base.get("debiased_cka") is None
    assert base["missing"] == dict.fromkeys(
        ("debiased_cka", "neighbours", "distances"), "this is the reference"
    )
    assert 0 < aligned["debiased_cka"] < 1
    assert 0 < aligned["neighbours"]["value"] < 1
    assert set(aligned["distances"]["kinds"]) == {"within kind", "between kind"}
    assert aligned["missing"] == {}


def test_what_is_missing_says_why(candidates: list[Candidate], rng: np.random.Generator) -> None:
    found = structure(candidates, rng)
    aligned = found["models"][1]
    assert aligned["missing"]["posterior"] == "there is no posterior"
    assert aligned["missing"]["distances"] == "there are no labels of objects"
    assert aligned["debiased_cka"] is not None
    few = structure(candidates, rng, ids=IDS[:8], labels={"kind": dict.fromkeys(IDS, "one")})
    of = few["models"][1]
    assert of["missing"]["neighbours"] == "needs more than 11 objects, has 8"
    assert of["distances"]["missing"]["between kind"] == "no two objects are so related"
