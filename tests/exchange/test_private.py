"""What the search for private things finds, and what it leaves alone; codes and dates drawn."""

import json
import re
from datetime import date
from typing import Any

import numpy as np
import pytest

from twoalike.exchange import find_private
from twoalike.exchange._private import computer_names
from twoalike.exchange._share import ShareOptions, share_files
from twoalike.record import participant_label

FOUND = [
    ("jo.miller+x@uni-jena.de", "e-mail address"),
    ("jürgen@büro.example.org", "e-mail address"),
    ("jo.miller (at) lab.example.org", "e-mail address"),
    ("jo[at]lab[dot]org", "e-mail address"),
    ("jo@lab (punkt) org", "e-mail address"),
    ("https://www.linkedin.com/in/jo-miller-7", "profile address"),
    ("instagram.com/jo.miller", "profile address"),
    ("https://github.com/jomiller", "profile address"),
    ("https://mastodon.social/@jo", "profile address"),
    ("/home/jo/data.tsv", "path"),
    ("/Users/jo", "path"),
    ("~/data", "path"),
    ("~jo/data", "path"),
    (r"C:\Users\jo", "path"),
    (r"C:\\Users\\jo", "path"),
    ("D:/lab/raw", "path"),
    (r"\\server\share", "path"),
    ("file:///home/jo", "path"),
    ("1987-03-12", "date"),
    ("1987/03/12", "date"),
    ("2024_11_03", "date"),
    ("12.03.1987", "date"),
    ("3/12/1987", "date"),
    ("31/12/1987", "date"),
    ("12. März 1987", "date"),
    ("March 12, 1987", "date"),
    ("2024_Nov_03", "date"),
    ("12 03 1987", "date"),
    ("12. 3. 1987", "date"),
    ("12 / 03 / 1987", "date"),
    ("1987 03 12", "date"),
    ("12.März 1987", "date"),
    ("12th of March 1987", "date"),
    ("2026-11-25T03:52:47+00:00", "time stamp"),
    ("2026-11-25 03:52:47", "time stamp"),
    ("20261125T035247", "time stamp"),
    ("PC-MILLER", "computer or user name"),
    ("5f3c1a9be04d7712345678ab", "crowd worker's id"),
    ("5F3C1A9BE04D7712345678AB", "crowd worker's id"),
    ("A3SKFW9BR2CQ1Z", "crowd worker's id"),
    ("a3skfw9br2cq1z", "crowd worker's id"),
    ("+49 176 12345678", "phone number"),
    ("+4917612345678", "phone number"),
    ("0049 (0)551 391234", "phone number"),
    ("0551/39-12345", "phone number"),
    ("(030) 123456", "phone number"),
    ("06 12 34 56 78", "phone number"),
    ("(555) 010-9999", "phone number"),
    ("555-010-9999", "phone number"),
    ("DE89 3704 0044 0532 0130 00", "IBAN"),
    ("GB82WEST12345698765432", "IBAN"),
    ("192.168.17.4", "IP address"),
    ("2001:db8::8a2e:370:7334", "IP address"),
    ("00:1b:44:11:3A:b7", "MAC address"),
    ("00-1B-44-11-3A-B7", "MAC address"),
    ("001b.4411.3ab7", "MAC address"),
    ("3141592", "long number"),
    ("20240115", "long number"),
    ("1732673590", "long number"),
    ("4111 1111 1111 1111", "long number"),
    ("278-05-1120", "long number"),
]


@pytest.mark.parametrize(("text", "kind"), FOUND)
def test_private_things_are_found_where_they_are(text: str, kind: str) -> None:
    for around in ("{}", "a\nsaid: {}, and", '{{"k": "{}"}}', "x\t{}\ty"):
        whole = around.format(text)
        (found,) = find_private(whole, names=("pc-miller",))
        line = whole[: whole.index(text)].count("\n") + 1
        assert (found.text, found.kind, found.row) == (text, kind, line)


HARMLESS = [
    "5f3c1a9be04d7712345678ab5f3c1a9be04d7712345678ab",
    "AVERYLONGWORD",
    "alarmclock001",
    "https://github.com/psychopy/psychopy",
    "https://www.example.org/in/time",
    "look (at) this",
    "three (at most) 12 in 2024",
    "https://doi.org/10.3389/fpsyg.2012.00245",
    "doi:10.1038/s41562-020-00951-3",
    "2026.2.5",
    "version 3.0.19.14",
    "0.12345678901",
    "-1.2345678e-05",
    "+1.234567890",
    "n02084071_10.JPEG",
    "img_00012345",
    "12:30:45.123456",
    "ISSN 0278-7393",
    "640 480 1024",
    "999.1.2.3",
    "t0123456789ab",
    "a::b",
    "https://doi.org/10.5281/zenodo.1234567",
    "https://orcid.org/0000-0002-1825-0097",
    "1924-12-31T09:00:00Z",
    "stimuli/animals/dog.png",
    "left and/or right",
    "2024-13-45",
    "99.99.2024",
    "1920x1080, 59.95 Hz",
    "ratio 1/2/3",
    "@home",
    "RRID:SCR_006571",
    "a 12:30 appointment",
    "PC-MILLERS",
    "ab" * 32,
    "maybe 3 marbles",
]


@pytest.mark.parametrize("text", HARMLESS)
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
