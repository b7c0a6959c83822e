"""``twoalike power`` from the command line: a small study is simulated, fitted and sized."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest
from tests.conftest import cases

from twoalike.design import study_with
from twoalike.figures import NARROW, WIDE, power_curves, power_description, to_svg
from twoalike.recovery import PowerAnalysis, PowerResult, Target
from twoalike.recovery._search import FoundSize, Needed, SearchPlan, find_size, make_target
from twoalike.study import StopConfig, Study

MakeStudy = Callable[..., Path]
Run = Callable[..., tuple[int, str]]
SMALL = ("--trials-per-person", "40", "--worlds", "2", "--steps", "100", "--most-participants", "1")


def test_a_study_is_sized_and_the_answer_comes_again(
    make_study: MakeStudy, run: Run, tmp_path: Path
) -> None:
    study, figure = make_study(), tmp_path / "power.svg"
    words = (
        "power",
        study,
        "--target-information",
        "0.2",
        *SMALL,
        "--assurance",
        "0.5",
        "--figure",
        figure,
    )
    status, said = run(*words)
    assert status == 0, said
    first = json.loads((study / "derived" / "power.json").read_text())
    answer = first["recommended"]
    assert f"{answer['participants']} participant" in said
    assert answer["trials_per_person"] == 40
    assert answer["judgments"] == 40 * answer["participants"]
    assert answer["simulated"] == 2
    assert (first["kind"], first["schema_version"], first["seed"]) == ("power", 1, 7)
    assert all(0 < each["regret"] < 1.1 and 0 < each["width"] < 1 for each in first["studies"])
    assert first["figure"]["description"] in figure.read_text()
    # Of the studies that are kept one is lost: simulated again, it comes to the same.
    kept = sorted((study / "derived" / "power").rglob("*.json"))
    assert len(kept) == len(first["studies"])
    lost = kept[0].read_bytes()
    kept[0].unlink()
    status, _ = run(*words)
    assert status == 0
    assert kept[0].read_bytes() == lost
    assert json.loads((study / "derived" / "power.json").read_text()) == first


@pytest.mark.slow
def test_the_answer_holds_when_the_study_is_simulated_anew(make_study: MakeStudy) -> None:
    analysis = PowerAnalysis(study=Study.load(make_study()), trials_per_person=40, worlds=4)
    target = make_target(analysis.oracle, information=0.7)
    people = analysis.run(target).found.participants
    assert people > 1
    anew = replace(analysis, study=study_with(analysis.study, seed=999, sampler=None), worlds=6)
    regrets = anew.simulate(people, 6)["regret"]
    assert (regrets <= target.value).sum() >= 3  # of 6 about 5 are promised


def test_ctrl_c_says_that_it_goes_on(
    make_study: MakeStudy, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*arguments: Any, **more: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("twoalike.recovery.PowerAnalysis._simulated", stopped)
    study = make_study()
    status, said = run("power", study, *SMALL)
    assert status == 130
    assert "the same command goes on" in said
    assert not (study / "derived" / "power.json").exists()


@pytest.mark.parametrize(
    ("words", "complaint"), cases(__file__, "what_cannot_be_is_said_in_one_line")
)
def test_what_cannot_be_is_said_in_one_line(
    make_study: MakeStudy, run: Run, words: list[str], complaint: str
) -> None:
    status, said = run("power", make_study(), *words)
    assert status == 1, said
    assert complaint in said
    assert said.strip().count("\n") == 0


def test_without_a_study_or_stimuli(make_study: MakeStudy, run: Run, tmp_path: Path) -> None:
    status, said = run("power", tmp_path / "nowhere")
    assert status == 1
    assert "expected a study (a folder with study.toml), found none" in said
    study = make_study()
    (study / "stimuli" / "stimuli.tsv").unlink()
    status, said = run("power", study)
    assert status == 1
    assert "expected a manifest of stimuli, found no such file" in said


@pytest.fixture
def result(make_study: MakeStudy, simulate: Any) -> PowerResult:
    """An answer from outcomes with a known curve."""
    bounds = {"start": 3, "fewest": 1, "most": 99, "unit": 1, "studies": 5, "probes": 2}
    plan = SearchPlan(**bounds, assurance=0.8)
    target = Target(measure="regret", value=0.05, asked="`target_regret=0.05`")
    found = find_size(simulate, target, plan)
    return PowerResult(PowerAnalysis(study=Study.load(make_study())), found, target)


def test_other_splits_have_enough_judgments(result: PowerResult) -> None:
    needed = result.judgments
    for people, trials in result.splits((50, 100, 400)):
        assert people * trials >= needed > (people - 1) * trials
    assert any("participants × trials: " in line for line in result.reasons())


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_figure_has_both_panels_and_words(result: PowerResult, width: float) -> None:
    figure = power_curves(result, width=width)
    svg = to_svg(figure, power_description(result))
    root = ElementTree.fromstring(svg)
    assert float(root.attrib["width"].removesuffix("pt")) <= width * 72 + 1
    assert f"{result.found.participants} participants of 12 trials" in svg.decode()
    left, right = figure.axes
    assert (left.get_yscale(), right.get_yscale()) == ("log", "linear")
    dots = left.lines[1].get_xydata()
    assert {float(x) for x, _ in dots} == set(result.found.studies["judgments"].astype(float))
    assert "target" in "".join(text.get_text() for text in left.texts)
    assert "target" not in "".join(text.get_text() for text in right.texts)


def test_a_rule_of_stopping_is_foretold(
    make_study: MakeStudy, make_outcome: Callable[..., dict[str, Any]]
) -> None:
    study = Study.load(make_study())
    limits = {"similarity_interval": 1.0, "dimension_interval": 2.0, "group_interval": 1.0}
    rule = study.config.model_copy(update={"stop": StopConfig(**limits)})
    analysis = PowerAnalysis(study=replace(study, config=rule))
    rows = [
        make_outcome(people, world, 0.4 / people, similarity_interval=w, dimension_interval=w)
        for people, w in ((4, 1.5), (8, (9 / 8) ** 0.5), (16, 0.75))
        for world in range(3)
    ]
    found = FoundSize(8, Needed(8.0, 7.0, 9.0), pd.DataFrame(rows))
    result = PowerResult(analysis, found, Target(measure="regret", value=0.05, asked=""))
    assert 800 < result.stopping["judgments"]["value"] < 1000
    said = " ".join(result.reasons())
    assert "[stop] similarity_interval = 1 and dimension_interval = 2 is expected" in said
    assert "[stop] group_interval is not simulated." in said
    assert PowerAnalysis(study=study).about != analysis.about
