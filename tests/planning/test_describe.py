"""The description of a study for an ethics committee holds what its settings and protocols hold."""

import re
import tomllib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import succeed

from twoalike.planning import describe_study
from twoalike.registry import BUILT_IN
from twoalike.study import TwoalikeError

MakeStudy = Callable[..., Path]
PROTOCOL = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
SIMULATED = ("--simulate", "random", "--no-window")
DESIGN = "trials = 12\npractice = 2\nrepeats = 3\ntrials_per_block = 5\n"


def _texts(language: str) -> dict[str, object]:
    source = files("twoalike.planning") / "texts" / f"describe.{language}.toml"
    return tomllib.loads(source.read_text(encoding="utf-8"))


def _shape(value: object) -> object:
    """Keys, and placeholders of texts; lists by their length."""
    if isinstance(value, dict):
        return {key: _shape(inner) for key, inner in value.items() if key != "tasks"}
    if isinstance(value, list):
        return len(value)
    return sorted(re.findall(r"\{[^}]*\}", str(value)))


def test_both_languages_say_the_same() -> None:
    english, *others = (_texts(language) for language in ("en", "de"))
    for other in others:
        assert _shape(other) == _shape(english)
        assert {task.name for task in BUILT_IN} <= set(other["tasks"])


def test_the_page_holds_what_the_settings_hold(make_study: MakeStudy) -> None:
    root = make_study(design=DESIGN, protocol=PROTOCOL)
    page = describe_study(root, ["odd-one-out"])
    for expected in (
        "17 in a session, of these 2 for practice and 3 shown a second time",
        "at most 15 seconds",
        "visible for 200 milliseconds, followed by a pattern at its place",
        "2 in a session, one after each block of trials, of at most 60 seconds",
        "“Which hand do you write with?” (choice of “left”, “right”)",
        "may be left open",
        "“How do you feel?” (any of “tired”, “bored”)",
        "text version “vote 123”",
        "still the example",
        "(lab streaming layer, with the name of the computer)",
        "Only the account of the experimenter",
        "no answers to questions",
        "Esc",
        "`response_time`",
    ):
        assert expected in page.markdown, expected
    assert "multi-arrangement" not in page.markdown
    assert re.search(r"takes \d+ to \d+ minutes|takes up to \d+ minutes", page.markdown)


def test_changed_settings_change_the_page(make_study: MakeStudy) -> None:
    root = make_study(design=DESIGN, protocol="language = 'de'\n")
    settings = (root / "study.toml").read_text()
    settings += '[data]\naccess = "group"\n[share]\ncolumns = ["form.age"]\n'
    settings += '[groups]\nnames = ["old", "young"]\nassignment = "operator"\n'
    settings += '[sitting]\ntasks = ["odd-one-out", "multi-arrangement"]\norder = "fixed"\n'
    settings += "[[conditions]]\nname = 'shape'\n[[conditions]]\nname = 'use'\n"
    (root / "study.toml").write_text(settings)
    page = describe_study(root)
    assert page.language == "de"
    for expected in (
        "Teilnehmende gehören zu einer von 2 Gruppen (old und young)",
        "Benutzergruppe",
        "Die Aufgaben folgen aufeinander, in dieser Reihenfolge",
        "in jeder der Bedingungen shape und use bearbeitet",
        "enthält die Kopie `form.age`",
        "außerhalb des",
        "Nichts außer der Aufgabe.",
        "**multi-arrangement:**",
        "dann so viele, wie nötig sind",
        "nach 60 Minuten beginnt kein neuer",
    ):
        assert expected in page.markdown, expected
    assert "Diese Seite beschreibt" in describe_study(root, group="old").markdown


def test_html_is_well_formed_and_escaped(make_study: MakeStudy, tmp_path: Path) -> None:
    root = make_study(design=DESIGN, protocol=PROTOCOL)
    out = tmp_path / "page.html"
    succeed("describe", root, "--task", "odd-one-out", "--out", out)
    page = out.read_text(encoding="utf-8")
    assert "How did you &lt;b&gt;decide&lt;/b&gt;?" in page
    assert "**" not in page and "`" not in page

    assert page.count("<ul>") == page.count("</ul>") > 1 and page.endswith("</html>\n")


