"""How people differ in the report: dimensions by group, pairs, and the tests of groups."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from tests.posteriors import posterior_of

import twoalike.api as ta
from twoalike.embedding import Posterior, compare_groups
from twoalike.report import write_report
from twoalike.report._embedding import dimensions_section, people_section, similarity_section
from twoalike.report._inputs import _comparable, read_inputs
from twoalike.report._methods import methods_section
from twoalike.study import Study, TwoalikeError

PEOPLE = tuple(f"{k:02d}" for k in range(1, 9))
GROUPS = {name: "experts" if k < 4 else "novices" for k, name in enumerate(PEOPLE)}
KIND = (0, 1)  # dimensions of the shapes' kinds, disc and square; the others are of sizes


@pytest.fixture
def weighted(study: Study, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A study in whose posterior experts weigh the kinds of shapes twice as much as novices do."""
    monkeypatch.setattr("twoalike.report._blocks.to_svg", lambda figure: b"")
    monkeypatch.setattr("twoalike.report._blocks.to_pdf", lambda figure: b"")
    posterior = Posterior.load(study.posterior)
    embedding, rng = posterior.tree["posterior"]["embedding"].values, np.random.default_rng(5)
    log = 0.15 * rng.normal(size=(len(PEOPLE), embedding.shape[-1]))
    log[:4, KIND] += 0.7
    log -= log.mean(axis=0)
    log -= log.mean(axis=1, keepdims=True)
    drawn = log + 0.05 * rng.normal(size=(2, 40, *log.shape))
    draws = {"embedding": embedding, "log_weight": drawn, "weight_spread": np.full((2, 40), 0.3)}
    posterior = posterior_of(draws, {"object": posterior.ids, "participant": PEOPLE})
    posterior.save(study.posterior)
    return study


def compared(study: Study) -> None:
    """Compare the groups, as the command does."""
    labels = study.stimuli / "stimuli.tsv"
    out = study.derived / "groups.json"
    compare_groups(study.posterior, GROUPS, labels=labels, permutations=99, resamples=40, out=out)


def section(study: Study) -> tuple[Any, str]:
    """Section on how people differ, and all that it says."""
    found = people_section(read_inputs(study), 0)
    assert found is not None and found.title == "How people differ"
    return found, repr(found)


def reported(study: Study, tmp_path: Path) -> tuple[str, Path]:
    """Text of the page, and the folder of its figures and numbers."""
    write_report(study, tmp_path / "r.html", files=tmp_path / "files")
    return (tmp_path / "r.html").read_text(encoding="utf-8"), tmp_path / "files"


def test_groups_are_shown_with_their_pairs_and_tests(weighted: Study, tmp_path: Path) -> None:
    compared(weighted)
    html, files = reported(weighted, tmp_path)
    assert "The groups experts and novices weighed the dimensions differently" in html
    assert "Group novices, compared with group experts, gives dimension" in html
    assert "by 99 permutations of the groups over people" in html
    assert "with the people of the group resampled" in html
    weights = pd.read_csv(files / "people.csv").set_index(["group", "dimension"])
    assert (weights["low"] < weights["log_weight"]).all()
    gap = weights["log_weight"]["experts"] - weights["log_weight"]["novices"]
    assert (gap > 0.3).sum() == len(KIND) and (gap < 0).sum() == len(gap) - len(KIND)
    pairs = pd.read_csv(files / "people-2.csv")
    kind = ta.StimulusSet.load(weighted.stimuli).table.set_index("id")["kind"]
    of_experts = pairs[pairs["row"] == "More alike to experts"]
    assert len(of_experts) >= 3 and pairs["about"].iloc[0] == "than to novices"
    assert all(kind[one] == kind[two] for one, two in of_experts["image"].str.split(", "))
    tests = pd.read_csv(files / "people-3.csv").set_index("name")
    kinds = tests.loc[["kind disc", "kind square"]]
    assert (kinds["difference"] < 0).all()  # novices minus experts
    assert (tests["low"] < tests["difference"]).all() and "dimension 1" in tests.index


