"""One questionnaire in both players: scales, conditions, limits, attention items, phenotype."""

import json
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from tests.online.crowd import make_study, person_of, plans, serving
from tests.online.engines import opened
from tests.online.player import Player

from twoalike.exchange import share
from twoalike.judgments import collect_judgments
from twoalike.online import build_online, fetch
from twoalike.record import check_bids, read_answers
from twoalike.report._inputs import read_runs, summarise
from twoalike.sitting import sit
from twoalike.study import Study

QUESTIONS = Path(__file__).with_suffix(".toml").with_stem("questionnaire").read_text("utf-8")
WRONG = "2 attention items wrong, 1 allowed"
ASKED = {
    **{"smokes": "yes", "cigarettes": "1", "rested": "2", "rested_correct": "true"},
    **{"mood_calm": "1", "mood_care": "3", "mood_care_correct": "true", "bright": "5"},
}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    made = make_study(tmp_path / "creatures", trials=4, tasks=("odd-one-out", "pair-rating"))
    path = made.root / "protocols" / "odd_one_out.toml"
    path.write_text(path.read_text("utf-8").split("[[form")[0] + QUESTIONS, "utf-8")
    (made.root / "protocols" / "pair_rating.toml").write_text("# as it is\n", "utf-8")
    with (made.root / "study.toml").open("a", encoding="utf-8") as file:
        file.write(
            '[online]\nentry = "id"\n[share]\ncolumns = ["form.rested", "form.bright"]\n'
            "[exclusion]\nwrong_items = 1\ncatch_accuracy = 0.0\n"
        )
    return Study.load(made.root)


def answers(study: Study, measure: str) -> dict[str, str]:
    table = read_answers(study.raw, measure)
    return dict(zip(table["question"], table["answer"], strict=True))


def test_in_the_window(study: Study, tmp_path: Path) -> None:
    sit(study, "901", simulate=True, window=False, show=lambda _: None)
    assert answers(study, "form") == ASKED
    assert answers(study, "blocks") == {"effort_seeing_block1": "1"}
    assert answers(study, "debrief").keys() == {"strategy"}
    odd = next(run for run in read_runs(study.raw) if run.name.task == "oddoneout")
    assert (summarise(odd).catches, summarise(odd).caught >= 2) == (3, True)  # two items, a trial
    assert [one.excluded(study.config.exclusion) for one in read_runs(study.raw)] == [None, None]
    assert check_bids(study.raw) == []
    files = share(study, tmp_path / "copy").files
    about = json.loads(files["phenotype/form_oddoneout.json"])
    assert about["MeasurementToolMetadata"]["Description"]
    assert about["rested"]["Levels"] == {"1": "not at all", "2": "2", "3": "very much"}
    assert about["bright"]["Description"].endswith("(from 1 dark to 9 glaring)")
    header = files["phenotype/form_oddoneout.tsv"].split("\n")[0].split("\t")
    assert header == ["participant_id", "session_id", "rested", "rested_correct", "bright"]
    assert not any("pattern" in text or "strategy." in text for text in files.values())


def test_in_the_page(study: Study, tmp_path: Path) -> None:
    build_online(study, 1)
    sent = (study.root / "online" / "people" / "w0001.json").read_text("utf-8")
    assert '"expected":3' not in sent
    assert 'choose "yes"' not in (study.root / "online" / "session.json").read_text("utf-8")
    size = (1280, 1024)
    with serving(study) as served, opened("chromium", tmp_path / "profile", size) as engine:
        player, address = Player(engine, least_s=0.22), f"{served.address}?PROLIFIC_PID=1"
        code = player.enter(address)
        player.person = person_of(study, code)
        player.plans = plans(study, player.person, size, "hands")
        player.play(lambda now: now["step"] == "0.6")  # the matrix: what was answered is kept
        player.enter(address)
        player.play()
        about = {"Authorization": f"Bearer {served.token}"}
        with urlopen(Request(f"{served.address}api/operator/state", headers=about)) as state:
            (row,) = json.loads(state.read())["sessions"]
        assert (row["checks"], row["right"] <= 1) == (3, True)  # two items, a trial
        assert row["rule"] == WRONG
    assert fetch(study).problems == []
    other = {"bright": "9", "rested": "1", "mood_care": "1"}
    other |= dict.fromkeys(("rested_correct", "mood_care_correct"), "false")
    assert answers(study, "form") == ASKED | other
    for one in read_runs(study.raw):  # of the whole session, also where no item was asked
        assert one.excluded(study.config.exclusion) == WRONG
    sit(study, "901", simulate=True, window=False, show=lambda _: None)
    told: list[str] = []
    collect_judgments(study, announce=told.append)
    assert sum(f"participant w0001, session 01 ({WRONG})" in line for line in told) == 2
    assert answers(study, "blocks") == {"effort_seeing_block1": "1"}
