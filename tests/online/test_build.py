"""What a study compiles to: the steps of the window, pictures, and no right answers."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageChops
from tests.conftest import call, write_study
from tests.stored import list_images

from twoalike.online import (
    OnlineSession,
    OnlineStudy,
    Person,
    build_online,
    check_built,
    read_built,
)
from twoalike.online._records import (
    ArrangementStep,
    BlockStep,
    PageStep,
    QuestionStep,
    Step,
    TrialStep,
)
from twoalike.online._site import pictures
from twoalike.record import RunName, read_journal, read_run
from twoalike.registry import find_task, task_names
from twoalike.sitting import sit
from twoalike.stimuli import StimulusSet, read_picture, write_words
from twoalike.study import TwoalikeError
from twoalike.tasks import OddOneOut, View, languages, lay_out

CONSENT = '[texts]\nconsent = "We show you pictures."\n'
ASKED = """
[consent]
ask = true
version = "3"
[form]
questions = [{ id = "age", text = "How old are you?", kind = "age" }]
[[blocks.questions]]
id = "tired"
text = "Are you tired?"
kind = "choices"
options = ["no", "yes"]
[debrief]
questions = [{ id = "how", text = "How did you choose?", kind = "long_text" }]
"""
CHECKS = "practice = 2\npractice_checks = 1\ncatch = 2\nrepeats = 2\n"
LISTED = f"trials = 12\n{CHECKS}trials_per_block = 5\n"
TWO_TASKS = """trials = 4
practice = 1
[arrangement]
scheduler = "full"
full_trials = 2
session_minutes = 0
practice_items = 3
[sitting]
tasks = ["odd-one-out", "multi-arrangement"]
[[conditions]]
name = "shape"
tasks = ["odd-one-out"]
instruction = { en = ["Judge by shape."] }
[[conditions]]
name = "colour"
tasks = ["odd-one-out"]
instruction = { en = ["Judge by colour."] }
"""
QUESTIONS = ASKED.replace("[[blocks.questions]]", "[ignored]").split("[ignored]")[0]
type MakeStudy = Callable[..., Path]


@pytest.fixture
def study(make_study: MakeStudy) -> Path:
    return make_study("study", LISTED, ASKED + CONSENT)


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> OnlineStudy:
    """A built study that no test changes."""
    root = write_study(tmp_path_factory.mktemp("listed") / "s", LISTED, ASKED + CONSENT)
    return build(root)


def build(root: Path, n: int = 1, *options: str) -> OnlineStudy:
    """Build by the real command line."""
    assert call("online", "build", root, "--participants", n, *options) == 0
    return read_built(root)


def steps_of(built: OnlineStudy, kind: type[Any]) -> list[Any]:
    """Steps of the first participant's first part that are of a kind."""
    return [one for one in built.person("w0001").parts[0].steps if isinstance(one, kind)]


def told(step: Step) -> Iterator[tuple[str, object]]:
    """What the log says of a step."""
    match step:
        case PageStep():
            yield "page", step.name
        case QuestionStep():
            yield "question", step.id
        case TrialStep() | ArrangementStep():
            yield "trial", step.trial.trial_index


def logged(root: Path, name: RunName) -> Iterator[tuple[str, object]]:
    """Pages, questions and trials of a session in a window, in their order."""
    for entry in read_journal(name.journal(root / "data" / "raw")).entries:
        match entry:
            case {"event": "question", "id": what}:
                yield "question", what
            case {"what": "trial", "rows": [{"trial_index": index}, *_]}:
                yield "trial", index
            case {"event": event, "shown_s": _} if event != "ready":
                yield "page", event


