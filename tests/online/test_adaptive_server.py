"""An adaptive session with the server: blocks are chosen once, checked, resumed, archived."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Connection, delete, update
from tests.conftest import call
from tests.design.test_adaptive_tasks import QUESTIONS, SESSION, TABLES, write_posterior
from tests.online.server_study import Served, arrangement, bearer, choice, served
from tests.online.simulated import DEVICE

from twoalike import embedding, online
from twoalike.embedding import Posterior
from twoalike.online import (
    Block,
    CutOff,
    _refitting,
    build_online,
    default_store,
    fetch,
    publish_snapshot,
    read_built,
    read_store,
    refit,
)
from twoalike.online._blocks import spliced
from twoalike.online._records import NEW
from twoalike.online._refitting import read_answers
from twoalike.online._store import LINES, SESSIONS, Store
from twoalike.planning import adaptive_designs
from twoalike.record import ARRANGEMENT_EVENTS, RunName, check_raw, read_notes
from twoalike.registry import find_task
from twoalike.study import Study

DESIGN = (
    'sampler = "adaptive"\ntrials = 8\npractice = 1\ncatch = 2\ntrials_per_block = 5\n'
    "[online]\nreturn_hours = 1\n"
)


class Page:
    """What the page does, without a browser."""

    def __init__(self, server: Served) -> None:
        self.server, self.protocol = server, read_built(server.study).session.hash
        self.entered = server.entered()
        self.session: str = self.entered["session"]
        self.n = 0
        self.turn_to(0)

    def turn_to(self, part: int) -> None:
        """Go on with a part."""
        self.part, self.shown = part, False
        self.steps: list[dict[str, Any]] = self.entered["person"]["parts"][part]["steps"]

    def post(self, path: str, body: Any) -> Any:
        headers = bearer(self.entered)
        return self.server.client.post(f"/api/{path}", json=body, headers=headers)

    def ask(self, at: int) -> None:
        """Let the steps of a block take its place."""
        asked = self.post("block", {"part": self.part, "block": self.steps[at]["block"]})
        assert asked.status_code == 200
        self.steps[at : at + 1] = asked.json()["steps"]

    def record(self, at: int, place: str = "left") -> Any:
        """Send what the step at this place gives."""
        step, items = self.steps[at], []
        time = 10.0 * (at + 1)
        if not self.shown:
            items.append({"kind": "segment", "time": 0.0, "device": DEVICE})
        if step["kind"] == "trial":
            index = step["trial"]["trial_index"]
            seen = {"event": "trial_shown", "detail": {"trial_index": index}}
            items.append({"kind": "note", "time": time} | seen)
            given = answer_to(step["trial"], place)
            items.append(given | {"onset": time, "planned_onset": time})
        if step["kind"] == "arrangement":
            items += self.arranged(step["trial"], time)
        if at == len(self.steps) - 1:
            items.append({"kind": "end", "time": time, "reason": "completed"})
        about = {"session": self.session, "n": self.n + 1, "protocol": self.protocol}
        about |= {"part": self.part, "step": at}
        sent = self.post("records", [about | {"items": items}])
        self.n += sent.status_code == 200
        self.shown |= sent.status_code == 200
        return sent

    def arranged(self, trial: dict[str, Any], time: float) -> list[dict[str, Any]]:
        """Items of an arrangement, in which objects lie where their names say."""
        digests = [int(sha256(name.encode()).hexdigest(), 16) for name in trial["items"]]
        places = [(one % 60 / 100 - 0.3, one // 60 % 60 / 100 - 0.3) for one in digests]
        row = dict.fromkeys(column.name for column in ARRANGEMENT_EVENTS.columns)
        row |= {"onset": time, "duration": 0.0, "trial_index": trial["trial_index"]}
        seats = [
            {**row, "trial_type": "seat", "stimulus": name, "x": x, "y": y, "inside": True}
            for name, (x, y) in zip(trial["items"], places, strict=True)
        ]
        rows = [{**row, "trial_type": "trial_start"}, *seats]
        result = arrangement(trial["trial_index"], trial["items"])
        times = {"onset": time, "planned_onset": time, "places": places}
        ending = {"time": time + 5.0, "reason": "done", "method": "mouse"}
        unmoved = {"n_moves": 0, "first_move": None, "last_move": None, "n_inspections": 0}
        result |= times | {"ending": ending, "handling": [unmoved] * len(places)}
        return [*({"kind": "event", "values": one} for one in rows), result]


def answer_to(trial: dict[str, Any], place: str) -> dict[str, Any]:
    """Item of an answer: the ``place``, or the last ones where it has none of this name."""
    index, places = trial["trial_index"], trial["positions"]
    given = choice(index, place if place in places else places[-1])
    if trial["n_chosen"] == 2:
        given["answer"] |= {"first": places[0], "first_time": 0.4}
    if trial["n_chosen"]:
        return given
    kept = {name: given[name] for name in ("trial_index", "early", "dropped", "flag")}
    rated = {"value": 1 + index % 7, "response_time": 0.9, "method": "mouse", "n_adjustments": 1}
    return {"kind": "rating", **kept, **rated}


@pytest.fixture
def study(make_study: Callable[..., Path]) -> Study:
    root = make_study(design=DESIGN)
    build_online(root, 3, task="odd-one-out")
    return Study.load(root)


@pytest.fixture
def page(study: Study) -> Iterator[Page]:
    with served(study.root) as server:
        yield Page(server)


def kinds(page: Page) -> list[str]:
    return [step["kind"] for step in page.steps]


def test_a_session_asks_for_its_blocks(page: Page, study: Study) -> None:
    first = kinds(page).index("block")
    assert kinds(page).count("block") == 2
    for at in range(first):
        assert page.record(at).status_code == 200
    assert page.record(first).json() == {"error": "malformed"}  # not asked for yet
    assert page.post("block", {"part": 0, "block": 3}).json() == {"error": "malformed"}
    page.ask(first)
    assert kinds(page)[first : first + 3] == ["trial", "page", "trial"]  # practice before block 2
    second = kinds(page).index("block")
    for at in range(first, second):
        assert page.record(at).status_code == 200
    resumed = page.server.entered(token=page.entered["token"])
    assert resumed["resume"]["step"] == second
    again = page.post("block", {"part": 0, "block": 2}).json()["steps"]
    assert again == page.steps[first:second]
    page.ask(second)
    pause = page.steps[second]
    assert (pause["name"], pause["progress"]) == ("break", [5, 10])
    for at in range(second, len(page.steps)):
        assert page.record(at).status_code == 200
    lines = list(read_store(default_store(study.root)))
    stored = [json.loads(line).get("kind") for line in lines]
    assert stored == ["session", "block", "block"] + [None] * page.n
    blocks = [Block.model_validate_json(line) for line in lines[1:3]]
    assert [block.snapshot for block in blocks] == [None, None]
    person = read_built(study.root).person(page.entered["person"]["participant"])
    assert [step.model_dump(mode="json") for step in spliced(person.parts[0].steps, blocks)] == (
        page.steps
    )
    assert set(kinds(page)) == {"page", "trial"}
    _, cut_off, left_out = read_answers(lines, study)
    assert cut_off.records == page.n
    assert cut_off.trials + 11 * len(left_out) in (8, 11)


def test_withdrawal_takes_the_blocks_along(page: Page, study: Study) -> None:
    page.ask(kinds(page).index("block"))
    page.server.withdraw(page.entered)
    assert [line["kind"] for line in page.server.archive()] == ["session"]
    assert page.post("block", {"part": 0, "block": 2}).status_code in (404, 409)


def test_checks_are_judged_by_the_blocks(page: Page, study: Study) -> None:
    first = kinds(page).index("block")
    page.ask(first)
    lines = list(read_store(default_store(study.root)))
    rows = Block.model_validate_json(lines[1]).rows
    right = {int(row["trial_index"]): row for row in rows if row["expected_odd"] != "n/a"}
    for at, step in enumerate(page.steps[: kinds(page).index("block")]):
        trial = step.get("trial", {}).get("trial_index")
        row = right.get(trial)
        place = "left" if row is None else row[f"position_{row['expected_odd']}"]
        assert page.record(at, place).status_code == 200
    (seen,) = page.server.operator("state").json()["sessions"]
    checks = sum(row["trial_type"] == "catch" for row in rows)
    assert (seen["checks"], seen["right"]) == (checks, checks)
    assert (seen["trials"], seen["listed"]) == (len(rows), 11)


def test_the_command_says_what_is_missing(
    page: Page, study: Study, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(online, "give_way", lambda: None)  # these tests go on after it
    page.ask(kinds(page).index("block"))
    assert call("online", "refit", study.root) == 0
    assert capsys.readouterr().out == "0 answers so far; the first fit takes 32\n"


@pytest.mark.slow  # at the lowest priority even the end of a process takes long
@pytest.mark.skipif(sys.platform != "linux", reason="priorities of threads")
def test_the_fit_gives_way() -> None:
    code = """
