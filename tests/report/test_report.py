"""The report: complete, self-contained, escaped, honest about what is missing or wrong."""

import base64
import hashlib
import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tests.conftest import call
from tests.online.engines import ENGINES, Name, Size, opened
from tests.report.conftest import STUDY

from twoalike.cli.app import main
from twoalike.embedding import Posterior
from twoalike.report import few_categories, write_report
from twoalike.results import Results
from twoalike.study import Study, TwoalikeError

SECTIONS = (
    "sample",
    "sessions",
    "response-times",
    "reliability",
    "map",
    "clusters",
    "dimensions",
    "similarity",
    "observed",
    "predictions",
    "participants",
    "alignment",
    "ceilings",
    "uncertainty",
    "structure",
    "transfer",
    "methods",
)


MEASURED = ("ceilings", "uncertainty", "structure", "transfer")
"""Only once networks were scored."""


class Page(HTMLParser):
    """Elements of a page, and its visible text."""

    void = ("meta", "img", "source", "link", "br", "input")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & {*self.open}:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Page]:
    """The page of a study with its figures left out, for tests of what it says."""
    monkeypatch.setattr("twoalike.report._blocks.to_svg", lambda figure: b"")
    monkeypatch.setattr("twoalike.report._blocks.to_pdf", lambda figure: b"")

    def made(study: Study, **options: Any) -> Page:
        write_report(study, tmp_path / "r.html", **options)
        return Page((tmp_path / "r.html").read_text(encoding="utf-8"))

    return made