def test_groups_that_the_study_declares_are_compared_by_the_report(weighted: Study) -> None:
    with (weighted.root / "study.toml").open("a") as file:
        file.write('[groups]\nnames = ["experts", "novices"]\n')
    rows = "".join(f"sub-{name}\t{of}\n" for name, of in (GROUPS | {"01": "n/a"}).items())
    (weighted.raw / "participants.tsv").write_text(f"participant_id\tgroup\n{rows}", "utf-8")
    found, said = section(Study.load(weighted.root))
    assert "Group novices, compared with group experts, gives dimension" in said
    assert [block.kind for block in found.blocks] == ["text", "picture", "gallery", "grid"]
    assert "1 participant without a group was left out" in said
    posterior = Posterior.load(weighted.posterior)
    vars(posterior)["weights"] = replace(posterior.weights, z=np.ones((8, 1)))  # by covariates
    assert not _comparable(Study.load(weighted.root), posterior)


def test_a_comparison_in_another_posterior_is_not_shown(weighted: Study, tmp_path: Path) -> None:
    compared(weighted)
    posterior = Posterior.load(weighted.posterior)
    made = json.dumps({"inputs": {"ratings": {"file": "r.parquet", "sha256": "0"}}})
    posterior.tree.attrs |= {"engine": "vi", "provenance": made}
    posterior.save(weighted.posterior)
    page, _ = reported(weighted, tmp_path)
    assert "groups.json compares groups in another posterior" in page
    assert "No groups of these people were compared" in page and "experts" not in page
    assert 'id="participants"' not in page and "softmax" not in page
    assert "Weights of the dimensions were estimated for each of 8 participants." in page


def test_groups_of_the_fit_are_shown_without_a_test(weighted: Study) -> None:
    posterior = Posterior.load(weighted.posterior)
    group = posterior.tree["posterior"].to_dataset()
    log, of = group["log_weight"], np.array(list(GROUPS.values()))
    names = ["novices", "experts"]
    centres = np.stack([log.values[:, :, of == name].mean(axis=2) for name in names], axis=2)
    axes = ("chain", "draw", "group", "dimension")
    group = group.assign(group_log_weight=(axes, centres)).assign_coords(
        group=names, participant_group=("participant", of)
    )
    posterior.tree["posterior"] = group
    posterior.tree.attrs |= {"similarity": "distance", "terms": '{"memory": {}}'}
    posterior.save(weighted.posterior)
    found, said = section(weighted)
    assert "More alike to experts" in said and "of the group's centre" in said
    assert [block.kind for block in found.blocks] == ["picture", "gallery", "text"]
    assert "no test can be made of it" in found.blocks[-1].text
    inputs = read_inputs(weighted)
    said += repr((similarity_section(inputs), dimensions_section(inputs, None)))
    said += methods_section(inputs, (), {}).blocks[0].text
    assert "minus the distance" in said and "dot product" not in said
    assert "and weights of the dimensions, of each of" in said and "things: memory" in said


def test_a_damaged_comparison_is_one_line(weighted: Study) -> None:
    compared(weighted)
    path = weighted.derived / "groups.json"
    content = json.loads(path.read_text())
    del content["differences"][0]["p"]
    path.write_text(json.dumps(content))
    with pytest.raises(TwoalikeError, match=r"groups\.json: differences\.0\.p"):
        read_inputs(weighted)


def test_the_figures_of_a_notebook(weighted: Study) -> None:
    given = str(weighted.posterior)
    axes = ta.plot.weights(given, GROUPS, weighted, ax=Figure().subplots())
    assert {text.get_text() for text in axes.get_legend().get_texts()} == {"experts", "novices"}
    assert axes.get_yticklabels()[0].get_text() == "dimension 1"
    ta.plot.weights(given, ax=Figure().subplots())
