"""The declared rule by p_careless: one round, whom it leaves out, and what records that."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from twoalike.cli.app import main
from twoalike.embedding import Posterior, _exclusion, fit
from twoalike.embedding._exclusion import careless_reasons, without_careless
from twoalike.judgments import read_judgments
from twoalike.report._inputs import read_inputs
from twoalike.study import Study, TwoalikeError

QUICK = {"quick": True, "engine": "vi", "steps": 100, "draws": 20, "chains": 1, "dimensions": 2}
PEOPLE = ("901", "902", "903")


def table_of(p: dict[str, float]) -> pd.DataFrame:
    """Result of careless_table for people with these probabilities."""
    columns = {"participant": list(p), "p_careless": list(p.values()), "likeliest": "guessing"}
    return pd.DataFrame(columns).assign(evidence_choices=1.0)


@pytest.fixture
def accused(monkeypatch: pytest.MonkeyPatch) -> list[Posterior]:
    """Posteriors that careless_table was asked about; it accuses 902."""
    asked: list[Posterior] = []

    def careless_table(posterior: Posterior, *_: Any, **__: Any) -> pd.DataFrame:
        asked.append(posterior)
        return table_of({name: 0.995 if name == "902" else 0.6 for name in posterior.participants})

    monkeypatch.setattr(_exclusion, "careless_table", careless_table)
    return asked


def test_the_declared_rule_acts_once_and_is_recorded(
    make_study: Callable[..., Path], accused: list[Posterior]
) -> None:
    root = make_study(design="trials = 12\npractice = 0\n")
    for person in PEOPLE:
        words = ["run", str(root), "--task", "odd-one-out", "--participant", person]
        with pytest.raises(SystemExit) as ended:
            main([*words, "--simulate", "--no-window"])
        assert not ended.value.code
    study = Study.load(root)
    path = root / "study.toml"
    settings = path.read_text(encoding="utf-8")
    path.write_text(f"{settings}\n[exclusion]\ncareless = 0.99\n", encoding="utf-8")
    lines: list[str] = []
    made = fit(root, announce=lines.append, **QUICK)
    assert [one.participants for one in accused] == [PEOPLE]
    reason = "p_careless 0.995 (guessing), 0.99 leaves out"
    said = f"left out by the rule of study.toml: participant 902, session 01 ({reason})"
    assert said in lines
    saved = Posterior.load(study.posterior)
    for one in (made, saved):
        assert one.participants == ("901", "903")
        assert one.attrs["excluded"] == {"careless": 0.99, "people": {"902": reason}}
    choices = read_judgments(study.choices)
    assert set(choices["participant"]) == {"901", "903"}
    assert list(root.rglob("*part*.npz")) == []
    sessions = read_inputs(Study.load(root)).sessions
    assert {one.participant: one.excluded for one in sessions} == {
        "901": None,
        "902": reason,
        "903": None,
    }


def test_half_of_the_people_are_not_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    people = {"a": 1.0, "b": 0.999, "c": 0.1, "d": 0.05}
    monkeypatch.setattr(_exclusion, "careless_table", lambda *_, **__: table_of(people))
    posterior: Any = None
    assert list(careless_reasons(posterior, "choices.parquet", None, 1.0)) == ["a"]
    with pytest.raises(TwoalikeError, match="fewer than half of the participants, found 2 of 4"):
        careless_reasons(posterior, "choices.parquet", None, 0.9)


def test_a_rule_that_cannot_judge_is_refused_before_the_fit() -> None:
    tables: Any = {"ratings": "ratings.parquet", "choices": None}
    with pytest.raises(TwoalikeError, match="which tell of carelessness, found neither"):
        without_careless(None, tables, 0.9, None, None)  # type: ignore[arg-type]