import os, threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
from twoalike.online import give_way
give_way()
found = [(os.sched_getscheduler(int(one)) == os.SCHED_IDLE, len(os.sched_getaffinity(int(one))))
    for one in os.listdir("/proc/self/task")]
print(os.nice(0), len(found) > 1, set(found))
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "19 True {(True, 1)}\n"


@pytest.mark.parametrize("task", list(QUESTIONS))
def test_any_listed_task_adapts(make_study: Callable[..., Path], task: str) -> None:
    root = make_study(design=f"trials = 12\n{TABLES.get(task, '')}{SESSION}")
    build_online(root, 1, task=task)
    study = Study.load(root)
    design = adaptive_designs(study)[task]
    posterior = write_posterior(root / "p.nc", design.stimuli.ids, similarity="distance")
    cut_off = CutOff(records=90, sessions=2, trials=80, time="2026-11-28T12:00:00+00:00")
    with served(root) as server:
        page = Page(server)
        while "block" in kinds(page):
            page.ask(kinds(page).index("block"))
            if kinds(page).count("block") == 2:  # what a fit after the first block publishes
                made = publish_snapshot([design], Posterior.load(posterior), cut_off)
                assert made.similarity == "distance"
        for at in range(len(page.steps)):
            assert page.record(at).status_code == 200
        assert page.post("finish", {"reason": "completed"}).status_code == 200
        stored = list(read_store(default_store(root)))
    assert fetch(study).problems == [] and fetch(study).n_unchanged == 1
    (rows,) = study.raw.rglob("*_beh.tsv")
    samplers = pd.read_csv(rows, sep="\t").query("trial_type == 'main'")["sampler"]
    assert samplers.value_counts().to_dict() == {"adaptive": 6, "random": 6}
    notes = read_notes(RunName.parse(rows).journal(study.raw))
    snapshots = [(one["block"], one["snapshot"]) for one in notes if one["event"] == "block"]
    assert snapshots == [(2, None), (3, 1), (4, 1)]
    assert [problem for problem in check_raw(study)] == []
    # The fit in the background reads what the raw data have.
    read = find_task(task).read_raw(study.raw).query("trial_type != 'practice'")
    read = read[read["trial_type"] != "catch"].reset_index(drop=True)
    (found,) = read_answers(stored, study)[0].values()
    same = [name for name in found if name in read]
    assert len(same) >= 5
    pd.testing.assert_frame_equal(found[same], read[same].astype(found[same].dtypes.to_dict()))


