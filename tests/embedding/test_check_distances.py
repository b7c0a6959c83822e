"""Checks of arrangements and dissimilarities: data of the model pass, what is not so stands out."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from tests.chosen import judged_logs
from tests.posteriors import around, posterior_of

from twoalike.embedding import KindChecks, Posterior, check
from twoalike.embedding._dissimilarities import replicated_dissimilarities
from twoalike.embedding._kind import PaddedGroup
from twoalike.embedding._layouts import Layouts, replicated_layouts
from twoalike.judgments import arrangements_table, dissimilarities_table
from twoalike.study import TwoalikeError

M, SIZE, TRIALS = 24, 9, 6
IDS = [f"o{k:02d}" for k in range(M)]
PEOPLE = [f"p{k}" for k in range(8)]
NOISE = np.linspace(0.2, 0.5, len(PEOPLE))
FIRST, SECOND = np.triu_indices(M, 1)


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    rng = np.random.default_rng(3)
    return np.where(rng.random((M, 3)) < 0.6, rng.gamma(3.0, 0.5, (M, 3)), 0.05)


def near(x: np.ndarray, **noises: np.ndarray) -> Posterior:
    """Two chains of 50 draws close to the truth; noises of arrangers or of sources."""
    rng, labels = np.random.default_rng(5), {"object": IDS, "participant": ["unknown"]}
    draws = {"embedding": around(x, 0.03, rng, 2, 50)}
    for name, value in noises.items():
        draws[name] = around(value, 0.03, rng, 2, 50)
        axis = "arranger" if name == "arrangement_noise" else "source"
        labels[axis] = PEOPLE[: len(value)]
    return posterior_of(draws, labels, {"judgments": ("participant", [0])})


def arranged(x: np.ndarray, noise: np.ndarray = NOISE, seed: int = 0) -> pd.DataFrame:
    """Layouts of the model, some smaller than others, as a table."""
    rng, parts = np.random.default_rng(seed), []
    for person, own in zip(PEOPLE, noise, strict=True):
        for trial in range(TRIALS):
            items = rng.choice(M, SIZE - trial % 3, replace=False)
            whole = np.zeros(len(items), dtype=int)
            places = replicated_layouts(x, np.array([own]), items, whole, rng)
            places *= 0.3 / np.linalg.norm(places - places.mean(axis=0))
            spot = places - places.mean(axis=0)
            columns = {"participant": person, "trial": trial + 1, "item": items}
            parts.append(pd.DataFrame(columns | {"x": spot[:, 0], "y": spot[:, 1]}))
    table = pd.concat(parts)
    return arrangements_table({name: table[name].to_numpy() for name in table}, IDS)


def rated(x: np.ndarray, object_noise: float, pair_noise: float, people: int = 4) -> pd.DataFrame:
    """RDMs of the model, as a table."""
    rng, n = np.random.default_rng(2), len(FIRST)
    s = (x[FIRST] * x[SECOND]).sum(axis=1)
    s, who = np.tile((s - s.mean()) / s.std(), people), np.repeat(np.arange(people), n)
    pairs = np.tile(np.stack([FIRST, SECOND], axis=1), (people, 1))
    noises = np.full(people, object_noise), np.full(people, pair_noise)
    values = replicated_dissimilarities(s, *noises, pairs, who, rng)
    return dissimilarities_table(
        {
            "participant": np.array(PEOPLE)[who],
            "item_a": pairs[:, 0],
            "item_b": pairs[:, 1],
            "dissimilarity": values + 10,
        },
        IDS,
    )


def layouts(posterior: Posterior, table: pd.DataFrame) -> KindChecks:
    found = check(posterior, arrangements=table).arrangements
    assert found is not None
    return found


def pairs(posterior: Posterior, table: pd.DataFrame) -> KindChecks:
    found = check(posterior, dissimilarities=table).dissimilarities
    assert found is not None
    return found


def test_replicated_layouts_are_those_of_the_likelihood(
    rng: np.random.Generator, x: np.ndarray
) -> None:
    """Under draws from one density the ratio of another to it has mean 1."""
    n, k = 20_000, 5
    items = np.tile(np.arange(k), n)
    flat = replicated_layouts(x, np.full(n, 0.5), items, np.repeat(np.arange(n), k), rng)
    places = flat.reshape(n, k, 2)
    places = places - places.mean(axis=1, keepdims=True)
    places /= np.linalg.norm(places, axis=(1, 2), keepdims=True)
    group = PaddedGroup(items.reshape(n, k), places, np.ones((n, k)), np.zeros(n, dtype=int))
    data = Layouts(groups=(group,), people=("p",), ids=tuple(IDS))
    (own,) = judged_logs(data, x, np.array([0.5]))
    for stretch, noise in ((1.25, 0.5), (1.0, 0.6)):
        (other,) = judged_logs(data, x * [stretch, 1.0, 1.0], np.array([noise]))
        ratio = np.exp(np.asarray(other - own, dtype=np.float64))
        error = ratio.std() / np.sqrt(n)
        assert error < 0.01 and abs(ratio.mean() - 1) < 4 * error
        # The other way round, as with places of the other density, it has not.
        assert abs((1 / ratio).mean() - 1) > 4 * error


def test_replicated_dissimilarities_have_the_covariance_of_the_likelihood(
    rng: np.random.Generator,
) -> None:
    k, n, v, w = 5, 20_000, 0.6, 0.8
    first, second = np.triu_indices(k, 1)
    s = rng.normal(size=len(first))
    s = (s - s.mean()) / s.std()
    who, noises = np.repeat(np.arange(n), len(first)), (np.full(n, v), np.full(n, w))
    each = np.tile(np.stack([first, second], axis=1), (n, 1))
    drawn = replicated_dissimilarities(np.tile(s, n), *noises, each, who, rng).reshape(n, -1)
    incidence = np.zeros((len(first), k))
    for row, pair in enumerate(zip(first, second, strict=True)):
        incidence[row, list(pair)] = 1
    slope2 = 1 / (1 + 2 * v**2 + w**2)
    covariance = slope2 * (w**2 * np.eye(len(first)) + v**2 * incidence @ incidence.T)
    assert_allclose(drawn.mean(axis=0), -np.sqrt(slope2) * s, atol=0.02)
    assert_allclose(np.cov(drawn.T), covariance, atol=0.02)


def test_layouts_of_the_model_pass(x: np.ndarray) -> None:
    checked = check(near(x, arrangement_noise=NOISE), arrangements=arranged(x))
    found = checked.arrangements
    assert found is not None
    assert not any("model would have them" in words for words in checked.advice)
    assert (found.judgments, found.left_out) == (len(PEOPLE) * TRIALS, 0)
    assert 0.01 < found.follow.p < 0.99 and found.outstanding == []
    assert [person.n for person in found.participants] == [TRIALS] * len(PEOPLE)
    assert all(0.002 < tenth.p < 0.998 for tenth in found.calibration)
    means = [tenth.expected for tenth in found.calibration]
    assert means == sorted(means) and means[0] < 0.7 and means[-1] > 1.3
    observed = [tenth.observed for tenth in found.calibration]
    n = [tenth.n for tenth in found.calibration]
    assert_allclose(np.average(observed, weights=n), 1.0, atol=1e-6)


def test_who_places_at_random_stands_out(x: np.ndarray) -> None:
    table = arranged(x)
    rows = table["participant"] == "p3"
    table.loc[rows, ["x", "y"]] = np.random.default_rng(1).uniform(-0.3, 0.3, (rows.sum(), 2))
    checked = check(near(x, arrangement_noise=NOISE), arrangements=table)
    assert checked.arrangements is not None and checked.arrangements.outstanding == ["p3"]
    assert any(words.startswith("p3 place objects less by likeness") for words in checked.advice)


@pytest.mark.parametrize("factor", [0.4, 2.5])
def test_noise_that_is_wrong_shows_its_direction(x: np.ndarray, factor: float) -> None:
    checked = check(near(x, arrangement_noise=NOISE), arrangements=arranged(x, factor * NOISE))
    found = checked.arrangements
    assert found is not None
    louder = factor > 1
    assert (found.follow.observed < found.follow.expected) == louder
    assert found.follow.two_sided < 0.01
    assert bool(found.outstanding) == louder  # who keeps distances better is no one to look at
    said = "less well than" if louder else "better than"
    assert any(f"distances {said} the model would" in words for words in checked.advice)
    assert " r 0." in " ".join(checked.advice).replace("(", " ")


def test_dissimilarities_of_the_model_pass_and_others_do_not(x: np.ndarray) -> None:
    noises = {"object_noise": np.full(4, 0.3), "pair_noise": np.full(4, 0.5)}
    posterior, table = near(x, **noises), rated(x, 0.3, 0.5)
    found = pairs(posterior, table)
    assert 0.01 < found.follow.p < 0.99 and found.outstanding == []
    assert found.judgments == len(table) and found.calibration == []
    loud = check(posterior, dissimilarities=rated(x, 0.3, 1.2))
    assert loud.dissimilarities is not None
    follow = loud.dissimilarities.follow
    assert follow.observed < follow.expected and follow.two_sided < 1e-3
    assert any("misses structure that they have" in words for words in loud.advice)
    rows = (table["participant"] == "p2").to_numpy()
    mixed = table["dissimilarity"].to_numpy().copy()
    mixed[rows] = np.random.default_rng(4).permutation(mixed[rows])
    assert pairs(posterior, table.assign(dissimilarity=mixed)).outstanding == ["p2"]


def test_what_the_posterior_does_not_know_is_left_out_and_counted(x: np.ndarray) -> None:
    whole = near(x, arrangement_noise=NOISE, object_noise=NOISE[:4], pair_noise=NOISE[:4])
    tree, table, given = whole.tree, arranged(x), rated(x, 0.3, 0.5)
    group = tree["posterior"].dataset.isel(object=slice(0, M - 1), arranger=slice(1, None))
    tree["posterior"] = xr.DataTree(group.isel(source=slice(1, None)))
    posterior = Posterior(tree)
    seen = table[table["participant"] != "p0"]
    last = seen["item"] == IDS[-1]
    strange = len(seen.loc[last, ["participant", "trial"]].drop_duplicates())
    known = check(posterior, arrangements=table).arrangements
    assert known is not None
    assert strange > 0 and known.left_out == TRIALS + strange
    assert known.judgments == len(PEOPLE) * TRIALS - known.left_out
    assert {person.name for person in known.participants} <= set(PEOPLE[1:])
    some = check(posterior, dissimilarities=given).dissimilarities
    assert some is not None
    assert some.left_out == len(FIRST) + 3 * (M - 1)
    assert some.judgments == len(given) - some.left_out
    assert len(some.participants) == 3


def test_nothing_known_is_refused(x: np.ndarray) -> None:
    table, given = arranged(x), rated(x, 0.3, 0.5)
    posterior = near(x)
    with pytest.raises(TwoalikeError, match="none of the 48 arrangements.*0 participants"):
        check(posterior, arrangements=table)
    with pytest.raises(TwoalikeError, match="none of the 1104 dissimilarities"):
        check(posterior, dissimilarities=given)
    with pytest.raises(TwoalikeError, match="found none among"):
        check(posterior, arrangements=table.assign(trial_type="practice"))


def test_a_noise_that_explains_random_places_is_said(x: np.ndarray) -> None:
    noise = np.where(np.arange(len(PEOPLE)) == 4, 3.0, NOISE)
    posterior = near(x, arrangement_noise=noise)
    checked = check(posterior, arrangements=arranged(x, noise))
    assert checked.arrangements is not None
    assert checked.arrangements.outstanding == []
    assert checked.arrangements.at_random == ["p4"]
    assert any(words.startswith("p4: placed at random") for words in checked.advice)