@pytest.mark.parametrize(
    ("design", "odd_one_out", "arrangement", "task", "n_parts"),
    [
        (LISTED, ASKED + CONSENT, "", "odd-one-out", 1),
        ("trials = 7\npractice = 0\n", "[breaks]\nbreak_every = 3\n", "", "odd-one-out", 1),
        (TWO_TASKS, QUESTIONS + CONSENT, QUESTIONS + CONSENT, "", 3),
    ],
    ids=["all pages", "counted breaks", "two tasks, two conditions"],
)
def test_steps_are_those_of_the_window(
    design: str, odd_one_out: str, arrangement: str, task: str, n_parts: int, make_study: MakeStudy
) -> None:
    root = make_study("study", design, odd_one_out, arrangement)
    options = ["--task", task] if task else []
    person = build(root, 1, *options).person("w0001")
    how: Any = {"task": task or None, "simulate": True, "window": False}
    outcome = sit(root, "w0001", show=lambda _: None, **how)
    assert len(person.parts) == n_parts == len(outcome.earlier) + 1
    for part, ran in zip(person.parts, (*outcome.earlier, outcome), strict=True):
        name = RunName.parse(ran.path)
        assert [one for step in part.steps for one in told(step)] == [*logged(root, name)]
        rows = read_run(ran.path).rows
        for trial in (step.trial for step in part.steps if isinstance(step, TrialStep)):
            row = rows[rows["trial_index"] == trial.trial_index].iloc[0]
            assert trial.stimuli == tuple(row[f"stimulus_{k}"] for k in (1, 2, 3))
            assert trial.positions == tuple(row[f"position_{k}"] for k in (1, 2, 3))
            assert trial.block_index == row["block_index"]


def test_pages_have_the_texts_times_and_progress_of_the_window(listed: OnlineStudy) -> None:
    (part,) = listed.person("w0001").parts
    consent = part.steps[0]
    assert isinstance(consent, QuestionStep)
    about = (consent.measure, consent.text, consent.minimum_s, consent.values["consent_version"])
    assert about == ("consent", "We show you pictures.", 5, "3")
    assert consent.declined is not None
    assert consent.declined.name == "declined"
    pauses = [step for step in steps_of(listed, PageStep) if step.name == "break"]
    shown = [(step.progress, step.limit_s, step.keys) for step in pauses]
    assert shown == [((done, 16), 120, ("space",)) for done in (5, 10)]
    assert pauses[0].caption == "5 of 16 trials done"
    assert listed.session.without_keys["Go on (space bar)"] == "Go on"
    assert part.resume.name == "resume"
    protocol = listed.session.protocols[part.protocol]
    assert OddOneOut.model_validate(protocol).consent.version == "3"


def test_the_page_knows_no_right_answer_but_those_of_practice(
    listed: OnlineStudy, make_study: MakeStudy
) -> None:
    trials = [step.trial for step in steps_of(listed, TrialStep)]
    table = listed.prepared("w0001")[0].plan.trials
    assert table is not None
    checks = table[table["trial_type"] == "catch"]
    assert len(checks) == 2
    assert set(checks["expected_odd"]) <= {"1", "2", "3"}
    assert {trial.trial_type for trial in trials} == {"practice", "main"}
    known = [trial for trial in trials if trial.expected is not None]
    assert [trial.trial_type for trial in known] == ["practice"]
    content = (listed.folder / "people" / "w0001.json").read_text()
    assert "catch" not in content
    assert "repeat" not in content
    silent = build(make_study("study", LISTED, "[practice]\nfeedback = false\n"))
    assert not any(step.trial.expected for step in steps_of(silent, TrialStep))


def test_every_object_is_there_as_people_see_it(listed: OnlineStudy) -> None:
    stimuli = StimulusSet.load(listed.study.stimuli)
    assert set(listed.session.images) == set(stimuli.ids)
    for name, image in listed.session.images.items():
        file = listed.folder / image.file
        assert sha256(file.read_bytes()).hexdigest() == image.sha256
        with Image.open(file) as shown:
            assert shown.size == (image.width, image.height)
        assert file.read_bytes() == stimuli.path(name).read_bytes()


