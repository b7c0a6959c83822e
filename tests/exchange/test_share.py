"""The copy for publication: nothing of whom it is about, everything of what they did."""

import json
import re
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.conftest import call, succeed
from tests.exchange.conftest import DAYS, NAMED, OLD_CODES

from twoalike.exchange import Shared, check_private
from twoalike.exchange._dataset import read_texts
from twoalike.exchange._share import ShareOptions, file_kind, share_files
from twoalike.judgments import read_raw
from twoalike.record import check_bids, check_dataset
from twoalike.study import TwoalikeError

SECRETS = ("Miller", "colours", "baker")


def publish(study: Path, out: Path, *more: str) -> int:
    """Share a study by the command line; its data were not recorded by sessions."""
    return call("share", study, "--out", out, "--allow-problems", *more)


def share(study: Path, **options: Any) -> Shared:
    texts = read_texts(study / "data" / "raw", lambda path: file_kind(path) is not None)
    settings = ShareOptions(names=(), **{"columns": NAMED, **options})
    return share_files(texts.files, texts.folders, settings, np.random.default_rng(1))


def shared(study: Path, **options: Any) -> dict[str, str]:
    return dict(share(study, **options).files)


@pytest.fixture(scope="module")
def copy(unchanged_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("copy") / "public"
    assert publish(unchanged_study, out) == 0
    return out


def test_the_data_set_it_is_made_from_is_valid(unchanged_study: Path) -> None:
    assert [str(problem) for problem in check_bids(unchanged_study / "data" / "raw")] == []


def test_no_code_name_date_or_seed_is_left_in_any_byte(copy: Path) -> None:
    for path in sorted(copy.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        place = path.relative_to(copy).as_posix().encode()
        for code in OLD_CODES:
            named = rf"sub-{re.escape(code)}(?![0-9a-z])".encode()
            assert not re.search(named, content + place), path
        for secret in (*DAYS, *SECRETS, "anna7q", "bob3+", "73921", "73922", "torn_line"):
            assert secret.encode() not in content + place, (secret, path)
        # An age is two digits, which a new random code may hold: as a whole word only.
        assert not re.search(rb"(?<![0-9A-Za-z.])94(?![0-9A-Za-z.])", content), path
        assert not re.search(rb"20(24|25|26)-\d\d", content), path


def test_the_copy_is_valid_and_says_what_was_answered(unchanged_study: Path, copy: Path) -> None:
    assert [str(problem) for problem in check_bids(copy)] == []
    for task in ("oddoneout", "multiarrangement"):
        before = read_raw(unchanged_study / "data" / "raw", task=task)
        after = read_raw(copy, task=task)
        assert after["participant"].nunique() == 3
        assert not set(after["participant"]) & set(OLD_CODES)
        rest = [str(column) for column in before.columns if column != "participant"]
        pd.testing.assert_frame_equal(
            before[rest].astype(str).sort_values(rest, ignore_index=True),
            after[rest].astype(str).sort_values(rest, ignore_index=True),
        )


def test_answers_stay_with_their_person_and_ages_are_capped(copy: Path) -> None:
    people = pd.read_csv(copy / "participants.tsv", sep="\t", dtype=str, keep_default_na=False)
    assert people["participant_id"].is_monotonic_increasing
    assert sorted(people["age"]) == ["27", "31", "89"]
    form = pd.read_csv(copy / "phenotype" / "form.tsv", sep="\t", dtype=str, keep_default_na=False)
    assert form.columns.tolist() == ["participant_id", "session_id", "age", "hand"]
    joined = form.merge(people, on="participant_id", suffixes=("_form", ""))
    assert sorted(zip(joined["age_form"], joined["age"], strict=True)) == [
        ("31", "31"),
        ("89", "89"),
        ("n/a", "27"),
    ]
    assert set(json.loads((copy / "phenotype" / "form.json").read_text())) == set(form.columns)
    assert not list(copy.rglob("debrief*"))


def test_times_keep_the_hour_and_move_as_one(copy: Path) -> None:
    consent = pd.read_csv(copy / "phenotype" / "consent.tsv", sep="\t", dtype=str)
    asked = dict(zip(consent["participant_id"], consent["consent_time"], strict=True))
    hours = set()
    for path in sorted(copy.rglob("*_manifest.json")):
        content = json.loads(path.read_text())
        segment = content["segments"][0]
        started = datetime.fromisoformat(segment["started_utc"])
        ended = datetime.fromisoformat(segment["ended_utc"])
        agreed = datetime.fromisoformat(asked[f"sub-{content['participant']}"])
        assert date(1905, 1, 1) <= started.date() < date(1925, 1, 1)
        assert started.hour == 9 and (ended - started).total_seconds() == 2790
        assert started.date() == agreed.date()
        hours.add(agreed.minute)
        assert content["seed"] is None and content["observer"]["seed"] is None
        assert content["segments"][0]["apparatus"]["versions"] == {"psychopy": "2026.2.5"}
        # Hashes of what holds a code are left out.
        assert content["inputs"]["trials"]["sha256"] is content["journal"] is None
        assert path.with_name(content["inputs"]["trials"]["file"]).is_file()
        assert content["inputs"]["stimuli"]["sha256"] == "cd" * 32
        assert content["stimuli"] == {"ant": "ab" * 32}
    assert hours == {10, 11, 12}


def test_logs_keep_events_and_numbers(copy: Path) -> None:
    for path in sorted(copy.rglob("*_log.jsonl")):
        first, second = [json.loads(line) for line in path.read_text().splitlines()]
        assert first["reason"] == "finished" and first["at"] == 9.5
        assert second == {"event": "remark", "at": 9.6}


def test_no_two_copies_agree_and_nothing_remembers_the_codes(study: Path, tmp_path: Path) -> None:
    names = []
    for out in (tmp_path / "one", tmp_path / "two"):
        assert publish(study, out) == 0
        names.append({path.name for path in out.glob("sub-*")})
        assert {path.name for path in tmp_path.iterdir()} <= {"study", "one", "two"}
    assert not names[0] & names[1]


def test_times_can_be_left_out(study: Path) -> None:
    files = shared(study, times="drop")
    manifests = [json.loads(text) for path, text in files.items() if "manifest" in path]
    assert {manifest["segments"][0]["started_utc"] for manifest in manifests} == {None}
    consent = files["phenotype/consent.tsv"].splitlines()
    assert {line.split("\t")[-1] for line in consent[1:]} == {"n/a"}
    assert not any(re.search(r"\d\d:\d\d", text) for text in files.values())


def test_other_files_are_left_out_and_named(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = study / "data" / "raw"
    (raw / "sub-002" / "who-is-who.xlsx").write_bytes(b"\xff\x00")
    (raw / "link.tsv").symlink_to("/etc/passwd")
    assert publish(study, tmp_path / "public") == 0
    printed = capsys.readouterr().out
    assert "3 participants" in printed
    for name in ("sub-002/who-is-who.xlsx", "link.tsv", "debrief.strategy (free text; "):
        assert f"left out: {name}" in printed
    assert not list((tmp_path / "public").rglob("who*"))


def append(name: str, text: str) -> Callable[[Path], None]:
    def change(raw: Path) -> None:
        path = raw / name
        path.write_text(path.read_text() + text)

    return change


def replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(raw: Path) -> None:
        for path in raw.rglob(name):
            path.write_text(path.read_text().replace(old, new))

    return change


def name_column(name: str) -> Callable[[Path], None]:
    """A column of participants.tsv that its owner wants to publish."""

    def change(raw: Path) -> None:
        replace("participants.tsv", "\tage", f"\t{name}")(raw)
        settings = raw.parents[1] / "study.toml"
        settings.write_text(settings.read_text().replace(".age", f".{name}", 1))

    return change


LEAKS: list[tuple[Callable[[Path], None], str]] = [
    (append("README.md", "Ask jo.miller@lab.org"), r"'jo.miller@lab.org' looks private \(e-mail"),
    (append("README.md", "anna7q came first"), r"'anna7q' looks private \(participant code"),
    (append("README.md", "Born 12.03.1985"), r"'12.03.1985' looks private \(date"),
    (append("README.md", "collected 2024-11-03"), r"'2024-11-03' looks private \(date"),
    (replace("*_manifest.json", '"ant"', '"/home/jo/ant.png"'), r"/home/jo/ant.png.*\(path"),
    (replace("*_beh.json", "Look.", "C:\\\\Users\\\\jo"), r"looks private \(path"),
    (name_column("birth_date"), "column 'birth_date' may tell who"),
    (name_column("email"), "column 'email' may tell who"),
    (replace("*_manifest.json", "{", ""), "not valid JSON"),
    (replace("*-oddoneout_run-01_beh.tsv", "\tmain\t", "\thuh\t"), r"row 1.*\(BIDS TSV_VALUE"),
    (replace("participants.tsv", "false\t31", "false"), "row 2 has 2 cells, expected 3"),
]


@pytest.mark.parametrize(("leak", "complaint"), LEAKS)
def test_what_is_private_is_refused(
    study: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    leak: Callable[[Path], None],
    complaint: str,
) -> None:
    leak(study / "data" / "raw")
    assert publish(study, tmp_path / "public") == 1
    said = capsys.readouterr().err
    assert re.search(complaint, said), said
    assert said.count("\n") == 1
    assert not (tmp_path / "public").exists()


def test_the_contact_address_of_a_protocol_is_a_note_and_of_a_participant_an_error(
    make_study: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    consent = (
        "[consent]\nask = true\n[texts]\nconsent = 'Ask ethics (at) uni-x.org or 0551/39-12345'\n"
    )
    question = "[[form.questions]]\nid = 'job'\nkind = 'text'\ntext = 'Job? See ethics@uni-x.org'\n"
    root = make_study(protocol=consent + question)
    settings = root / "study.toml"
    settings.write_text(f'{settings.read_text()}[share]\ncolumns = ["form.job"]\n')
    succeed("run", root, "--participant", "p901", "--simulate", "--no-window")
    succeed("validate", root)
    assert "private?" not in capsys.readouterr().out
    publish = ("share", root, "--with-free-text", "--allow-problems", "--out")
    succeed(*publish, tmp_path / "public")
    printed = capsys.readouterr().out
    for address in ("ethics (at) uni-x.org", "0551/39-12345", "ethics@uni-x.org"):
        assert f"'{address}' (" in printed, printed
    answers = next(root.rglob("*_answers.tsv"))
    given = re.sub("job\t[^\t]*", "job\tethics@uni-x.org", answers.read_text())
    answers.write_text(given)
    assert call(*publish, tmp_path / "again") == 1
    assert "'ethics@uni-x.org' looks private" in capsys.readouterr().err


def test_names_of_this_computer_are_refused(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append("README.md", "Shown on PC-Miller-3")(study / "data" / "raw")
    texts = read_texts(study / "data" / "raw", lambda path: file_kind(path) is not None)
    options = ShareOptions(names=("pc-miller-3",))
    with pytest.raises(TwoalikeError, match="computer or user name"):
        share_files(texts.files, texts.folders, options, np.random.default_rng(1))


def test_private_things_in_raw_data_are_named_by_row(study: Path) -> None:
    raw = study / "data" / "raw"
    assert check_private(raw, names=()) == []  # the sessions' own time stamps are no slip
    append("participants.tsv", "sub-jo1\tjo@lab.org\t1987-03-12\n")(raw)
    found = check_private(raw, names=())
    assert [(problem.file.name, problem.row) for problem in found] == [("participants.tsv", 4)] * 2
    assert "jo@lab.org" in str(found[0]) and "1987-03-12" in str(found[1])


def test_folders_in_use_and_folders_of_the_data_are_refused(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    for out in (tmp_path / "mine", study / "data" / "raw" / "public", study / "study.toml"):
        assert publish(study, out) == 1
        assert "Choose" in capsys.readouterr().err
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
    assert publish(study, tmp_path / "new", "--pilot") == 1
    assert "expected raw data, found none" in capsys.readouterr().err


def test_somebody_who_declined_keeps_a_folder(study: Path, tmp_path: Path) -> None:
    raw = study / "data" / "raw"
    (raw / "sub-no9").mkdir()
    append("participants.tsv", "sub-no9\tfalse\tn/a\n")(raw)
    append("phenotype/consent.tsv", "sub-no9\tses-01\tfalse\tv1\t2025-02-01T08:00:00Z\n")(raw)
    out = tmp_path / "public"
    assert publish(study, out) == 0
    (empty,) = (folder for folder in out.glob("sub-*") if not any(folder.iterdir()))
    assert len(list(out.glob("sub-*"))) == 4
    empty.rmdir()  # as git and zip do
    assert not [one for one in check_dataset(out).problems if "no folder" in one.message]


def test_sessions_as_they_are_run_can_be_shared(
    make_study: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_study()
    for code, task in (("p901", "odd-one-out"), ("p901", "multi-arrangement")):
        words = ("run", root, "--participant", code, "--task", task, "--simulate", "--no-window")
        assert call(*words) == 0
    started = datetime.now().year
    out = tmp_path / "public"
    assert call("share", root, "--out", out) == 0
    assert [str(problem) for problem in check_bids(out)] == []
    assert [str(problem) for problem in check_dataset(out).problems] == []
    for path in sorted(out.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        assert b"p901" not in content + path.name.encode()
        assert f"{started}-".encode() not in content
    for task in ("oddoneout", "multiarrangement"):
        assert len(read_raw(out, task=task)) == len(read_raw(root / "data" / "raw", task=task)) > 10
    capsys.readouterr()
    rows = next((root / "data" / "raw").rglob("*oddoneout*_beh.tsv"))
    lines = rows.read_text().splitlines(keepends=True)
    rows.write_text("".join([*lines[:3], *lines[4:]]))
    assert call("share", root, "--out", tmp_path / "again") == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and rows.name in said and "twoalike validate" in said
    assert not (tmp_path / "again").exists()
    assert call("share", root, "--out", tmp_path / "again", "--allow-problems") == 0


def test_only_columns_that_their_owner_named_are_published(study: Path) -> None:
    raw = study / "data" / "raw"
    replace("*-oddoneout_run-01_beh.tsv", "\tseen_before\n", "\tseen_before\teyes\n")(raw)
    for path in raw.rglob("*-oddoneout_run-01_beh.tsv"):
        header, *rows = path.read_text().splitlines()
        path.write_text("\n".join([header, *(f"{row}\tblue" for row in rows)]) + "\n")
    beh = raw / "sub-002" / "ses-01" / "beh"
    (beh / "sub-002_ses-01_task-stroop_beh.tsv").write_text("word\trt\nred\t0.5\n")
    (beh / "sub-002_ses-01_task-stroop_beh.json").write_text('{"word": {"Description": "w"}}')
    (raw / "phenotype" / "iq_test.tsv").write_text("participant_id\tscore\nsub-002\t131\n")
    copy = share(study, columns=())
    assert copy.files["participants.tsv"].startswith("participant_id\tsimulated\nsub-")
    assert set(json.loads(copy.files["participants.json"])) == {"participant_id", "simulated"}
    phenotype = {path for path in copy.files if path.startswith("phenotype/")}
    assert phenotype == {"phenotype/consent.tsv", "phenotype/consent.json"}
    assert not any("blue" in text or "131" in text for text in copy.files.values())
    assert not any("stroop" in path for path in copy.files)
    left_out = [line.partition(" (")[0] for line in copy.left_out]
    assert left_out == [
        "consent.consent_time",
        "debrief.strategy",
        "form.age",
        "form.hand",
        "form.job",
        "iq_test.score",
        "oddoneout.eyes",
        "participants.age",
        "stroop.rt",
        "stroop.word",
    ]
    assert 'add "form.age" to columns below [share] in study.toml' in copy.left_out[2]
    some = share(study, columns=("oddoneout.eyes", "stroop.rt", "iq_test.score"))
    tables = [text for path, text in some.files.items() if "oddoneout_run-01_beh.tsv" in path]
    assert len(tables) == 3 and all(text.count("\tblue\n") == 3 for text in tables)
    stroop = [text for path, text in some.files.items() if "task-stroop_beh" in path]
    assert sorted(stroop) == ["rt\n0.5\n", "{}\n"]
    assert some.files["phenotype/iq_test.tsv"].endswith("\t131\n")


def test_columns_of_others_in_tables_of_runs(study: Path) -> None:
    beh = study / "data" / "raw" / "sub-002" / "ses-01" / "beh"
    (beh / "sub-002_ses-01_task-stroop_beh.tsv").write_text("age\tword\n96\t=red\n")
    (beh.parent / "sub-002_sessions.tsv").write_text("session_id\tpain\nses-01\t3\n")
    named = ("stroop.age", "stroop.word", "sessions.pain")
    files = shared(study, columns=named, with_free_text=True)
    assert next(files[name] for name in files if "stroop" in name) == "age\tword\n89\t'=red\n"
    assert next(text for name, text in files.items() if name.endswith("_sessions.tsv")) == (
        "session_id\tpain\nses-01\t3\n"
    )
    assert not any("_sessions" in name for name in shared(study, columns=()))


def declare(raw: Path, **kinds: str) -> None:
    """Questions of the form, as the protocol in a manifest declares them."""
    path = next(raw.rglob("*_manifest.json"))
    asked = [{"id": name, "kind": kind, "text": "?"} for name, kind in kinds.items()]
    content = json.loads(path.read_text()) | {"config": {"form": {"questions": asked}}}
    path.write_text(json.dumps(content))


def rename(raw: Path, table: str, old: str, new: str) -> None:
    replace(table, f"\t{old}", f"\t{new}")(raw)


def test_ages_are_capped_whatever_their_column_is_called(study: Path) -> None:
    raw = study / "data" / "raw"
    rename(raw, "form.tsv", "age", "lived")
    declare(raw, lived="age")
    replace("participants.tsv", "\tage", "\tseniority")(raw)
    about = json.loads((raw / "participants.json").read_text())
    (raw / "participants.json").write_text(json.dumps(about | {"seniority": {"Units": "Years"}}))
    files = shared(study, columns=("form.lived", "participants.seniority"))
    for name in ("phenotype/form.tsv", "participants.tsv"):
        assert "\t89\n" in files[name] and "94" not in files[name]
    replace("form.tsv", "\t94\t", "\t94 and a half\t")(raw)
    with pytest.raises(TwoalikeError, match=r"row 1 \(sub-anna7q\), column 'lived': expected"):
        share(study, columns=("form.lived",))


@pytest.mark.parametrize("text", ["0176-12345678", "jo@lab.org", "12.03.1985", "4711471"])
def test_what_leads_to_a_person_is_found_in_any_column(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    raw = study / "data" / "raw"
    out = tmp_path / "public"
    replace("form.tsv", "sub-002\tses-01\t31\tleft", f"sub-002\tses-01\t31\t{text}")(raw)
    replace("form.json", '"left": "left"', f'"left": "left", "{text}": "typed"')(raw)
    assert publish(study, out) == 1
    said = capsys.readouterr().err
    assert "phenotype/form." in said and "looks private" in said and said.count("\n") == 1
    assert f"--allow '{text}'" in said
    replace("form.json", f', "{text}": "typed"', "")(raw)
    with pytest.raises(TwoalikeError, match=r"form.tsv, row 2, column 'hand': ") as caught:
        share(study, columns=(*NAMED,), with_free_text=True)
    assert text in str(caught.value)
    assert share(study, with_free_text=True, allow=(text,)).n_people == 3


def test_our_own_numbers_are_not_taken_for_telephone_numbers(study: Path) -> None:
    raw = study / "data" / "raw"
    for name in ("*_beh.tsv", "*_trials.tsv", "*_manifest.json"):
        for around in ("\tant\t", '"ant"', "\tant-"):
            replace(name, around, around.replace("ant", "000000391895"))(raw)
        replace(name, "0.2500", "12345678.25")(raw)
    replace("*_manifest.json", '"psychopy": "2026.2.5"', '"psychtoolbox": "3.0.19.14"')(raw)
    assert share(study).n_people == 3
    assert [str(found) for found in check_private(raw, names=())] == []


def test_few_people_of_a_kind_are_named(study: Path) -> None:
    raw = study / "data" / "raw"
    assert any(line.startswith("form.hand: fewer than 5") for line in share(study).warnings)
    for number in range(10, 22):
        append("participants.tsv", f"sub-p{number}\tfalse\t{30 + number % 2}\n")(raw)
        hand = "left" if number < 12 else "right"
        append("phenotype/form.tsv", f"sub-p{number}\tses-01\t35\t{hand}\tbaker\n")(raw)
    few = [line for line in share(study).warnings if not line.startswith("seed")]
    assert few == [
        "participants.age: fewer than 5 people have 20 to 29 (1), 80 to 89 (1)",
        "form.age: fewer than 5 people have 80 to 89 (1)",
        "participants.age x form.age x form.hand: 5 of 15 participants share theirs with fewer "
        "than 4 others",
    ]
    assert [line for line in share(study, columns=()).warnings if "fewer" in line] == []


def test_a_name_that_no_column_has_is_reported(study: Path) -> None:
    warnings = share(study, columns=("form.hand", "form.hnad")).warnings
    assert warnings[0] == 'no table has the column "form.hnad" that [share] in study.toml names'
    assert not any('"form.hand"' in line for line in warnings)


def test_a_seed_that_can_be_tried_is_named(study: Path) -> None:
    assert "seed 73921 is small" in share(study).warnings[0]
    replace("*_manifest.json", '"seed": 73921', f'"seed": "{hex(2**127)}"')(study / "data" / "raw")
    copy = share(study)
    assert not any("seed" in line for line in copy.warnings)
    assert not any(hex(2**127)[2:] in text for text in copy.files.values())


def test_answers_that_a_spreadsheet_would_run_are_inert(study: Path, tmp_path: Path) -> None:
    raw = study / "data" / "raw"
    replace("form.tsv", "left", "-left")(raw)
    replace("form.json", '"left": "left"', '"-left": "left"')(raw)
    replace("debrief.tsv", SECRETS[1], "colours")(raw)
    replace("debrief.tsv", "I looked", "=I looked")(raw)
    out = tmp_path / "public"
    assert publish(study, out, "--with-free-text") == 0
    assert (out / "phenotype" / "form.tsv").read_text().count("\t'-left\t") == 3
    assert (out / "phenotype" / "debrief.tsv").read_text().count("\t'=I looked") == 3


def test_lists_of_codes_in_json_get_the_new_ones(study: Path) -> None:
    raw = study / "data" / "raw"
    path = next(raw.rglob("*_manifest.json"))
    content = json.loads(path.read_text()) | {"design": {"participants": ["002", "anna7q"]}}
    path.write_text(json.dumps(content))
    copy = share(study)
    lists = [json.loads(text) for name, text in copy.files.items() if "manifest" in name]
    found = next(entry["design"]["participants"] for entry in lists if "design" in entry)
    assert {f"sub-{code}" for code in found} <= set(copy.folders)
