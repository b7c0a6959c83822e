"""Records of a browser become the raw data that a window writes."""

import json
import shutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import write_study
from tests.online.simulated import head_of, items_of, records_of, write_archive
from tests.online.test_fetch_sources import answering

from twoalike.online import OnlineStudy, build_online, fetch, read_built
from twoalike.online import _erase as moving
from twoalike.online import _fetch as fetching
from twoalike.record import RunName, check_bids, read_answers, read_run
from twoalike.tasks import validate_study

ASKED = """
[consent]
ask = true
version = "1"
[texts]
consent = "Do you agree to take part?"
[form]
questions = [
{ id = "hand", text = "Which hand?", kind = "choice", options = ["left", "right"] },
{ id = "age", text = "How old are you?", kind = "age" },
]
[debrief]
questions = [{ id = "how", text = "How did you choose?", kind = "text" }]
"""
DESIGN = """
trials = 6
practice = 1
catch = 1
trials_per_block = 4
[arrangement]
practice_items = 3
catch = 1
scheduler = "full"
full_trials = 2
session_minutes = 0
[sitting]
tasks = ["odd-one-out", "multi-arrangement"]
order = "fixed"
"""
CODES = ("w0001", "w0002")
TASKS = ("oddoneout", "multiarrangement")


@dataclass(frozen=True)
class Twins:
    """A study run in the window, its copy with a page, and the records of two people."""

    lab: Path
    web: Path
    records: dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Twins:
    lab = write_study(tmp_path_factory.mktemp("twins") / "lab", DESIGN, ASKED)
    web = lab.with_name("web")
    shutil.copytree(lab, web)
    built = build_online(web, len(CODES))
    sent = {code: records_of(built, code, items_of(lab, code)) for code in CODES}
    return Twins(lab, web, sent)


@pytest.fixture
def web(twins: Twins, tmp_path: Path) -> OnlineStudy:
    shutil.copytree(twins.web, tmp_path / "web")
    return read_built(tmp_path / "web")


def tables(root: Path) -> dict[str, list[list[str]]]:
    """Cells of all raw tables of a data set but where times come from, by path."""
    found = {}
    for path in sorted(root.rglob("sub-*.tsv")):
        rows = [line.split("\t") for line in path.read_text().splitlines()]
        drop = rows[0].index("rt_source") if "rt_source" in rows[0] else None
        found[path.relative_to(root).as_posix()] = [
            [cell for at, cell in enumerate(row) if at != drop] for row in rows
        ]
    return found


def archive(web: OnlineStudy, *lines: Any) -> Path:
    return write_archive(web.study.root / "archive.ndjson", *lines)


def whole(web: OnlineStudy, twins: Twins) -> Path:
    """Archive of both sessions."""
    return archive(
        web, *(one for code in CODES for one in (head_of(web, code), twins.records[code]))
    )


def test_tables_are_those_of_the_window(web: OnlineStudy, twins: Twins) -> None:
    fetched = fetch(web.study.root, whole(web, twins))
    assert fetched.problems == []
    assert [one.participant for one in fetched.written] == list(CODES)
    raw = web.study.raw
    found, expected = tables(raw), tables(twins.lab / "data" / "raw")
    assert found == expected
    assert len(found) == 14  # rows, lists and answers of both tasks, events of arrangements
    for label in TASKS:
        run = RunName(CODES[0], 1, label)
        assert set(read_run(run.rows(raw)).rows["rt_source"]) == {"browser"}
        manifest = json.loads(run.manifest(raw).read_text())
        assert manifest["end_reason"] == "completed"
        assert manifest["orders"] == {"tasks": ["odd-one-out", "multi-arrangement"]}
        (segment,) = manifest["segments"]
        assert segment["apparatus"]["versions"] == {"chrome": "126.0"}
        assert segment["apparatus"]["screen"]["width_m"] == 0.32
        assert segment["started_utc"].startswith("2026-11-28T10:0")
        sidecar = json.loads(run.sidecar(raw).read_text())
        assert sidecar["StimulusPresentation"]["OperatingSystem"] == "Windows"
        assert sidecar["rt_source"]["Levels"]["browser"]
    assert check_bids(raw) == []
    assert validate_study(web.study.root).n_problems == 0
    assert fetched.display_error_ms == (2.0, 2.0)


def test_fetching_again_changes_nothing(
    web: OnlineStudy, twins: Twins, snapshot: Callable[[Path], dict[str, bytes]]
) -> None:
    one = archive(web, head_of(web, CODES[0]), twins.records[CODES[0]])
    assert len(fetch(web.study, one).written) == 1
    both = whole(web, twins)
    second = fetch(web.study, both)
    assert ([one.participant for one in second.written], second.n_unchanged) == ([CODES[1]], 1)
    before = snapshot(web.study.raw)
    third = fetch(web.study, both)
    assert (third.written, third.n_unchanged, third.problems) == ([], 2, [])
    assert snapshot(web.study.raw) == before
    table = RunName(CODES[0], 1).rows(web.study.raw)
    table.write_text(table.read_text().replace("\tmain\t", "\tcatch\t", 1))
    assert "is not what was fetched" in fetch(web.study, both).problems[0]


