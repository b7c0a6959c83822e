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

from twoalike.cli.app import main
from twoalike.exchange import ShareOptions, check_private, file_kind, read_texts, share_files
from twoalike.judgments import read_raw, read_raw_arrangements
from twoalike.record import check_bids
from twoalike.study import TwoalikeError, sha256_file

OLD_CODES = ("anna7q", "002", "bob3+")
DAYS = ("2024-11-03", "2024-11-17", "2025-01-30")
WORDS = ("Miller", "colours", "baker")


def call(*words: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(word) for word in words])
    return int(caught.value.code or 0)


def shared(study: Path, **options: Any) -> dict[str, str]:
    texts = read_texts(study / "data" / "raw", lambda path: file_kind(path) is not None)
    settings = ShareOptions(names=(), **options)
    result = share_files(texts.files, texts.folders, settings, np.random.default_rng(1))
    return dict(result.files)


@pytest.fixture(scope="module")
def copy(unchanged_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("copy") / "public"
    assert call("share", unchanged_study, "--out", out) == 0
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
        for secret in (*DAYS, *WORDS, "anna7q", "bob3+", "73921", "73922", "torn_row"):
            assert secret.encode() not in content + place, (secret, path)
        # An age is two digits, which a new random code may hold: as a whole word only.
        assert not re.search(rb"(?<![0-9A-Za-z.])94(?![0-9A-Za-z.])", content), path
        assert not re.search(rb"20(24|25|26)-\d\d", content), path


def test_the_copy_is_valid_and_says_what_was_answered(unchanged_study: Path, copy: Path) -> None:
    assert [str(problem) for problem in check_bids(copy)] == []
    for read in (read_raw, read_raw_arrangements):
        before, after = read(unchanged_study / "data" / "raw"), read(copy)
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
    assert hours == {10, 11, 12}


def test_checksums_still_hold(copy: Path) -> None:
    for path in sorted(copy.rglob("*_manifest.json")):
        content = json.loads(path.read_text())
        trials = content["inputs"]["trials"]
        assert sha256_file(path.with_name(trials["file"])) == trials["sha256"]
        assert content["stimuli"] == {"ant": "ab" * 32}


def test_logs_keep_events_and_numbers(copy: Path) -> None:
    for path in sorted(copy.rglob("*_log.jsonl")):
        first, second = [json.loads(line) for line in path.read_text().splitlines()]
        assert first["reason"] == "finished" and first["time_s"] == 9.5
        assert second == {"event": "remark", "time_s": 9.6}


def test_no_two_copies_agree_and_nothing_remembers_the_codes(study: Path, tmp_path: Path) -> None:
    names = []
    for out in (tmp_path / "one", tmp_path / "two"):
        assert call("share", study, "--out", out) == 0
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


def test_free_text_stays_when_asked_for(study: Path) -> None:
    files = shared(study, with_free_text=True)
    assert files["phenotype/debrief.tsv"].count("colours") == 3
    assert files["phenotype/form.tsv"].count("baker") == 3


def test_a_torn_row_stays_at_home(study: Path) -> None:
    path = next((study / "data" / "raw").rglob("*oddoneout*_beh.tsv"))
    path.write_bytes(path.read_bytes() + b"4\tmain\ttorn here")
    assert not any("torn here" in text for text in shared(study).values())


def test_other_files_are_left_out_and_named(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = study / "data" / "raw"
    (raw / "sub-002" / "who-is-who.xlsx").write_bytes(b"\xff\x00")
    (raw / "link.tsv").symlink_to("/etc/passwd")
    assert call("share", study, "--out", tmp_path / "public") == 0
    printed = capsys.readouterr().out
    assert "3 participants" in printed
    for name in ("sub-002/who-is-who.xlsx", "link.tsv", "phenotype/debrief.tsv"):
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


LEAKS: list[tuple[Callable[[Path], None], str]] = [
    (append("README.md", "Ask jo.miller@lab.org"), r"'jo.miller@lab.org' looks private \(e-mail"),
    (append("README.md", "anna7q came first"), r"'anna7q' looks private \(participant code"),
    (append("README.md", "Born 12.03.1985"), r"'12.03.1985' looks private \(date"),
    (append("README.md", "collected 2024-11-03"), r"'2024-11-03' looks private \(date"),
    (replace("*_manifest.json", '"ant"', '"/home/jo/ant.png"'), r"/home/jo/ant.png.*\(path"),
    (replace("*_beh.json", "Look.", "C:\\\\Users\\\\jo"), r"looks private \(path"),
    (replace("participants.tsv", "\tage", "\tbirth_date"), "column 'birth_date' may tell who"),
    (replace("participants.tsv", "\tage", "\temail"), "column 'email' may tell who"),
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
    assert call("share", study, "--out", tmp_path / "public") == 1
    said = capsys.readouterr().err
    assert re.search(complaint, said), said
    assert said.count("\n") == 1
    assert not (tmp_path / "public").exists()


def test_what_looks_private_and_is_not_can_be_allowed(study: Path, tmp_path: Path) -> None:
    append("README.md", "Ask lab@example.org")(study / "data" / "raw")
    out = tmp_path / "public"
    assert call("share", study, "--out", out, "--allow", "lab@example.org") == 0
    assert "lab@example.org" in (out / "README.md").read_text()


def test_names_of_this_computer_are_refused(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append("README.md", "Shown on PC-Miller-3")(study / "data" / "raw")
    texts = read_texts(study / "data" / "raw", lambda path: file_kind(path) is not None)
    options = ShareOptions(names=("pc-miller-3",))
    with pytest.raises(TwoalikeError, match="computer or user name"):
        share_files(texts.files, texts.folders, options, np.random.default_rng(1))


def test_a_full_disk_leaves_nothing_behind(
    study: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.name == "participants.tsv":
            raise OSError(28, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    assert call("share", study, "--out", tmp_path / "public") == 1
    said = capsys.readouterr().err
    assert "No space left" in said and said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["study"]


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
        assert call("share", study, "--out", out) == 1
        assert "Choose" in capsys.readouterr().err
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
    assert call("share", study, "--out", tmp_path / "new", "--pilot") == 1
    assert "expected raw data, found none" in capsys.readouterr().err


def test_somebody_who_declined_keeps_a_folder(study: Path, tmp_path: Path) -> None:
    raw = study / "data" / "raw"
    (raw / "sub-no9").mkdir()
    append("participants.tsv", "sub-no9\tfalse\tn/a\n")(raw)
    append("phenotype/consent.tsv", "sub-no9\tses-01\tfalse\tv1\t2025-02-01T08:00:00Z\n")(raw)
    out = tmp_path / "public"
    assert call("share", study, "--out", out) == 0
    assert len(list(out.glob("sub-*"))) == 4


def test_sessions_as_they_are_run_can_be_shared(
    make_study: Callable[..., Path], tmp_path: Path
) -> None:
    root = make_study()
    for code, task in (("p901", "odd-one-out"), ("p901", "multi-arrangement")):
        words = ("run", root, "--participant", code, "--task", task, "--simulate", "--no-window")
        assert call(*words) == 0
    started = datetime.now().year
    out = tmp_path / "public"
    assert call("share", root, "--out", out) == 0
    assert [str(problem) for problem in check_bids(out)] == []
    for path in sorted(out.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        assert b"p901" not in content + path.name.encode()
        assert f"{started}-".encode() not in content
    for read in (read_raw, read_raw_arrangements):
        assert len(read(out)) == len(read(root / "data" / "raw")) > 10