def test_what_cannot_be_described_is_refused(make_study: MakeStudy, tmp_path: Path) -> None:
    root = make_study(design='sampler = "list"\n')
    with pytest.raises(TwoalikeError, match="expected a trial list .*, found none"):
        describe_study(root, ["odd-one-out"])
    with pytest.raises(TwoalikeError, match="`language=fr`: expected one of de, en"):
        describe_study(make_study("other"), language="fr")
    with pytest.raises(TwoalikeError, match=r"expected a file \.md or \.html"):
        describe_study(make_study("third")).save(tmp_path / "page.docx")


def test_only_the_tasks_that_are_used_are_described(make_study: MakeStudy) -> None:
    root = make_study(design=DESIGN)
    for task in BUILT_IN:  # as `init` writes them
        (root / "protocols" / f"{task.module}.toml").write_text("[breaks]\nready_s = 0\n")

    def described() -> list[str]:
        lines = [line for line in describe_study(root).markdown.splitlines() if ":**" in line]
        return [
            task.name for task in BUILT_IN for line in lines if line.startswith(f"**{task.name}")
        ]

    assert described() == ["odd-one-out"]  # what `run` starts
    succeed("design", root, "--task", "anchored-choice", "--participants", "001")
    assert described() == ["anchored-choice"]
    succeed("run", root, "--participant", "001", "--task", "free-sorting", *SIMULATED)
    assert described() == ["anchored-choice", "free-sorting"]


def test_consent_is_stated_once_and_of_the_tasks_that_ask(make_study: MakeStudy) -> None:
    root = make_study(design=DESIGN, protocol=PROTOCOL)
    (root / "protocols" / "multi_arrangement.toml").write_text("[consent]\nask = false\n")
    tasks = ["odd-one-out", "multi-arrangement"]
    apart = describe_study(root, tasks).markdown
    assert "**odd-one-out:** Consent is asked" in apart
    assert "**multi-arrangement:** The program does not ask" in apart
    settings = (root / "study.toml").read_text()
    (root / "study.toml").write_text(f"{settings}[sitting]\ntasks = {tasks}\n")
    together = describe_study(root).markdown
    assert together.count("Consent is asked") == 1 and "does not ask" not in together


ONLINE = '[online]\nentry = "id"\nid_parameter = "WHO"\nreturn_hours = 36\n'
ONLINE += 'completion_url = "https://app.example.org/?cc={code}"\n'
PLACES = {
    "server": ("`WHO`", "encrypted", "within 36 hours", "`/withdraw`", "app.example.org", "`key`"),
    "jatos": ("JATOS server", "no code by which they could delete", "until JATOS has them"),
    "static": ("sends it to the laboratory", "all answers", "no code by which they could delete"),
}


@pytest.mark.parametrize("place", PLACES)
def test_an_online_study_is_described_as_one(make_study: MakeStudy, place: Any) -> None:
    root = make_study(design=f"{DESIGN}{ONLINE}", protocol="[consent]\nask = true\n")
    with pytest.raises(TwoalikeError, match="`place=...`: expected where people take part"):
        describe_study(root)
    page = describe_study(root, place=place).markdown
    for expected in (*PLACES[place], "closing the page", "browser and system", "**How long:**"):
        assert expected in page, expected
    for false in ("over a network", "Esc key", "computer of the laboratory. The", "{"):
        assert false not in page.partition("## Appendix")[0], false
    assert place == "server" or "/withdraw" not in page
    assert place == "jatos" or "JATOS" not in page
    (root.parent / f"{root.name}-online").mkdir()  # where the server keeps its records
    assert "`/withdraw`" in describe_study(root).markdown


def test_a_built_page_shows_its_tasks(make_study: MakeStudy) -> None:
    root = make_study(design=DESIGN)
    succeed("online", "build", root, "--participants", 1, "--task", "anchored-choice")
    page = describe_study(root, place="jatos").markdown
    assert "**anchored-choice:**" in page and "**odd-one-out:**" not in page
