"""Pages that are loaded anew: whatever the server acknowledged can be fetched, and is valid."""

import json
import shutil
from collections import Counter
from copy import deepcopy
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from tests.conftest import write_study
from tests.online.crowd import (
    make_study,
    person_of,
    plans,
    records,
    serving,
)
from tests.online.engines import Name, Size, opened
from tests.online.player import Player
from tests.online.replay import run_script
from tests.online.simulated import head_of, write_archive

from twoalike.online import OnlineStudy, build_online, fetch, read_built
from twoalike.record import RunName, find_runs, read_answers
from twoalike.study import Study
from twoalike.tasks import validate_study

SCRIPT = Path(__file__).parent / "js" / "reloads.mjs"
ASKED = """
[consent]
ask = true
version = "1"
[texts]
consent = "Do you agree to take part?"
[pages]
page_s = 0.1
instruction_s = 0.1
[breaks]
ready_s = 0.3
[form]
questions = [{ id = "age", text = "How old are you?", kind = "age" }]
[debrief]
questions = [{ id = "how", text = "How did you choose?", kind = "text" }]
"""
ARRANGE = """
[timing]
trial_limit_s = 20
minimum_s = 0.1
[pages]
page_s = 0.1
instruction_s = 0.1
[breaks]
ready_s = 0.3
"""
DESIGN = """
trials = 2
practice = 1
trials_per_block = 2
[anchored]
trials = 2
practice = 0
[arrangement]
practice_items = 3
scheduler = "full"
full_trials = 2
session_minutes = 0
[free_sorting]
items = 4
practice_items = 3
trials = 1
[sitting]
tasks = ["odd-one-out", "anchored-choice", "free-sorting", "multi-arrangement"]
order = "fixed"
"""
type Reloads = list[int]
"""After how many groups of items each page is loaded anew."""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of the tasks that a browser runs."""
    root = write_study(tmp_path_factory.mktemp("reloads") / "s", DESIGN, ASKED, ARRANGE)
    (root / "protocols" / "anchored_choice.toml").write_text("[breaks]\nready_s = 0.3\n")
    (root / "protocols" / "free_sorting.toml").write_text(ARRANGE)
    return root


def archive_of(study: Path, reloads: list[Reloads]) -> tuple[OnlineStudy, list[Any], Path]:
    """Build the study and run a session for each of ``reloads``; return all records."""
    build_online(study, len(reloads), overwrite=True)
    built = read_built(study)
    seats = [
        {"code": code, "reloads": one}
        for code, one in zip(built.session.participants, reloads, strict=True)
    ]
    ran = run_script(SCRIPT, {"folder": str(built.folder), "seats": seats})
    found = [one["records"] for one in ran]
    lines = [(head_of(built, seat["code"]), own) for seat, own in zip(seats, found, strict=True)]
    return built, found, write_archive(study / "archive.ndjson", *(x for one in lines for x in one))


def items(sent: list[Any], kind: str) -> list[Any]:
    """Items of a kind in the records of a session."""
    return [one for record in sent for one in record["items"] if one["kind"] == kind]


def table(study: Study, code: str, name: str) -> pd.DataFrame:
    """Rows of all tables of a participant whose names end so."""
    paths = sorted(study.raw.glob(f"sub-{code}/**/*{name}"))
    return pd.concat([pd.read_csv(path, sep="\t") for path in paths], ignore_index=True)


def check_rows(study: Study, code: str, sent: list[Any]) -> None:
    """Check that the rows say what the records of a session say."""
    choices = items(sent, "choice")
    tasks = [task for task in ("oddoneout", "anchoredchoice") if find_runs(study.raw, task, code)]
    found = pd.concat([table(study, code, f"{task}*_beh.tsv") for task in tasks])
    assert list(found["response_position"]) == [one["answer"]["position"] for one in choices]
    assert list(found["response_time"]) == pytest.approx(
        [one["answer"]["response_time"] for one in choices], abs=1e-4
    )
    arranged = table(study, code, "multiarrangement*_beh.tsv")
    places = [place for one in items(sent, "arrangement") for place in one["places"]]
    np.testing.assert_allclose(arranged[["x", "y"]], places, atol=1e-6)
    sorted_ = table(study, code, "freesorting*_beh.tsv")["place"].astype(object)
    cells = [cell for one in items(sent, "sorting") for cell in one["cells"]]
    assert [None if pd.isna(place) else place - 1 for place in sorted_] == cells
    answers = [one for one in items(sent, "answers") if one["measure"] != "consent"]
    own = pd.concat([read_answers(study.raw, one, code) for one in ("form", "debrief")])
    given = [str(value) for one in answers for value in one["values"].values()]
    assert sorted(own["answer"]) == sorted(given)


@pytest.mark.parametrize("policy", ["resume", "restart-block"])
def test_sessions_with_many_reloads_are_fetched(study: Path, policy: str) -> None:
    settings = (study / "study.toml").read_text("utf-8").partition("[online]")[0]
    (study / "study.toml").write_text(f'{settings}[online]\nreload = "{policy}"\n', "utf-8")
    rng = np.random.default_rng(1)  # some come before the page has given anything
    reloads: list[Reloads] = [rng.integers(0, 9, size=30).tolist() for _ in range(4)]
    shutil.rmtree(study / "data", ignore_errors=True)
    built, sent, archive = archive_of(study, reloads)
    fetched = fetch(study, archive)
    assert fetched.problems == []
    assert len(fetched.written) == len(reloads)
    found = validate_study(study)
    assert found.n_problems == 0, found
    for code, own in zip(built.session.participants, sent, strict=True):
        check_rows(built.study, code, own)
        path = RunName(code, 1, "oddoneout").manifest(built.study.raw)
        ends = [one["end_reason"] for one in json.loads(path.read_text())["segments"]]
        assert ends[-1] == "completed" and set(ends[:-1]) == {"window_closed"}
    kept = sum(n_kept(built.study, code) for code in built.session.participants)
    assert kept > 2 if policy == "resume" else kept == 0


def n_kept(study: Study, code: str) -> int:
    """Count images that a reload put back, each where it was before; nobody moves one again."""
    n = 0
    for task, places in (("multiarrangement", ["x", "y"]), ("freesorting", ["place"])):
        events = table(study, code, f"{task}*_events.tsv")
        undone = events.loc[events["trial_type"] == "reset", "trial_index"]
        events = events[(events["trial_type"] == "drag") & ~events["trial_index"].isin(undone)]
        by_image = ["trial_index", "stimulus"]
        own = events.dropna(subset="pointer")
        assert not own.duplicated(by_image).any()
        again = events[events["pointer"].isna()].merge(own, on=by_image, suffixes=("", "_before"))
        before = again[[f"{name}_before" for name in places]]
        np.testing.assert_allclose(again[places], before, atol=1e-6)
        n += len(again)
    return n


FORGED: dict[str, dict[str, Any]] = {
    "has piles that do not hold its images": {"used": [0, 1, 2, 3], "names": [""] * 4},
    "has other names than piles": {"names": ["mine", "", ""]},
    "is done, but 4 images are outside": {"cells": [None] * 4, "used": [], "names": []},
    "the last event says": {"cells": [0, 0, 1, 2]},
    "the result of another trial": {"trial_index": 1},
}


def test_sortings_that_cannot_be_are_refused(study: Path) -> None:
    shutil.rmtree(study / "data", ignore_errors=True)
    built, (sent,), _ = archive_of(study, [[]])
    (head,) = (head_of(built, code) for code in built.session.participants)
    for problem, change in FORGED.items():
        forged = deepcopy(sent)
        items(forged, "sorting")[-1].update(change)
        (found,) = fetch(study, write_archive(study / "forged.ndjson", head, forged)).problems
        assert problem in found


SIZE: Size = (1280, 1024)
CHOSEN = "max_items = 4\nmax_trials = 2"
"""Arrangements that the server chooses, for those that are listed."""


def place_one(player: Player, state: dict[str, Any]) -> None:
    """Put the next image where it belongs; what is left to do goes on from there."""
    deeds = player.plans[int(state["step"][0])].deeds
    n = 1 + [one.kind for one in deeds[state["trial"]]].index("release")
    player.make(deeds[state["trial"]][:n])
    deeds[state["trial"]] = deeds[state["trial"]][n:]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("engine", get_args(Name.__value__))
def test_the_page_is_loaded_anew_at_whatever_it_shows(engine: Name, tmp_path: Path) -> None:
    made = make_study(tmp_path / "s")
    design = DESIGN.replace('scheduler = "full"\nfull_trials = 2\nsession_minutes = 0', CHOSEN)
    (made.root / "study.toml").write_text(f'title = "Anew"\nseed = 7\n[design]{design}')
    shutil.copy(
        made.root / "protocols/odd_one_out.toml", made.root / "protocols/anchored_choice.toml"
    )
    build_online(made.root, 1)
    seen: Counter[str] = Counter()

    def name(state: dict[str, Any]) -> str:
        return json.dumps([state.get(key) for key in ("step", "kind", "trial")])

    with serving(Study.load(made.root)) as served, opened(engine, tmp_path / "p", SIZE) as seat:
        player = Player(seat, least_s=0.22)
        code = player.enter(served.address)
        player.person = person_of(served.study, code)
        player.plans = plans(served.study, player.person, SIZE, "hands")
        planned = [place for one in player.plans[-1].results.values() for place in one.places]
        while True:
            player.play(lambda state: state["kind"] == "end" or seen[name(state)] < 1, 600)
            state = player.state()
            assert state is not None
            if state["kind"] == "end":
                break
            if state["kind"] == "arrangement":
                place_one(player, state)
            seen[name(state)] += 1
            assert player.enter(served.address) == code
        player.expect("All of your answers have been stored")
        stored = [one for one in records(served) if "n" in one]
    fetched = fetch(served.study)
    assert (fetched.problems, len(fetched.written)) == ([], 1)
    assert validate_study(served.study).n_problems == 0
    assert len(items(stored, "segment")) == len(player.plans) + sum(seen.values())
    check_rows(served.study, code, stored)
    arranged = table(served.study, code, "multiarrangement*_beh.tsv")
    # A pointer is at whole pixels.
    np.testing.assert_allclose(arranged[["x", "y"]], planned, atol=0.005)
    assert arranged["seen_before"].any()
    assert n_kept(served.study, code) > 2