def test_of_a_refusal_only_the_answer_is_kept(web: OnlineStudy, twins: Twins) -> None:
    first = deepcopy(twins.records[CODES[0]][:1])
    first[0]["items"][-1]["values"]["consent"] = False
    first[0]["items"].append({"kind": "end", "time": 9.0, "reason": "declined"})
    fetched = fetch(web.study, archive(web, head_of(web, CODES[0], "declined"), first))
    assert fetched.problems == []
    assert not list(web.study.raw.glob("sub-*/ses-*/beh/*"))
    answers = read_answers(web.study.raw, "consent")
    assert answers["answer"].tolist()[0] == "false"
    assert validate_study(web.study.root).n_problems == 0
    # The code goes to somebody else, who takes part.
    lines = [head_of(web, CODES[0], "declined"), first]
    new = [{**one, "session": "new"} for one in twins.records[CODES[0]]]
    both = archive(web, *lines, head_of(web, CODES[0], session="new"), new)
    fetched = fetch(web.study, both)
    assert [one.session for one in fetched.written] == ["new"]
    assert "its code w0001 went to session new" in fetched.notes[0]
    found, expected = tables(web.study.raw), tables(twins.lab / "data" / "raw")
    assert all(expected[name] == cells for name, cells in found.items())


type Records = list[dict[str, Any]]


def item(records: Records, kind: str, number: int = 0) -> dict[str, Any]:
    """The ``number``-th item of a kind."""
    found = [one for record in records for one in record["items"] if one["kind"] == kind]
    return found[number]  # type: ignore[no-any-return]


def changed(kind: str, number: int, **values: Any) -> Callable[[Records], object]:
    """Change an item; keys of what is in it are joined by two underscores."""

    def change(records: Records) -> None:
        for name, value in values.items():
            *within, key = name.split("__")
            place = item(records, kind, number)
            for one in within:
                place = place[one]
            place[key] = value

    return change


def _moved_afterwards(records: Records) -> None:
    moved = item(records, "arrangement", -1)
    moved["places"] = [[0.123456, 0.1], *moved["places"][1:]]
    moved["inside"] = [True, *moved["inside"][1:]]