def _images(folder: Path, rng: np.random.Generator) -> None:
    """Write files that browsers and other programs show in different ways."""
    folder.mkdir()
    image = Image.fromarray(rng.integers(0, 256, (24, 36, 3)).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned
    image.save(folder / "turned.jpg", exif=exif)
    image.convert("CMYK").save(folder / "inks.jpg")
    image.save(folder / "flat.webp", lossless=True)
    image.save(folder / "plain.jpg")
    image.save(folder / "old.bmp")
    image.putalpha(Image.fromarray(rng.integers(0, 256, (24, 36)).astype(np.uint8)))
    image.save(folder / "clear.png")


def test_what_browsers_would_show_otherwise_is_converted_without_loss(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    _images(tmp_path / "stimuli", rng)
    stimuli = list_images(tmp_path / "stimuli")
    made = {one.name: one for one in pictures(stimuli, stimuli.ids, OddOneOut())}
    kept = {name for name in made if made[name].content == stimuli.path(name).read_bytes()}
    names = {stimuli.path(name).name for name in kept}
    assert names == {"flat.webp", "plain.jpg"}
    for name in made.keys() - kept:
        file = tmp_path / "converted.png"
        file.write_bytes(made[name].content)
        assert made[name].about.file.endswith(".png")
        assert not ImageChops.difference(
            read_picture(file), read_picture(stimuli.path(name))
        ).getbbox()


def test_the_page_refers_to_nothing_that_is_not_there(listed: OnlineStudy) -> None:
    folder = listed.folder
    page = (folder / "index.html").read_text()
    named = [folder / name for name in re.findall(r'(?:src|href)="([^"#:]+)"', page)]
    for script in (folder / "js").glob("*.js"):
        found = re.findall(r'(?:from|import)\s*\(?"(\.[^"]+)"', script.read_text())
        named += [script.parent / name for name in found]
    assert folder / "js" / "main.js" in named
    assert [path for path in named if not path.resolve().is_file()] == []
    assert not (folder / "operator").exists()
    assert not [*folder.glob("*/*.ts"), *folder.rglob("*.map")]


def test_words_become_pictures_in_the_protocols_colours(make_study: MakeStudy) -> None:
    root = make_study("study", "trials = 4\npractice = 0\n", '[screen]\nbackground = "#ffeecc"\n')
    shutil.rmtree(root / "stimuli")
    (root / "words.txt").write_text("cat\ndog\nhorse\nelephant\n")
    write_words(root / "words.txt", root / "stimuli")
    built = build(root, 1, "--task", "odd-one-out")
    with Image.open(built.folder / built.session.images["cat"].file) as shown:
        assert shown.convert("RGB").getpixel((0, 0)) == (0xFF, 0xEE, 0xCC)


def test_building_again_changes_nothing_and_more_people_keep_those_there(study: Path) -> None:
    first = build(study, 2)
    times = {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")}
    assert build_online(study, 2).state == "unchanged"
    assert {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")} == times
    people = [(first.folder / "people" / f"w000{k}.json").read_bytes() for k in (1, 2)]
    more = build(study, 3)
    assert [(more.folder / "people" / f"w000{k}.json").read_bytes() for k in (1, 2)] == people
    assert more.session.hash != first.session.hash
    assert check_built(study).session == more.session


def test_a_page_that_is_not_the_studys_is_noticed(study: Path, capsys: Any) -> None:
    with pytest.raises(TwoalikeError, match="found none. Build the page with"):
        check_built(study)
    built = build(study)
    image = built.folder / next(iter(built.session.images.values())).file
    content = image.read_bytes()
    image.write_bytes(content + b" ")
    with pytest.raises(TwoalikeError, match="a file of it missing or changed"):
        check_built(study)
    image.write_bytes(content)
    protocol = study / "protocols" / "odd_one_out.toml"
    protocol.write_text(protocol.read_text().replace("How old are you?", "Your age?"))
    with pytest.raises(TwoalikeError, match="shows something else"):
        check_built(study)


def test_what_people_have_begun_is_not_changed_by_accident(study: Path) -> None:
    before = build(study, 2)
    sit(study, "w0001", task="odd-one-out", simulate=True, window=False, show=lambda _: None)
    assert check_built(study).session == before.session  # their answers change nothing
    assert build_online(study, 2).state == "unchanged"
    text = (study / "study.toml").read_text()
    (study / "study.toml").write_text(text.replace("repeats = 2", "repeats = 1"))
    with pytest.raises(TwoalikeError, match="after 1 participant began"):
        build_online(study, 2)
    assert read_built(study).session == before.session
    assert build_online(study, 2, overwrite=True).session.hash != before.session.hash


def test_a_folder_of_something_else_is_not_replaced(study: Path) -> None:
    (study / "online").mkdir()
    (study / "online" / "notes.txt").write_text("mine")
    with pytest.raises(TwoalikeError, match="session.json"):
        build_online(study, 1)
    assert (study / "online" / "notes.txt").read_text() == "mine"


GROUPS = '[groups]\nnames = ["a", "b", "c"]\n'


def test_groups_orders_and_objects_are_shared_out(make_study: MakeStudy) -> None:
    settings = f"{TWO_TASKS}{GROUPS}"
    root = make_study("study", settings, CONSENT, CONSENT)
    text = (root / "study.toml").read_text()
    (root / "study.toml").write_text(text.replace("seed = 7", "seed = 7\nobjects_per_person = 5"))
    built = build(root, 12)
    people = [built.person(code) for code in built.session.participants]
    groups = [person.group for person in people]
    assert {groups.count(name) for name in "abc"} == {4}
    first = [person.parts[0].task for person in people]
    assert first.count("odd-one-out") == first.count("multi-arrangement") == 6
    shown = [_objects(person) for person in people]
    assert {len(one) for one in shown} == {5}
    counts = [sum(name in one for one in shown) for name in built.session.images]
    assert set(counts) == {7, 8}  # 12 people, 5 of 8 objects each
    assert build_online(root, 5).session.participants == built.session.participants[:5]
    again = [build_online(root, 5).person(code) for code in built.session.participants[:5]]
    assert again == people[:5]


def _objects(person: Person) -> set[str]:
    found = set[str]()
    for step in (step for part in person.parts for step in part.steps):
        found |= set(step.trial.stimuli) if isinstance(step, TrialStep) else set()
        found |= set(step.trial.items) if isinstance(step, ArrangementStep) else set()
    return found


def test_what_the_list_of_participants_assigns_is_kept(make_study: MakeStudy) -> None:
    root = make_study("study", f"trials = 4\npractice = 0\n{GROUPS}")
    built = build(root, 5, "--task", "odd-one-out")
    raw, group = root / "data" / "raw", built.studies["w0004"].group
    raw.mkdir(parents=True)
    lines = ("participant_id\tsimulated\tgroup", f"sub-w0004\tfalse\t{group}")
    (raw / "participants.tsv").write_text("\n".join([*lines, ""]))
    assert check_built(root).studies == built.studies


def test_an_adaptive_design_waits_for_its_blocks(make_study: MakeStudy) -> None:
    design = 'sampler = "adaptive"\ntrials = 12\npractice = 2\ntrials_per_block = 5\n'
    root = make_study("study", design)
    built = build(root, 1, "--task", "odd-one-out")
    blocks = steps_of(built, BlockStep)
    assert [step.block for step in blocks] == [2, 3, 4]
    assert all(step.practice_end and step.pause for step in blocks)
    assert not steps_of(built, TrialStep)
    assert len(built.session.images) == 8
    assert not (root / "design").exists()  # no list is written before it is chosen


SHORT = "[timing]\npresentation_ms = 10\n"


@pytest.mark.parametrize(
    ("design", "protocol", "message"),
    [
        ("", "[triggers]\nkind = 'lsl'\n", "triggers for recordings"),
        ("", "[scanner]\nstart = 'session'\n", "a scanner's trigger"),
        ("", SHORT, "at least one frame of 60 Hz, 16.7 ms, found 10 ms"),
        (
            "trials = 6\nsampler = 'adaptive'\n",
            CONSENT + ASKED,
            "questions between blocks that are chosen",
        ),
        ("", "[consent]\nask = true\n", "still has the text that comes with twoalike"),
        ("", "[images]\nimage_fraction = 0\nimage_px = 900\n", "do not fit a window"),
        (f"trials = 4\n{GROUPS}assignment = 'operator'\n", "", "found operator"),
        ("trials = 4\nsampler = 'coverage'\n", "", "expected a trial list there"),
    ],
)
def test_what_no_browser_can_show_is_refused(
    design: str, protocol: str, message: str, make_study: MakeStudy
) -> None:
    root = make_study("study", design, protocol)
    with pytest.raises(TwoalikeError, match=message) as caught:
        build_online(root, 2, task="odd-one-out")
    assert "\n" not in str(caught.value)
    assert not (root / "online").exists()


def test_tasks_and_blocks_that_only_a_window_has_are_refused(
    make_study: MakeStudy, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_study("study", "trials = 6\n")
    monkeypatch.setattr(find_task("free-sorting"), "page", None)  # as one of another package
    assert call("online", "build", root, "--participants", "1", "--task", "free-sorting") == 1
    assert "multi-arrangement, pair-rating" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "n_listed"),
    [("", 0), ('scheduler = "full"\n', 0), ('scheduler = "full"\nsession_minutes = 0\n', 3)],
)
def test_arrangements_that_answers_decide_are_blocks(
    settings: str, n_listed: int, make_study: MakeStudy
) -> None:
    root = make_study("study", f"[arrangement]\n{settings}catch = 1\n")
    built = build(root, 1, "--task", "multi-arrangement")
    trials = [step.trial for step in steps_of(built, ArrangementStep)]
    assert [trial.trial_index for trial in trials] == list(range(1, n_listed + 1))
    blocks = [(one.block, one.task) for one in steps_of(built, BlockStep)]
    assert blocks == [(1, "multi-arrangement")] * (not n_listed)
    # Neither categories nor what tells attention checks from other trials.
    assert all({"trial_type", "groups", "seed"}.isdisjoint(one.model_dump()) for one in trials)


SHORT = {"odd_one_of_many": "trials", "most_alike_pair": "trials", "pair_rating": "pairs"}


@pytest.mark.parametrize("language", languages())
def test_tasks_fit_a_phone(language: str, make_study: MakeStudy) -> None:
    protocol = f'language = "{language}"\n'
    names = [name for name in task_names() if find_task(name).page is not None]
    lists = "".join(f"[{table}]\n{n} = 4\n" for table, n in SHORT.items())
    root = make_study("study", "trials = 4\n" + lists + f"[sitting]\ntasks = {json.dumps(names)}\n")
    for name in names:
        (root / "protocols" / f"{find_task(name).module}.toml").write_text(protocol)
    width, height = build(root).session.least_window_px
    assert width <= 360
    assert height <= 640


def test_fixed_sizes_need_their_room(make_study: MakeStudy) -> None:
    def session(name: str, size: str) -> OnlineSession:
        root = make_study(name, "", f"[images]\nimage_fraction = 0\n{size}\n")
        return build(root, 1, "--task", "odd-one-out").session

    size = session("fixed", "image_px = 300").least_window_px
    assert size[0] >= 3 * 300 + 2 * 40
    images = {"image_fraction": 0, "image_px": 300}
    assert lay_out(OddOneOut.model_validate({"images": images}), View(size)).image == 300
    degrees = session("degrees", "image_deg = 4")
    assert degrees.card
    assert degrees.least_window_px[0] > 3 * 140


def test_texts_of_the_page_are_in_the_studys_language(make_study: MakeStudy) -> None:
    german = make_study("de", "", 'language = "de"\n')
    own = german / "protocols" / "page.toml"
    own.write_text('start = "Los geht es"\n', encoding="utf-8")
    session = build(german, 1, "--task", "odd-one-out").session
    texts = session.texts
    assert (session.language, texts["title"], texts["start"]) == (
        "de",
        "A small study",
        "Los geht es",
    )
    english = build(make_study("en"), 1, "--task", "odd-one-out").session.texts
    assert [key for key, text in english.items() if text == texts[key] != ""] == ["title"]
    assert english.keys() == texts.keys() and "{done}" in texts["loading"]
    own.write_text('begin = "Los"\n', encoding="utf-8")
    with pytest.raises(TwoalikeError, match="begin"):
        build_online(german, 1, task="odd-one-out")


def test_a_second_session_asks_what_is_open(study: Path) -> None:
    sit(study, "w0001", task="odd-one-out", simulate=True, window=False, show=lambda _: None)
    built = build(study, 1, "--session", "2")
    assert steps_of(built, PageStep)[0] == built.person("w0001").parts[0].steps[0]
    assert built.session.session == 2