def test_all_tasks_of_a_study_adapt(
    make_study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    both = TABLES["pair-rating"] + SESSION + '[sitting]\norder = "fixed"\n'
    both += 'tasks = ["odd-one-out", "pair-rating"]\n'
    root = make_study(design="trials = 12\n" + SESSION.partition("[")[0] + both)
    build_online(root, 1)
    study, fitted = Study.load(root), list[dict[str, Any]]()
    ids = adaptive_designs(study)["odd-one-out"].stimuli.ids

    def fit(**given: Any) -> Posterior:
        fitted.append(given)
        return Posterior.load(write_posterior(root / "p.nc", ids))

    monkeypatch.setattr(embedding, "fit", fit)
    monkeypatch.setattr(_refitting, "LEAST_PER_OBJECT", 0)
    with served(root) as server:
        page = Page(server)
        for part in (0, 1):
            page.turn_to(part)
            at = 0
            while at < len(page.steps):
                if page.steps[at]["kind"] == "block":
                    if page.steps[at]["block"] == 3:
                        refit(study, lambda: read_store(default_store(root)))
                    page.ask(at)
                assert page.record(at).status_code == 200
                at += 1
        assert page.post("finish", {"reason": "completed"}).status_code == 200
    assert [sorted({"choices", "ratings"} & set(given)) for given in fitted] == [
        ["choices"],
        ["choices", "ratings"],
    ]
    assert fetch(study).problems == []
    for path in study.raw.rglob("*_beh.tsv"):
        main = pd.read_csv(path, sep="\t").query("trial_type == 'main'")
        chosen = main.groupby("block_index")["sampler"].agg(lambda one: (one == "adaptive").any())
        assert chosen.tolist() == [False, True, True]
        notes = read_notes(RunName.parse(path).journal(study.raw))
        snapshots = [one["snapshot"] for one in notes if one["event"] == "block"]
        assert snapshots == ([None, 1, 1] if "oddoneout" in path.name else [None, 2, 2])


ARRANGED = (
    "trials = 2\n[arrangement]\nmax_items = 5\nmax_trials = 4\npractice_items = 3\ncatch = 1\n"
)


def test_the_server_chooses_arrangements_by_the_answers(make_study: Callable[..., Path]) -> None:
    root = make_study(design=ARRANGED)
    build_online(root, 1, task="multi-arrangement")
    with served(root) as server:
        page = Page(server)
        at = kinds(page).index("block")
        for step in range(at):
            assert page.record(step).status_code == 200
        while "block" in kinds(page):
            for step in range(at, kinds(page).index("block")):
                assert page.record(step).status_code == 200
            at = kinds(page).index("block")
            number = page.steps[at]["block"]
            page.ask(at)
            again = page.post("block", {"part": 0, "block": number}).json()["steps"]
            assert again == page.steps[at : at + len(again)]
            early = page.post("block", {"part": 0, "block": number + 1})
            assert early.json() == {"error": "malformed"}
        # A store that was restored from a backup lacks blocks: the answers choose them again.
        lines = list(read_store(default_store(root)))
        blocks = [line for line in lines if json.loads(line).get("kind") == "block"]
        _forget_blocks(server.store, page.session)
        sent = [json.loads(line) for line in lines if "n" in json.loads(line)]
        assert page.post("records", sent).json()["stored"] == len(sent)
        after = [line for line in read_store(default_store(root)) if '"kind":"block"' in line]
        assert after == blocks[: len(after)] and len(after) >= len(blocks) - 1
        for step in range(at, len(page.steps)):
            assert page.record(step).status_code == 200
        assert page.post("finish", {"reason": "completed"}).status_code == 200
    found = fetch(root)
    assert found.problems == []
    (rows,) = Study.load(root).raw.rglob("*_beh.tsv")
    table = pd.read_csv(rows, sep="\t", keep_default_na=False)
    shown = [step["trial"]["items"] for step in page.steps if step["kind"] == "arrangement"]
    assert [list(one["stimulus"]) for _, one in table.groupby("trial_index")] == shown
    firsts = table.groupby("trial_index").first()
    assert list(firsts["trial_type"]) == ["practice"] + ["main"] * 4 + ["catch"]
    assert list(firsts["scheduler"])[2:5] == ["lift_weakest"] * 3
    assert (firsts["mean_evidence_before"].iloc[2:5].astype(float) > 0).all()
    notes = read_notes(RunName.parse(rows).journal(Study.load(root).raw))
    assert [one["reason"] for one in notes if one["event"] == "arranged"] == ["max_trials"]
    assert [problem for problem in check_raw(Study.load(root))] == []


def _forget_blocks(store: Store, session: str) -> None:
    """Leave of a session what a backup made at its entry has."""

    def work(connection: Connection) -> None:
        connection.execute(delete(LINES).where(LINES.c.session == session))
        connection.execute(update(SESSIONS).where(SESSIONS.c.name == session).values(NEW))

    store.write(work)
