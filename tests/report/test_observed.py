"""The report without a network, of each kind of judgments, and its table of participants."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.posteriors import posterior_of
from tests.rated import posterior_around, sort, standard

import twoalike.api as ta
from twoalike.embedding import Posterior, source_table
from twoalike.judgments import arrangements_table, choices_table, ratings_table, write_judgments
from twoalike.report import write_report
from twoalike.study import Study, TwoalikeError, provenance

IDS = [f"a_word_that_is_rather_long_{k}" for k in range(9)]
WHO = np.repeat(["p0", "p1", "p2"], 36)


def judged(kind: str, x: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Judgments of three people about nine words."""
    s, (i, j) = standard(x), np.triu_indices(9, 1)
    if kind == "sortings":
        return sort(s, IDS, rng, people=3, trials=2, size=9)
    if kind == "arrangements":
        places = 0.1 * np.tile(x[:, :2], (6, 1)) + 0.02 * rng.normal(size=(54, 2))
        columns = {"participant": WHO[::2], "trial": np.tile(np.repeat([1, 2], 9), 3)}
        columns |= {"item": np.tile(range(9), 6), "x": places[:, 0], "y": places[:, 1]}
        return arrangements_table(pd.DataFrame(columns), IDS)
    if kind == "ratings":
        rating = np.clip(np.round(4 + s[i, j] + rng.normal(size=(3, 36))), 1, 7).astype(int).ravel()
        pairs = {"item_a": np.tile(i, 3), "item_b": np.tile(j, 3), "rating": rating}
        return ratings_table(pd.DataFrame({"participant": WHO, **pairs, "scale_points": 7}), IDS)
    items = np.stack([rng.permutation(9)[:3] for _ in range(108)])
    odd = [-s[t, np.roll(t, 1)] - s[t, np.roll(t, 2)] for t in items]
    columns = {f"item_{k + 1}": items[:, k] for k in range(3)}
    return choices_table(columns | {"participant": WHO, "chosen": np.argmax(odd, axis=1) + 1}, IDS)


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("kind", ["choices", "ratings", "arrangements", "sortings"])
def test_each_kind_alone_needs_no_network(
    kind: Any, fitted: bool, tmp_path: Path, rng: np.random.Generator
) -> None:
    (tmp_path / "study.toml").write_text('title = "Words"\nseed = 1\n')
    (tmp_path / "derived").mkdir()
    study, x = Study.load(tmp_path), np.abs(rng.normal(size=(9, 3)))
    path = study.derived / f"{kind}.parquet"
    write_judgments(path, judged(kind, x, rng), provenance(kind), kind)
    if fitted:
        posterior_around(x, IDS, ["p0", "p1", "p2"]).save(study.posterior)
    write_report(study, tmp_path / "r.html", files=tmp_path / "files")
    page, files = (tmp_path / "r.html").read_text(), tmp_path / "files"
    pairs = pd.read_csv(files / "observed.csv")
    assert len(pairs) <= 36 and ("by_the_model" in pairs) == fitted
    assert "halves of the people (needs 4 people, has 3)" in page
    assert "each person with the others" in set(pd.read_csv(files / "reliability.csv")["name"])
    assert ("Shepard diagram" in page) == fitted == (files / "clusters.csv").is_file()
    people = [pd.read_csv(one) for one in files.glob("observed-*.csv")]
    of_people = [one for one in people if "with_the_others" in one]
    assert len(of_people) == (kind != "choices")
    for one in of_people:
        assert one["participant"].tolist() == ["p0", "p1", "p2"]
    axes = ta.plot.observed(path, kind, "p1")
    assert axes.images[0].get_array().shape == (9, 9)
    with pytest.raises(TwoalikeError, match="one of p0, p1, p2"):
        ta.plot.observed(path, kind, "nobody")


def test_participants_are_counted_and_nobody_is_shown(study: Study, tmp_path: Path) -> None:
    with (study.root / "study.toml").open("a") as file:
        file.write('[groups]\nnames = ["novice", "expert"]\n')
    names = [f"sub-{k:02d}" for k in range(1, 10)]
    groups = ["novice"] * 5 + ["expert"] * 4
    shown = {"participant_id": names, "simulated": "false", "group": groups}
    shown |= {"age": [20, 31, 45, *[50] * 6], "Gender": ["f"] * 3 + ["m", *["f"] * 5]}
    table = pd.DataFrame(shown | {"handedness": ["left", *["right"] * 8]})
    table.to_csv(study.raw / "participants.tsv", sep="\t", index=False)
    write_report(
        Study.load(study.root), tmp_path / "r.html", files=tmp_path / "f", allow_problems=True
    )
    cells = pd.read_csv(tmp_path / "f" / "sample.csv", index_col=0).astype(str)
    counted = cells["all"][["recruited", "consented", "took part", "analysed"]]
    assert counted.tolist() == ["9", "9", "3", "3"]
    assert cells["expert"][["recruited", "analysed"]].tolist() == ["4", "0"]
    assert cells["all"]["age: M (SD), range"] == "32.0 (12.5), 20 to 45"
    assert cells["all"]["gender: f"] == "3"
    assert cells["all"]["handedness: other"] == "3"  # one left-handed person and two others
    assert "left" not in cells.to_string()


def test_sources_are_listed_with_their_worth(study: Study, tmp_path: Path) -> None:
    fitted = Posterior.load(study.posterior)
    each = {"slope": (0.9, 0.0), "apart": (0.1, 2.0), "lapse": (0.05, 0.9)}
    draws = {f"source_{of}": np.broadcast_to(two, (2, 40, 2)) for of, two in each.items()}
    draws["embedding"] = fitted.tree["posterior"]["embedding"].values
    axes = {"object": fitted.ids, "participant": fitted.participants, "answerer": ["net", "<b>"]}
    posterior_of(draws, axes, {"answers": ("answerer", [1200, 7])}).save(study.posterior)
    write_report(study, tmp_path / "r.html", files=tmp_path / "f")
    found = pd.read_csv(tmp_path / "f" / "participants-2.csv")
    pd.testing.assert_frame_equal(found, source_table(study.posterior), atol=1e-4)
    assert found["answers"].tolist() == [1200, 7]
    assert found["worth"][0] > 0.5 and found["worth"][1] < 0.05
    page = (tmp_path / "r.html").read_text()
    assert f"{found['low'][0]:.2f} to {found['high'][0]:.2f}" in page and "1,200" in page
    assert "Answers by others than people" in page and "<b>" not in page
