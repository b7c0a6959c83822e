"""What the search for private things finds, and what it leaves alone; codes and dates drawn."""

import json
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twoalike.exchange import find_private
from twoalike.exchange._private import computer_names
from twoalike.exchange._share import ShareOptions, share_files
from twoalike.record import participant_label

TEXTS = tomllib.loads(Path(__file__).with_name("private.toml").read_text(encoding="utf-8"))
FOUND = [(text, kind) for kind, texts in TEXTS["found"].items() for text in texts]


@pytest.mark.parametrize(("text", "kind"), FOUND)
def test_private_things_are_found_where_they_are(text: str, kind: str) -> None:
    for around in ("{}", "a\nsaid: {}, and", '{{"k": "{}"}}', "x\t{}\ty"):
        whole = around.format(text)
        (found,) = find_private(whole, names=("pc-miller",))
        line = whole[: whole.index(text)].count("\n") + 1
        assert (found.text, found.kind, found.row) == (text, kind, line)


@pytest.mark.parametrize("text", TEXTS["harmless"])
def test_harmless_things_are_left_alone(text: str) -> None:
    assert find_private(text, names=("pc-miller",)) == []


def test_names_of_this_computer_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "booth-7.psy.example.org")
    monkeypatch.setattr("getpass.getuser", lambda: "root")
    computer_names.cache_clear()
    try:
        assert {"booth-7.psy.example.org", "booth-7"} <= set(computer_names())
        assert "root" not in computer_names()
        assert [found.text for found in find_private("shown on Booth-7, as root")] == ["Booth-7"]
    finally:
        computer_names.cache_clear()


def shared(people: dict[str, str], rng: int = 3, **options: Any) -> dict[str, str]:
    """Files of a copy of a data set with a text of each person, by path."""
    files = {"participants.tsv": "participant_id\n" + "".join(f"sub-{one}\n" for one in people)}
    for code, text in people.items():
        files[f"sourcedata/sub-{code}/ses-01/sub-{code}_manifest.json"] = json.dumps(
            {"participant": code, "file": f"sub-{code}_task", "text": text}
        )
    given = ShareOptions(names=(), **options)
    return dict(share_files(files, [], given, np.random.default_rng(rng)).files)


def manifests(files: dict[str, str]) -> list[dict[str, str]]:
    return [json.loads(text) for path, text in files.items() if path.endswith("manifest.json")]


def test_codes_are_new_and_dates_move_by_whole_days() -> None:
    visits = {code: f"2024-0{k}-05T09:15 then 2024-0{k}-17" for k, code in enumerate("abcdef1", 1)}
    visits = {f"{code}{k}+": text for k, (code, text) in enumerate(visits.items())}
    made = manifests(shared(visits))
    codes = {one["participant"] for one in made}
    assert len(codes) == len(visits) and not codes & set(visits)
    assert all(participant_label(code) == code for code in codes)
    for one in made:
        first, last = (date.fromisoformat(part[:10]) for part in one["text"].split(" then "))
        assert (last - first).days == 12 and "T09:15" in one["text"]
        assert date(1905, 1, 1) <= last < date(1925, 1, 1)


def test_drawing_does_not_depend_on_the_codes() -> None:
    one, two = (sorted(shared(dict.fromkeys(codes, "2024-05-05"))) for codes in ("ab", "xy"))
    assert one == two


def test_dates_can_be_left_out_and_others_stay() -> None:
    text = "at 2024-05-05T09:15:00+02:00 on 9999-99-99"
    (made,) = manifests(shared({"p1": text}, times="drop"))
    assert made["text"] == "at n/a on 9999-99-99"


def test_codes_within_codes_are_told_apart() -> None:
    text = "sub-1/ses-1/sub-12_task sub-1+ sub-123 sub-1. xsub-1"
    made = {one["text"] for one in manifests(shared(dict.fromkeys(("1", "12", "1+"), text)))}
    (said,) = made
    new = re.fullmatch(r"sub-(\w+)/ses-1/sub-(\w+)_task sub-(\w+) sub-123 sub-(\w+)\. xsub-1", said)
    assert new and new[1] == new[4] and len(set(new.groups())) == 3
