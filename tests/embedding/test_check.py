"""``twoalike check``: what it finds in fits whose faults are known, and how it ends."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from tests.posteriors import around, posterior_of

from twoalike.embedding import Comparison, Posterior, Predictive, Verdict, check
from twoalike.embedding._advice import advise, stuck_chain
from twoalike.embedding._choices import Choices
from twoalike.judgments import choices_table, judgment_codes, write_judgments
from twoalike.study import TwoalikeError, provenance

Run = Callable[..., tuple[int, str]]


def near_truth(world: Any, choices: pd.DataFrame, *, engine: str = "nuts", **attrs: Any) -> Any:
    """Two chains of 150 draws close to the truth, as a fit of ``choices`` would store them."""
    rng, people = np.random.default_rng(5), [f"person_{k}" for k in range(len(world.lapse))]
    noise = around(np.ones(len(people)), 0.05, rng, 2, 150)
    draws = {
        "embedding": around(world.embedding, 0.1, rng, 2, 150),
        "temperature": noise * world.temperature,
        "lapse": noise * world.lapse,
    }
    counts = choices["participant"].value_counts()
    constant = {
        "judgments": ("participant", [int(counts.get(name, 0)) for name in people]),
        "codes": ("judgment", np.unique(judgment_codes(choices))),
    }
    labels = {"object": world.ids, "participant": people}
    return posterior_of(draws, labels, constant, engine=engine, prior="softplus", **attrs)


@pytest.fixture(scope="module")
def choices(world: Any) -> pd.DataFrame:
    return world.judge(1200, 11)


@pytest.fixture
def files(world: Any, choices: pd.DataFrame, tmp_path: Path) -> tuple[Path, Path]:
    """A posterior and the judgments it names as its own."""
    table, out = tmp_path / "choices.parquet", tmp_path / "p.nc"
    write_judgments(table, choices, {})
    source = provenance("posterior", inputs={"choices": table})
    near_truth(world, choices, provenance=source).save(out)
    return out, table


def test_a_model_that_is_true_passes(world: Any, choices: pd.DataFrame) -> None:
    found = check(near_truth(world, choices), choices, fitted=True)
    assert found.verdict.intervals and found.judgments == 1200 and found.left_out == 0
    assert found.predictive is not None and found.loo is not None
    assert all(0.01 < check.p < 0.99 for check in found.predictive.checks)
    assert found.predictive.outstanding == []
    assert len(found.predictive.participants) == 6
    for part in found.predictive.calibration:
        assert abs(part.observed - part.expected) < 0.12
    assert_allclose(sum(part.n for part in found.predictive.calibration), 3 * 1200)
    assert found.loo.subset == 1200
    assert found.advice == []


def test_what_the_fit_held_out_is_told(
    world: Any, choices: pd.DataFrame, run: Any, tmp_path: Path
) -> None:
    held = {"judgments": 600, "log_loss": 0.8866, "log_loss_se": 0.02}
    posterior = near_truth(world, choices, held_out=held, engine="vi")
    found = check(posterior)
    assert found.held_out == held
    assert "held-out log-loss: 0.8866 ± 0.0200" in str(found)
    posterior.save(tmp_path / "p.nc")
    said = " ".join(run("check", tmp_path / "p.nc")[1].split())
    assert "log-loss 0.8866 ± 0.0200, of 600 judgments; to be preferred" in said


def test_who_answers_the_other_way_stands_out(world: Any, choices: pd.DataFrame) -> None:
    turned = choices.copy()
    rows = turned["participant"] == "person_2"
    turned.loc[rows, "chosen"] = (turned.loc[rows, "chosen"] % 3 + 1).astype("int8")
    found = check(near_truth(world, turned), turned, fitted=True).predictive
    assert found is not None and found.outstanding == ["person_2"]


def test_people_who_repeat_themselves_are_noticed(world: Any) -> None:
    once = world.judge(300, 3)
    both = pd.concat([once, once], ignore_index=True)
    found = check(near_truth(world, both), both, fitted=True)
    assert found.predictive is not None
    (repeats,) = (one for one in found.predictive.checks if one.name == "consistency")
    assert repeats.n == 300 and repeats.observed > 0.95 and repeats.p < 0.001
    assert any("repeat their own answers more often" in sentence for sentence in found.advice)


def test_unknown_people_and_objects_are_left_out_and_counted(
    world: Any, choices: pd.DataFrame
) -> None:
    fewer = choices[choices["participant"] != "person_0"]
    posterior = near_truth(world, fewer)
    tree = posterior.tree.copy()
    tree["posterior"] = xr.DataTree(tree["posterior"].dataset.isel(participant=slice(1, None)))
    found = check(Posterior(tree), choices, fitted=True)
    assert found.left_out == int((choices["participant"] == "person_0").sum())
    strange = choices_table(
        {"item_1": [0], "item_2": [1], "item_3": [2], "chosen": [1]}, ["x", "y", "z"]
    )
    with pytest.raises(TwoalikeError, match="none of the 1 judgments"):
        Choices.known_to(posterior, strange)


def test_chains_apart_have_not_converged_and_say_what_to_do(
    world: Any, choices: pd.DataFrame
) -> None:
    for engine, cures in (("nuts", ("`draws=...`", "`seed=...`")), ("vi", ("`chains=...`",))):
        posterior = near_truth(world, choices, engine=engine)
        posterior.tree["posterior"]["embedding"].values[1] *= 1.5
        found = check(posterior)
        assert found.verdict.predictions is False
        assert all(cure in found.advice[0] for cure in cures)


def test_a_single_variational_fit_is_judged_by_its_optimiser(
    world: Any, choices: pd.DataFrame
) -> None:
    state = {"predictions": False, "loss": 1.0, "loss_change": 0.2}
    posterior = near_truth(world, choices, engine="vi", convergence=state)
    one = Posterior(posterior.tree.isel(chain=[0]))
    found = check(one)
    assert found.verdict == Verdict(False, False) and "choice_rhat_95" not in found.convergence
    assert "`steps=...`" in found.advice[0]
    several = check(posterior)  # agreeing fits of an optimiser that has not settled
    assert several.verdict.predictions is False and several.convergence["choice_rhat_95"] < 1.05


def test_one_chain_of_nuts_is_compared_by_halves(world: Any, choices: pd.DataFrame) -> None:
    posterior = Posterior(near_truth(world, choices).tree.isel(chain=[0]))
    assert check(posterior).verdict.predictions is True
    posterior.tree["posterior"]["embedding"].values[0, 75:] *= 1.5
    assert check(posterior).verdict.predictions is False


def test_too_few_draws_to_tell_is_not_convergence(world: Any, choices: pd.DataFrame) -> None:
    posterior = Posterior(near_truth(world, choices).tree.isel(draw=[0, 1]))
    found = check(posterior, choices, fitted=True)
    assert found.verdict.intervals is False and "too few draws" in found.advice[0]
    assert found.loo is None and any("25 draws or more" in words for words in found.missing)


def test_fits_in_one_space_with_other_axes_are_told_from_other_arrangements(world: Any) -> None:
    posterior = near_truth(world, world.judge(900, 6), engine="vi")
    x = posterior.tree["posterior"]["embedding"].values
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(x.shape[-1], x.shape[-1])))[0]
    before = check(posterior).convergence
    assert before["intervals"] and before["fits_apart"] < 1 and before["fits_cost"] < 1e-3
    x[1] = x[1] @ turn
    turned = check(posterior).convergence
    assert turned["fits_apart"] == pytest.approx(before["fits_apart"], abs=1e-3)
    x[1] = x[1][:, np.random.default_rng(1).permutation(x.shape[2])]
    other = check(posterior)
    assert not other.verdict.predictions and "more fits" in other.advice[0]
    assert other.convergence["runs_apart"] < other.convergence["fits_apart"]


def test_judgments_of_the_fit_are_known_in_any_file(
    world: Any, choices: pd.DataFrame, files: tuple[Path, Path], tmp_path: Path
) -> None:
    """A part of them, in another order, is left out one by one, as all of them are."""
    posterior = Posterior.load(files[0])
    some = choices.sample(300, random_state=1)
    write_judgments(tmp_path / "some.parquet", some, {})
    assert check(posterior, tmp_path / "some.parquet").remarks == []
    found = check(posterior, some)
    assert found.loo is not None and found.judgments == 300
    other = check(posterior, world.judge(200, 12))
    assert other.loo is None and "predicted" in other.remarks[0]
    mixed = check(posterior, pd.concat([some, world.judge(200, 12)]).astype(some.dtypes))
    assert mixed.loo is None and "partly in-sample" in mixed.remarks[0]


def test_the_page_opens_with_the_verdict(run: Run, files: tuple[Path, Path]) -> None:
    status, said = run("check", files[0], "--choices", files[1])
    assert status == 0
    assert said.startswith("Predictions stable, intervals usable")
    for words in ("R-hat", "two people's answers agree", "Calibration", "Leave-one-out"):
        assert words in said


@pytest.mark.parametrize("seed", [0, 1, pytest.param(range(20), marks=pytest.mark.slow)])
def test_an_exact_model_is_not_said_to_fail_on_new_answers(world: Any, seed: Any) -> None:
    """The truth is one more draw of the posterior; 18 of 20 such worlds have to pass."""
    passed = []
    for one in [seed] if isinstance(seed, int) else seed:
        rng = np.random.default_rng(one)
        x = world.embedding * np.exp(0.5 * rng.standard_normal((121, *world.embedding.shape)))
        truth = replace(world, embedding=x[0])
        posterior = near_truth(world, world.judge(50, 1))
        posterior = Posterior(posterior.tree.isel(draw=slice(0, 60)))
        posterior.tree["posterior"]["embedding"].values[:] = x[1:].reshape(2, 60, 30, 3)
        posterior.tree["posterior"]["temperature"].values[:] = world.temperature
        posterior.tree["posterior"]["lapse"].values[:] = world.lapse
        found = check(posterior, truth.judge(600, 100 + one), fitted=False).predictive
        assert found is not None
        passed.append(found.checks[0].two_sided > 0.05)
    assert sum(passed) >= 0.9 * len(passed)


def test_strict_ends_with_1_where_the_fit_has_not_converged(
    run: Run, world: Any, choices: pd.DataFrame, files: tuple[Path, Path], tmp_path: Path
) -> None:
    assert run("check", files[0], "--strict")[0] == 0
    posterior = near_truth(world, choices)
    posterior.tree["posterior"]["embedding"].values[1] *= 1.5
    bad = tmp_path / "bad.nc"
    posterior.save(bad)
    status, said = run("check", bad)
    assert status == 0 and said.startswith("Not converged")
    status, said = run("check", bad, "--strict")
    assert status == 1 and said.count("\n") == 1 and "not converged" in said
    unknown = Posterior(near_truth(world, choices, engine="other").tree.isel(chain=[0]))
    unknown.tree.attrs["convergence"] = "{}"
    unknown.save(bad)
    assert run("check", bad)[1].startswith("Convergence unknown")
    assert "convergence unknown" in run("check", bad, "--strict")[1]


def test_check_refuses(run: Run, files: tuple[Path, Path], tmp_path: Path) -> None:
    for words, complaint in (
        ((tmp_path / "no.nc",), "found no such file"),
        ((files[1],), "cannot be read as a posterior"),
        ((files[0], "--choices", tmp_path / "no.parquet"), "found no such file"),
        ((files[0], "--choices", files[1], "--study", tmp_path), "found both"),
        ((files[0], "--study", tmp_path), "expected a study"),
        ((files[0], "--json", tmp_path / "x.txt"), "written as .json"),
    ):
        status, said = run("check", *words)
        assert status == 1 and complaint in said and said.count("\n") == 1, said


def test_a_study_gives_its_judgments(
    run: Run, files: tuple[Path, Path], make_study: Callable[..., Path]
) -> None:
    study = make_study()
    assert "twoalike fit" in run("check", files[0], "--study", study)[1]
    (study / "derived").mkdir()
    (study / "derived" / "choices.parquet").write_bytes(files[1].read_bytes())
    status, said = run("check", files[0], "--study", study)
    assert status == 0 and "Leave-one-out" in said


def test_fewer_and_more_dimensions_are_never_advised_together() -> None:
    misses = Comparison("consensus", 300, 0.8, 0.6, 0.55, 0.65, 0.0)
    predictive = Predictive([misses], participants=[], outstanding=[], calibration=[])
    apart = {"predictions": False, "choice_rhat_95": 1.4, "similarity_rhat_95": 1.2}
    for spare, wanted in ((False, "more `dimensions"), (True, "fewer `dimensions")):
        said = " ".join(advise("nuts", apart, predictive, spare=spare))
        advised = [words for words in ("more `dimensions", "fewer `dimensions") if words in said]
        assert advised == [wanted]


def test_a_stuck_chain_is_told_from_slow_ones() -> None:
    assert stuck_chain([-4530.0, -4900.0], [0.25, 0.01]) == 1
    assert stuck_chain([-4530.0, -4531.0], [0.25, 0.01]) is None
    assert stuck_chain([-4530.0, -4900.0], [0.25, 0.2]) is None
    assert stuck_chain([-4530.0], [0.2]) is None
    state = {
        "predictions": False,
        "choice_rhat_95": 1.9,
        "chain_log_density": [-4530.0, -4900.0],
        "chain_step_size": [0.25, 0.01],
    }
    assert "Chain 2 sits apart" in advise("nuts", state)[0]
    assert advise("nuts", {"predictions": True, "choice_rhat_95": 1.0, "choice_ess_05": 400}) == []
    assert "diverged" in advise("nuts", {"divergences": 12})[0]