@pytest.fixture(scope="module")
def whole(finished: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Report of the whole study."""
    out = tmp_path_factory.mktemp("report") / "r.html"
    write_report(finished, out, files=out.with_name("files"))
    return out


@pytest.fixture(scope="module")
def whole_page(whole: Path) -> Page:
    return Page(whole.read_text(encoding="utf-8"))


def test_a_full_study(finished: Study, whole_page: Page) -> None:
    page = whole_page
    assert [attrs["id"] for attrs in page.all("section")] == ["summary", *SECTIONS]
    assert not re.search("Make it with", page.text)
    for said in (
        "Shapes & <em>shadows</em>",  # as text: the title comes from the user
        "All participants are simulated",
        "scored on the judgments of this study",
        "of the gap between base and the ceiling",
        "the No-U-Turn sampler (Hoffman & Gelman, 2014) in 2 chains of 40 draws",
        "mostly kind",
        "each left out of what predicts it",
        "of three objects of one category (size): nothing was asked",
    ):
        assert said in page.text, said
    results = Results.load(finished.derived / "results.json")
    assert "Likeness and ability (3 classes, nearest" in page.text
    for measure, level in (("odd_one_out.accuracy", ""), ("ability.few_shot", "1-shot, size")):
        for name in results.names:
            if row := results.at(measure, name, level):
                assert f"{row.value:.3f}" in page.text
    figures = [image for image in page.all("img") if str(image["src"]).startswith("data:image/svg")]
    assert len(figures) >= 9
    assert all(len(str(image["alt"])) > 40 for image in figures)


def test_the_words_for_a_paper_are_of_this_study(finished: Study, whole: Path) -> None:
    """No sentence on what was not done, and every work cited is listed."""
    html = whole.read_text("utf-8")
    section = html[html.index('id="methods"') :]
    links = dict(re.findall(r'<a href="#([^"]+)">([^<]+)</a>', section))
    said = re.sub("<[^>]+>", "", section)
    assert "No session was left out." in said
    assert links.keys() <= {f"{one}" for one in SECTIONS}
    results = Results.load(finished.derived / "results.json")
    (named,) = re.findall(r"Network (\w+) agreed with people in ([\d.]+)%", said)
    best = results.at("odd_one_out.accuracy", named[0])
    assert best is not None and named[1] == f"{100 * best.value:.1f}"
    for absent in ("rating", "Kriegeskorte", "Peirce", "Blei", "terms"):
        assert absent not in said[: said.index("What the numbers")], absent
    for cited in re.findall(r"\(([A-Z][\w ]+(?: et al\.| & \w+)?, \d{4})\)", said):
        names, year = cited.rsplit(", ", 1)
        assert re.search(rf"{names.split()[0]}, .*\({year}\)", said), cited
        assert re.search(rf"@\w+{{\w+{year},", said), cited


def test_two_studies_on_one_page(
    finished: Study, study: Study, report: Callable[..., Page], tmp_path: Path
) -> None:
    posterior = Posterior.load(study.posterior)
    drawn = posterior.tree["posterior"]["embedding"]
    drawn.values = drawn.values[:, :, np.random.default_rng(2).permutation(12)]
    posterior.save(study.posterior)
    page = report(finished, other=study, files=tmp_path / "files")
    pairs = pd.read_csv(tmp_path / "files" / "beside-agreement.csv")
    assert len(pairs) == 66
    r = np.corrcoef(pairs["first"], pairs["second"])[0, 1]
    assert f"r = {r:.2f}".replace("0.", ".").replace("-", "\N{MINUS SIGN}") in page.text
    assert "differ by more than their own uncertainty" in page.text
    again = report(finished, other=finished)
    assert "r = 1.00" in again.text and "differ by no more than their own uncertainty" in again.text
    assert [of["id"] for of in again.all("section")][1:] == [
        "beside-studies",
        "beside-agreement",
        "beside-people",
    ]
    study.posterior.unlink()
    with pytest.raises(TwoalikeError, match="a study with a fitted embedding"):
        report(finished, other=study)


def test_without_images(finished: Study, report: Callable[..., Page]) -> None:
    page = report(finished, images=False)
    assert not [image for image in page.all("img") if "jpeg" in str(image["src"])]
    assert "mostly kind" in page.text


def test_one_file_that_asks_nothing_of_the_network(whole: Path, whole_page: Page) -> None:
    page, html = whole_page, whole.read_text(encoding="utf-8")
    for _, attrs in page.elements:
        for name in ("src", "srcset", "href", "data", "poster"):
            shown = attrs.get(name) or ""
            assert re.match(r"data:(image/|text/csv|application/pdf)|#|$", shown), attrs
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert {tag for tag, _ in page.elements}.isdisjoint({"link", "iframe", "object"})
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = (str(of["content"]) for of in page.all("meta") if "http-equiv" in of)
    assert policy.startswith("default-src 'none'; img-src data: blob:;")
    assert policy.endswith(f"script-src 'sha256-{digest}'")
    assert '<th scope="col"></th>' not in html  # a header that a screen reader would announce
    for image in page.all("img"):
        uri = str(image["src"])
        kind, _, content = uri.partition(",")
        if kind == "data:image/jpeg;base64":
            assert base64.b64decode(content).startswith(b"\xff\xd8\xff")
        else:
            assert unquote(content).startswith("<?xml"), kind
    assert len(html) < 4e6


def test_every_figure_for_print_and_every_number_as_csv(
    finished: Study, whole: Path, whole_page: Page
) -> None:
    folder, starts = whole.with_name("files"), {"svg": b"<?xml", "pdf": b"%PDF", "png": b"\x89PNG"}
    for name in ("map", "similarity", "alignment", "predictions", "response-times"):
        for ending, start in starts.items():
            assert (folder / f"{name}.{ending}").read_bytes().startswith(start)
        assert b"/Type3" not in (folder / f"{name}.pdf").read_bytes()  # fonts that none can edit
        with Image.open(folder / f"{name}.png") as drawn:
            assert drawn.width <= 6.8 * 300 + 1
    pictures = [image for image in whole_page.all("img") if "svg" in str(image["src"])[:20]]
    assert len(list(folder.glob("*.svg"))) == len(pictures)
    downloads = [attrs for attrs in whole_page.all("a") if "download" in attrs]
    for attrs in downloads:
        linked = base64.b64decode(str(attrs["href"]).split(",", 1)[1])
        assert linked == (folder / str(attrs["download"])).read_bytes()
    links = [attrs for attrs in downloads if attrs.get("class") == "numbers"]
    assert {attrs["download"] for attrs in links} == {p.name for p in folder.glob("*.csv")}
    table = pd.read_csv(folder / "alignment.csv").set_index(["measure", "name"])
    results = Results.load(finished.derived / "results.json")
    for name in results.names:
        row = results.at("odd_one_out.accuracy", name)
        ends = table.loc[("Odd-one-out accuracy", name)][["value", "low", "high"]]
        assert row is not None and list(ends) == pytest.approx([row.value, row.low, row.high])
    pairs = pd.read_csv(folder / "similarity.csv")
    assert len(pairs) == 12 * 11 / 2


PROBE = Path(__file__).with_name("probe.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("size", [(1280, 900), (390, 844)])
@pytest.mark.parametrize("name", ENGINES)
def test_the_page_in_a_browser(name: Name, size: Size, whole: Path, tmp_path: Path) -> None:
    """All is drawn within the width, and in no figure do texts or images cover each other."""
    with opened(name, tmp_path / "profile", size) as browser:
        browser.go(whole.as_uri())
        browser.wait("() => document.readyState == 'complete' || null")
        laid_out = browser.ask(f"() => {PROBE}.laidOut()")
        assert laid_out["width"] == size[0]
        assert laid_out["page"] <= size[0]
        assert laid_out["over"] == []
        assert len(laid_out["images"]) == whole.read_text("utf-8").count("<img ")
        assert all(natural > 0 and shown > 0 for _, natural, shown in laid_out["images"])
        assert browser.ask(f"() => {PROBE}.covered()") == []
        for words, sections in (("keeps to one side", ["sessions"]), ("", [*SECTIONS])):
            assert browser.ask(f"(one) => {PROBE}.found(one)", words) == sections
        svg, png = (browser.ask(f"(one) => {PROBE}.saved(one)", kind) for kind in ("svg", "png"))
        assert svg == ["response-times.svg", "data:image/svg+xml,<?xml"]
        assert png == ["response-times.png", "data:image/png;base64,iV"]
        assert browser.ask(f"() => {PROBE}.inaccessible()") == []
        for where, keys, done in (
            ("nav input", "limb", "document.querySelector('nav output').textContent[0] === '0'"),
            ('a[href="#map"]', ["Enter"], "location.hash === '#map'"),
            ('[data-figure="map.svg"]', ["Enter"], "document.title === 'map.svg'"),
        ):
            browser.ask(f"(one) => {PROBE}.armed(one)", where)
            browser.key(*keys)
            browser.wait(f"() => {done} || null")
            browser.ask(f"() => {PROBE}.found('')")


EVIL = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><svg/onload=alert(1)>",
    "]]><b>x</b><!--",
    "{{ 7 * 7 }}{% raw %}",
    "x' onclick='alert(1)",
)
"""Texts that a page which does not escape them would take for its own."""


def fill_with(evil: tuple[str, ...], study: Study) -> None:
    """Put such texts wherever a study, its runs, its results and its fit hold any."""
    script, image, style, cdata, template, quote = evil
    in_json = {text: json.dumps(text)[1:-1] for text in evil}
    manifests = study.raw.glob("sourcedata/**/*_manifest.json")
    for path, before, text in (
        (study.stimuli / "stimuli.tsv", "\tdisc\t", f"\t{style}\t"),
        (study.derived / "results.json", ": disc", f": {in_json[style]}"),
        (study.derived / "results.json", '"control"', f'"{in_json[image]}"'),
        (study.derived / "results.json", '"choices.parquet"', f'"{in_json[cdata]}"'),
        (study.derived / "results.json", '"0.1.0"', f'"{in_json[template]}"'),
        (study.derived / "results.json", "needs 2 triplets", in_json[quote]),
        (study.derived / "student" / "README.md", "# Card", "".join(evil)),
        (study.root / "study.toml", "Shapes", in_json[quote] + in_json[style]),
        *(
            (path, '"software": "twoalike"', f'"software": "{in_json[image]}"')
            for path in manifests
        ),
    ):
        content = path.read_text(encoding="utf-8")
        assert before in content, (path, before)
        path.write_text(content.replace(before, text), encoding="utf-8")
    posterior = Posterior.load(study.posterior)
    made = {"inputs": {"choices": {"file": image, "sha256": style}}, "twoalike_version": cdata}
    posterior.tree.attrs |= {"engine": script, "prior": quote, "provenance": json.dumps(made)}
    posterior.save(study.posterior)


def test_text_from_data_is_escaped(
    study_of: Callable[[tuple[str, ...]], Study], tmp_path: Path
) -> None:
    ids = ("<script>alert(3)</script>", 'x"><img/src=x>', "$x_{$", "&amp", "=1+1", *"abcdefg")
    study = study_of(ids)
    fill_with(EVIL, study)
    out = tmp_path / "r.html"
    # Manifests that were changed are a problem of the data.
    write_report(Study.load(study.root), out, files=tmp_path / "files", allow_problems=True)
    page = Page(out.read_text(encoding="utf-8"))
    # As many elements of each kind as there would be without those texts, and no other kinds.
    assert {tag for tag, _ in page.elements}.isdisjoint({"b", "svg"})
    assert len(page.all("style")) == len(page.all("script")) == 1
    for tag, attrs in page.elements:
        assert not [name for name in attrs if name.startswith("on")], attrs
        assert tag != "img" or str(attrs["src"]).startswith("data:image/"), attrs
    for text in (*EVIL, "<script>alert(2)</script>"):
        assert text in page.text, text
    names = {attrs.get("alt") for attrs in page.all("img")}
    assert names & set(ids[:4]), "the evil names are shown as they are"
    cells = [path.read_text() for path in (tmp_path / "files").glob("*.csv")]
    assert any("'=1+1" in text for text in cells)
    assert not [text for text in cells if re.search("(^|,)=", text, re.M)]  # a formula
    drawn = [ElementTree.parse(path) for path in (tmp_path / "files").glob("*.svg")]
    tags = {element.tag.rpartition("}")[2] for one in drawn for element in one.iter()}
    assert tags.isdisjoint({"script", "b", "img", "foreignObject"})
    attributes = {name for one in drawn for element in one.iter() for name in element.attrib}
    assert not [name for name in attributes if name.startswith("on")]


@pytest.mark.parametrize(
    ("removed", "missing"),
    [
        (("choices.parquet", "posterior.nc", "results.json"), 7),
        (("posterior.nc",), 6),
    ],
)
def test_what_is_missing_is_named_with_its_command(
    report: Callable[..., Page], removed: tuple[str, ...], missing: int, study: Study
) -> None:
    for name in removed:
        (study.derived / name).unlink()
    page = report(study)
    assert page.text.count("Make it with") == missing
    shown = [s for s in SECTIONS if s not in MEASURED or "results.json" not in removed]
    assert [attrs["id"] for attrs in page.all("section")] == ["summary", *shown]
    assert ("twoalike fit STUDY" in page.text) == ("posterior.nc" in removed)
    assert ("twoalike evaluate --features" in page.text) == ("results.json" in removed)


def test_an_empty_study_says_what_to_do_first(report: Callable[..., Page], tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text('title = "New"\nseed = 1\n')
    page = report(Study.load(tmp_path))
    assert "twoalike run STUDY" in page.text
    assert "Nothing yet" in page.text
    mine = tmp_path / "files" / "notes.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    with pytest.raises(TwoalikeError, match=r"notes\.txt in it"):
        report(Study.load(tmp_path), files=mine.parent)
    assert mine.is_file()


def test_a_fit_that_has_not_converged_is_said_first(
    report: Callable[..., Page], study: Study
) -> None:
    posterior = Posterior.load(study.posterior)
    state = {"predictions": False, "fits_apart": 0.3, "loss_change": 0.2, "divergences": 3}
    made = {"inputs": {"choices": {"file": "choices.parquet", "sha256": "0"}}}
    posterior.tree.attrs |= {"convergence": json.dumps(state), "engine": "vi"}
    posterior.tree.attrs["provenance"] = json.dumps(made)
    posterior.save(study.posterior)
    page = report(study)
    before = page.text[: page.text.index("What it says")]
    assert "its predictions are not stable (choice probabilities of the chains" in before
    assert "0.3 percentage points, last change of the loss 0.2000 nats a judgment)" in before
    assert "3 divergent transitions" in page.text
    assert any(attrs.get("role") == "alert" for _, attrs in page.elements)
    assert "The embedding was fitted to other judgments than these." in page.text
    assert "other judgments than those of choices.parquet" in page.text


def test_each_task_has_its_section(
    make_study: Callable[..., Path], report: Callable[..., Page], tmp_path: Path
) -> None:
    folder = make_study(arrangement="schema_version = 1\n")
    for task in ("odd-one-out", "multi-arrangement"):
        words = ["run", str(folder), "--task", task, "--participant", "01", "--simulate"]
        assert call(*words, "--no-window") == 0
    page = report(Study.load(folder), files=tmp_path / "files")
    ids = [attrs["id"] for attrs in page.all("section")]
    assert ids[1:6] == ["sample", "sessions", "arrangements", "response-times", "reliability"]
    assert "Study with multi-arrangement, odd-one-out · 1 session ·" in page.text
    assert page.text.count("completed") == 2
    rows = pd.read_csv(next(folder.rglob("*multiarrangement*_beh.tsv")), sep="\t")
    assert len(rows) > rows["trial_index"].nunique()
    table = pd.read_csv(tmp_path / "files" / "arrangements.csv")
    assert table["arrangements"].tolist() == [rows["trial_index"].nunique()]
    assert "participants’ codes and the study’s images: before you publish" in page.text


def test_careless_sessions_are_pointed_out(report: Callable[..., Page], study: Study) -> None:
    """Rewrite one session: all answers left, checks failed, the end cut off."""
    path = next(study.raw.glob("sub-02/**/*_beh.tsv"))
    header, *lines = path.read_text().splitlines()
    names = header.split("\t")
    changed = []
    for line in lines[:30]:
        row = dict(zip(names, line.split("\t"), strict=True))
        place = next(k for k in "123" if row[f"position_{k}"] == "left")
        row |= {"response": place, "response_position": "left"}
        row["odd_stimulus"] = row[f"stimulus_{place}"]
        if row["expected_odd"] != "n/a":
            row["correct"] = "false"
        changed.append("\t".join(row[name] for name in names))
    path.write_text("\n".join([header, *changed]) + "\n")
    text = report(study, allow_problems=True).text
    assert "1 session of 3 is left out by the declared rule" in text
    assert "The declared rule leaves out 1 of 3 sessions." in text
    assert "Sessions left out, and whyParticipant 02, session 1: " in text
    assert "chose the left image" not in text  # whoever is left out is named once
    kept = STUDY + "[exclusion]\ncatch_accuracy = 0\nmissed = 40\n"
    (study.root / "study.toml").write_text(kept)
    again = report(Study.load(study.root), allow_problems=True)
    text = again.text.replace("\N{NO-BREAK SPACE}", " ")
    assert "Participant 02, session 1: chose the left image in 100 % of the trials" in text
    assert "Participant 02, session 1: ended after 30 of 50 trials" in text
    assert "Participant 02, session 1: passed 0 of" in text


def test_same_study_same_bytes(
    study: Study, whole: Path, tmp_path: Path, snapshot: Callable[[Path], dict[str, bytes]]
) -> None:
    """Also in another folder: nothing of this machine is in the report or in its files."""
    folder, expected = tmp_path / "files", snapshot(whole.with_name("files"))
    shutil.copytree(whole.with_name("files"), folder)  # made again, it replaces its own
    stale = folder / next(iter(expected))
    stale.write_bytes(b"of the report before")
    write_report(study, tmp_path / "r.html", files=folder)
    assert (tmp_path / "r.html").read_bytes() == whole.read_bytes()
    assert snapshot(folder) == expected


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("derived/results.json", b'{"kind": "teacher"}'),
        ("derived/choices.parquet", b"PAR1"),
        ("stimuli/00.png", b"no image"),
    ],
)
def test_damaged_inputs_are_one_line_and_leave_no_report(
    file: str,
    content: bytes,
    study: Study,
    capsys: pytest.CaptureFixture[str],
    snapshot: Callable[[Path], dict[str, bytes]],
) -> None:
    (study.root / file).write_bytes(content)
    before = snapshot(study.root)
    with pytest.raises(SystemExit) as caught:
        main(["report", str(study.root), "--out", str(study.root / "r.html")])
    lines = capsys.readouterr().err.strip().splitlines()
    assert caught.value.code == 1
    assert len(lines) == 1
    assert Path(file).name in lines[0]
    assert snapshot(study.root) == before


def test_the_largest_of_many_categories_are_told_apart() -> None:
    sizes = {f"c{k:02d}": 30 - k for k in range(20)}
    labels = pd.DataFrame({"sort": [name for name, n in sizes.items() for _ in range(n)]})
    level, names = few_categories(labels) or ("", [])
    assert level == "sort"
    assert set(names) == {*(f"c{k:02d}" for k in range(7)), "other"}
    each = [f"o{number:02d}" for number in range(12)]
    assert few_categories(pd.DataFrame({"each": each})) is None
    few = few_categories(pd.DataFrame({"sort": each, "kind": ["a", "b"] * 6}))
    assert few == ("kind", ["a", "b"] * 6)


def test_a_plan_and_what_a_study_departed_from(
    study: Study, report: Callable[..., Page], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("plan", str(study.root), "--participants", "3", "--people", "weights")
    hypotheses = tmp_path / "hypotheses.md"
    hypotheses.write_text("Discs are <b>alike</b>.")
    assert call(*words, "--hypotheses", str(hypotheses)) == 0
    said = " ".join(capsys.readouterr().out.split())
    content = (study.root / "plan.json").read_bytes()
    assert hashlib.sha256(content).hexdigest() in said.replace(" ", "")
    page = Page((study.root / "plan.html").read_text("utf-8"))
    for planned in (
        "3 participants are to be analysed",
        "Discs are <b>alike</b>.",
        "people weights",
    ):
        assert planned in page.text
    assert "3 sessions had been recorded when this plan was written" in page.text
    about = {"schema_version": 1, "inputs": {}, "config": {}, "twoalike_version": "0.1.0"}
    size = {
        "participants": 40,
        "per_group": 20,
        "trials_per_person": 9,
        "differ": 17,
        "power": 0.85,
    }
    answer = about | {"kind": "group_power", "recommended": size | {"simulated": 20}}
    ends = {"value": 850.2, "low": 700.0, "high": 1000.0}
    answer["stop"] = {"similarity_interval": 1.5, "judgments": ends}
    (tmp_path / "p.json").write_text(json.dumps(answer))
    again = shutil.copytree(study.root, tmp_path / "again")
    with (again / "study.toml").open("a") as file:
        file.write("[stop]\nsimilarity_interval = 1.5\n")
    assert call("plan", str(again), "--power", str(tmp_path / "p.json"), "--overwrite") == 0
    assert "17 of 20 simulated studies found the groups" in (again / "plan.html").read_text("utf-8")
    text = (again / "plan.html").read_text("utf-8")
    assert "no wider than 1.5 standard deviations of these similarities, as is expected" in text
    assert call(*words) == 1  # a hash may have been registered
    assert (study.root / "plan.json").read_bytes() == content
    done = report(study)
    assert (
        "departs from it in 2 points" in done.text and ", after 3 sessions (SHA" in done.text
    )  # how people differ, and sessions before it
    toml = study.root / "study.toml"
    toml.write_text(
        toml.read_text().replace("catch = 4", "catch = 5") + "[exclusion]\nmissed = 2\n"
    )
    table = tmp_path / "files" / "plan-kept.csv"
    report(Study.load(study.root), files=table.parent)
    kept = pd.read_csv(table, keep_default_na=False).set_index("what")
    assert kept.loc["design.catch"].tolist() == ["4", "5"]
    assert kept.loc["exclusion.missed"].tolist() == ["10", "2"]
    assert kept.loc["fit: people", "planned"] == "weights"
    (study.root / "plan.json").write_text('{"kind": "plan", "schema_version": 1}')
    with pytest.raises(TwoalikeError, match="is missing"):
        report(study)