type Damage = tuple[Callable[[Records], object], str]
DAMAGES: dict[str, Damage] = {
    "without one": (lambda r: r.pop(4), "1 record missing, the first is 5"),
    "of another page": (
        lambda r: r[3].update(protocol="0" * 64),
        "record 4 is of another protocol than the session",
    ),
    "two versions": (lambda r: r.append({**r[3], "step": 0}), "record 4 was sent in two versions"),
    "trial left out": (
        changed("choice", 2, trial_index=4),
        "record 9: the result of another trial",
    ),
    "time goes back": (changed("choice", 3, onset=0.5), "lies before the end of the trial above"),
    "no place": (changed("choice", 1, answer__position="up"), "places that cannot be chosen"),
    "another key": (
        changed("choice", 1, answer__method="keyboard", answer__key="x"),
        "the key 'x' does not choose",
    ),
    "forged error": (changed("note", 4, event="drawn"), "a page cannot send the event 'drawn'"),
    "detail of the log": (changed("note", 4, detail={"time_s": 1}), "a page cannot send the event"),
    "another text": (
        changed("answers", 0, values__consent_sha256="0" * 64),
        "consent to another text",
    ),
    "no option": (
        changed("answers", 1, values__hand="third"),
        "an answer to 'hand' that the page does not take",
    ),
    "other images": (
        lambda r: item(r, "arrangement", 1).update(items=item(r, "arrangement", 1)["items"][::-1]),
        "places of other objects",
    ),
    "moved afterwards": (_moved_afterwards, "the last event says"),
    "a foreign image": (
        changed("event", 3, values__stimulus="cold9"),
        "an event of 'cold9', which the trial does not show",
    ),
    "cut short": (
        lambda r: r.__delitem__(slice(-2, None)),
        "is completed, but its last records are missing",
    ),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_what_cannot_be_is_a_problem_of_one_line(what: str, web: OnlineStudy, twins: Twins) -> None:
    damage, problem = DAMAGES[what]
    records = deepcopy(twins.records[CODES[0]])
    damage(records)
    fetched = fetch(web.study, archive(web, head_of(web, CODES[0]), records))
    assert fetched.written == []
    (line,) = fetched.problems
    assert line.startswith("session s-w0001")
    assert problem in line
    assert "\n" not in line
    assert not web.study.raw.exists()


def test_a_button_pressed_without_pointer_and_key_is_an_answer(
    web: OnlineStudy, twins: Twins
) -> None:
    records = deepcopy(twins.records[CODES[0]])
    changed("choice", 1, answer__method="keyboard", answer__key=None)(records)
    fetched = fetch(web.study, archive(web, head_of(web, CODES[0]), records))
    assert fetched.problems == []


def test_the_others_are_written(web: OnlineStudy, twins: Twins) -> None:
    head, records = head_of(web, CODES[0]), twins.records[CODES[0]][:-1]
    other = [head_of(web, CODES[1]), twins.records[CODES[1]]]
    fetched = fetch(web.study, archive(web, head, records, *other, "no record"))
    assert [one.participant for one in fetched.written] == [CODES[1]]
    assert len(fetched.problems) == 2


def test_sessions_under_way_wait_unless_asked_for(web: OnlineStudy, twins: Twins) -> None:
    records = twins.records[CODES[0]]
    begun = archive(web, head_of(web, CODES[0], None), records[:8])
    assert fetch(web.study, begun).n_open == 1
    assert not web.study.raw.exists()
    fetched = fetch(web.study, begun, unfinished=True)
    assert [one.ended for one in fetched.written] == [None]
    assert fetch(web.study, begun, unfinished=True).n_unchanged == 1
    over = archive(web, head_of(web, CODES[0]), records)
    assert fetch(web.study, over).problems == []
    expected = tables(twins.lab / "data" / "raw")
    assert all(expected[name] == cells for name, cells in tables(web.study.raw).items())
    assert fetch(web.study, over).n_unchanged == 1


def test_who_withdraws_is_named_and_deleted(web: OnlineStudy, twins: Twins) -> None:
    fetch(web.study, whole(web, twins))
    left = [head_of(web, CODES[0], "withdrawn"), head_of(web, CODES[1]), *twins.records[CODES[1]]]
    content = "".join(json.dumps(one) + "\n" for one in left)
    with answering(content.encode(), "secret") as (server, _):
        found = fetch(web.study, server, token="secret")
        assert len(found.withdrawn) == 15
        assert all(path.is_file() and CODES[0] in path.name for path in found.withdrawn)
        fetch(web.study, server, token="secret", delete_withdrawn=True)
        assert not any(CODES[0] in str(path) for path in web.study.raw.rglob("*"))
        assert CODES[0] not in (web.study.raw / "participants.tsv").read_text()
        assert validate_study(web.study.root).n_problems == 0
        again = fetch(web.study, server, token="secret", delete_withdrawn=True)
    assert (again.n_withdrawn, again.withdrawn) == (1, [])


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("at", ["write_json", 0, 5], ids=["before", "first move", "later move"])
def test_a_fetch_that_breaks_off_leaves_nothing_half(
    at: str | int, web: OnlineStudy, twins: Twins, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = [0]

    def dying(path: Path, target: Path, rename: Any = Path.rename) -> Any:
        if ".fetch" in path.parts and ".fetch" not in Path(target).parts:
            moved[0] += 1
            if moved[0] > int(at):
                raise Killed
        return rename(path, target)

    def dies(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if at == "write_json":
            patch.setattr(moving, "write_json", dies)
        else:
            patch.setattr(Path, "rename", dying)
        with pytest.raises(Killed):
            fetch(web.study, whole(web, twins))
    assert web.study.raw.exists() == (at != "write_json")
    fetched = fetch(web.study, whole(web, twins))
    assert (fetched.n_unchanged, fetched.problems) == (0 if at == "write_json" else 2, [])
    assert tables(web.study.raw) == tables(twins.lab / "data" / "raw")
    assert not moving.staging(web.study).exists()


@pytest.mark.parametrize("killed", [False, True])
def test_processes_share_the_work_and_one_that_is_killed_costs_nothing(
    killed: bool, web: OnlineStudy, twins: Twins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_EACH", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    if killed:
        monkeypatch.setattr(fetching, "_CHILD", "import os; os.abort()")
    fetched = fetch(web.study, whole(web, twins))
    assert [one.participant for one in fetched.written] == list(CODES)
    assert tables(web.study.raw) == tables(twins.lab / "data" / "raw")


def test_what_was_run_in_the_lab_is_not_replaced(web: OnlineStudy, twins: Twins) -> None:
    shutil.copytree(twins.lab / "data", web.study.root / "data")
    fetched = fetch(web.study, archive(web, head_of(web, CODES[0]), twins.records[CODES[0]]))
    assert fetched.written == []
    assert "participant w0001 has session 1 already: sub-w0001_ses-01" in fetched.problems[0]


def test_a_study_that_was_changed_is_refused(web: OnlineStudy, twins: Twins) -> None:
    path = web.study.root / "study.toml"
    path.write_text(path.read_text().replace("seed = 7", "seed = 8"))
    fetched = fetch(web.study.root, whole(web, twins))
    assert fetched.written == []
    assert "the study shows something else now" in fetched.problems[0]
