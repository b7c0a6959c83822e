"""The table of dimensions, and the curve that tells how many are needed."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from tests.chosen import answered, chosen_table
from tests.posteriors import posterior_of

from twoalike.choice import log_choice, pair_similarities
from twoalike.cli.app import main
from twoalike.embedding import Posterior, check, dimension_curve, dimension_table
from twoalike.embedding._dimensions import curve_table
from twoalike.judgments import write_judgments
from twoalike.study import TwoalikeError


def fit(x: np.ndarray, ids: list[str]) -> Posterior:
    """A posterior whose draws, (chains, S, m, d), are x."""
    draws = {"embedding": x, "lapse": np.full((*x.shape[:2], 1), 1e-6)}
    return posterior_of(draws, {"object": ids, "participant": ["p"]}, engine="vi")


@pytest.fixture
def x(rng: np.random.Generator) -> np.ndarray:
    """20 objects on three dimensions; the second carries most, the first least."""
    return rng.gamma(1.0, 1.0, (20, 3)) * [0.3, 2.0, 1.0]


IDS = [f"o{k:02d}" for k in range(20)]


def test_dimensions_stand_by_importance_with_their_highest_objects(x: np.ndarray) -> None:
    table = dimension_table(fit(x[None, None], IDS), top=2)
    assert table["dimension"].tolist() == [1, 2, 3]
    assert table["importance"].is_monotonic_decreasing
    assert_allclose(table["importance"].sum(), 1.0)
    for row, column in zip(table.to_dict("records"), (1, 2, 0), strict=True):
        best = np.argsort(-x[:, column])[:2]
        assert row["objects"] == "; ".join(IDS[k] for k in best)
        assert row["coordinates"] == "; ".join(f"{x[k, column]:.2f}" for k in best)
    assert table["again"].isna().all() and table["stable"].isna().all()  # one chain, no other fit


def test_what_only_one_chain_has_does_not_come_again(
    x: np.ndarray, rng: np.random.Generator
) -> None:
    second = x.copy()  # chains are aligned in the file
    second[:, 0] = rng.permutation(second[:, 0])
    table = dimension_table(fit(np.stack([x, second])[:, None], IDS))
    assert_allclose(table["again"][:2], 1.0, atol=1e-6)
    assert table["again"][2] < 0.8
    assert table["stable"].tolist() == [True, True, False]
    assert table["objects"][2] == "" != table["objects"][0]  # its axis is an accident of the fit


def test_another_fit_may_order_dimensions_and_objects_its_own_way(
    x: np.ndarray, rng: np.random.Generator
) -> None:
    order = rng.permutation(20)[:15]
    other = fit(3 * x[order][:, [1, 2, 0]][None, None], [IDS[k] for k in order])
    table = dimension_table(fit(x[None, None], IDS), [other])
    assert_allclose(table["again"], 1.0, atol=1e-6)
    assert isinstance(table, pd.DataFrame)


def test_other_objects_and_no_objects_are_refused(x: np.ndarray) -> None:
    one = fit(x[None, None], IDS)
    with pytest.raises(TwoalikeError, match="found 0 of 20"):
        dimension_table(one, [fit(x[None, None], [f"z{k}" for k in range(20)])])
    with pytest.raises(TwoalikeError, match="`top=...`"):
        dimension_table(one, top=0)


def judged(x: np.ndarray, n: int, seed: int, similarity: str = "dot") -> pd.DataFrame:
    """Answers of somebody without lapses whose embedding is x."""
    rng = np.random.default_rng(seed)
    shown = np.stack([rng.choice(len(x), 3, replace=False) for _ in range(n)])
    answer = answered(x, shown, rng, similarity=similarity)
    return chosen_table(shown, answer, IDS[: len(x)], participant=["p"] * n)


def around(x: np.ndarray, spread: float = 0.1) -> np.ndarray:
    """Two chains of 40 draws about x."""
    noise = np.random.default_rng(1).standard_normal((2, 40, *x.shape))
    return np.asarray(x * np.exp(spread * noise))


def test_the_curve_compares_judgment_by_judgment() -> None:
    rng = np.random.default_rng(0)
    common = rng.normal(-1.0, 0.5, 1000)  # much larger than what dimensions differ by
    scores = np.stack([common - 0.2, common, common], axis=1) + 0.01 * rng.normal(size=(1000, 3))
    scores[:, 2] += 0.02
    table = curve_table(scores)
    assert table["dimensions"].tolist() == [1, 2, 3]
    assert_allclose(table["log_loss"], -scores.mean(axis=0))
    assert table["needed"].tolist() == [False, False, True]  # .02 is many errors of the difference
    assert table["difference_se"][1] < 0.001
    assert table["se"][1] > 0.01
    assert table["difference"][2] == 0 == table["difference_se"][2]
    scores[:, 2] -= 0.02
    assert curve_table(scores)["needed"].tolist() == [False, True, False]
    assert curve_table(scores[:, :1])["needed"].tolist() == [True]


@pytest.mark.parametrize("similarity", ["dot", "distance"])
def test_scores_are_those_of_the_most_important_dimensions(x: np.ndarray, similarity: str) -> None:
    posterior = fit(x[None, None], IDS)
    posterior.tree.attrs["similarity"] = similarity
    choices = judged(x, 50, 3, similarity)
    table = dimension_curve(posterior, choices, fitted=False).table
    shown = np.stack([choices[f"item_{k}"].cat.codes for k in (1, 2, 3)], axis=1)
    chosen = choices["chosen"].to_numpy() - 1
    for k, columns in enumerate(([1], [1, 2], [1, 2, 0])):
        part = x[:, columns]
        matrix = part @ part.T
        if similarity == "distance":
            matrix = -np.linalg.norm(part[:, None] - part[None], axis=-1)
        logs = np.stack(log_choice(pair_similarities(matrix, shown)), axis=1)
        expected = -logs[np.arange(50), chosen].mean()
        assert_allclose(table["log_loss"][k], expected, rtol=2e-4)


def test_all_dimensions_score_as_leave_one_out_does(x: np.ndarray) -> None:
    posterior, choices = fit(around(x, 0.3), IDS), judged(x, 400, 5)
    checked = check(posterior, choices, fitted=True).loo
    assert checked is not None
    last = dimension_curve(posterior, choices).table.iloc[-1]
    assert_allclose(last["log_loss"], checked.log_loss, rtol=1e-5)
    plain = dimension_curve(posterior, choices, fitted=False).table.iloc[-1]
    assert plain["log_loss"] < last["log_loss"]  # each judgment had a say in it


def test_a_curve_needs_draws_and_judgments_of_the_fit(x: np.ndarray) -> None:
    choices = judged(x, 20, 6)
    with pytest.raises(TwoalikeError, match="25 draws or more, found 1"):
        dimension_curve(fit(x[None, None], IDS), choices)
    other = choices.assign(participant="somebody else")
    with pytest.raises(TwoalikeError, match="none of the 20 judgments"):
        dimension_curve(fit(around(x), IDS), other.astype({"participant": "category"}))


def test_the_command_says_how_many_are_needed(
    x: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    strong = np.column_stack([x * [5.0, 1.0, 1.5], np.full(20, 0.1)])
    source, table, out = tmp_path / "p.nc", tmp_path / "c.parquet", tmp_path / "curve.tsv"
    fit(around(strong), IDS).save(source)
    write_judgments(table, judged(strong, 2000, 7), {})

    def run(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["dimensions", *map(str, words)])
        said = capsys.readouterr()
        return int(ended.value.code or 0), " ".join(said.out.split()), said.err

    status, said, _ = run(source, "--choices", table, "--curve", out)
    assert status == 0 and "3 dimensions of 4 are needed" in said and f"Wrote {out}" in said
    assert "does not record the choices that it was fitted to" in said
    written = pd.read_csv(out, sep="\t")
    assert written["needed"].tolist() == [False, False, True, False]
    assert list(written) == [
        "dimensions", "log_loss", "se", "difference", "difference_se", "needed"
    ]  # fmt: skip
    for words, complaint in (
        ((source, "--curve", out), "give --choices"),
        ((source, "--choices", table, "--curve", tmp_path / "c.txt"), "written as .csv or .tsv"),
        ((source, "--choices", tmp_path / "no.parquet"), "found no such file"),
    ):
        status, _, said = run(*words)
        assert status == 1 and complaint in said and said.count("\n") == 1
