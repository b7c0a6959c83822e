"""The protocols: every knob in the file, and wrong ones refused with the reason."""

import runpy
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from twoalike.display._window import key_name
from twoalike.study import ScreenProfile, Study, TwoalikeError, load_toml
from twoalike.tasks import (
    SYNONYMS,
    MultiArrangement,
    OddOneOut,
    Protocol,
    View,
    lay_out,
    load_protocol,
    protocol_template,
)
from twoalike.tasks._protocol import KEYS

ROOT = Path(__file__).resolve().parents[2]
PROTOCOLS: dict[str, type[Protocol]] = {
    "odd_one_out": OddOneOut,
    "multi_arrangement": MultiArrangement,
}
_ENGLISH = protocol_template(OddOneOut())
each_task = pytest.mark.parametrize("name", PROTOCOLS)


def _models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _models(field.annotation)


def _filled(protocol: Protocol) -> Protocol:
    """Protocol with values that are empty by default: questions, examples, codes."""
    return type(protocol).model_validate(
        {
            **protocol.model_dump(),
            "pages": {"images": [[], ["a", "b"]]},
            "form": {
                "questions": [
                    {"id": "age", "text": "Wie alt sind Sie?", "kind": "age", "required": False},
                    {"id": "hand", "text": "Hand?", "kind": "choice", "options": ["l", "r"]},
                ]
            },
            "debrief": {"questions": [{"id": "how", "text": "Wie?\n\nKurz.", "kind": "text"}]},
            "triggers": {"kind": "lsl", "codes": {"response": 0}},
        }
    )


@each_task
@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("filled", [False, True])
def test_the_template_holds_every_knob_with_its_value(
    name: str, language: str, filled: bool
) -> None:
    model = PROTOCOLS[name]
    protocol = model.model_validate({"language": language})
    if filled:
        protocol = _filled(protocol)
    content = tomllib.loads(protocol_template(protocol))
    assert model.model_validate(content) == protocol

    def same_keys(model: BaseModel, table: dict[str, object]) -> None:
        left_out = {"questions"} if getattr(model, "questions", None) == () else set()
        assert [key for key in type(model).model_fields if key not in left_out] == list(table)
        for key, value in table.items():
            if isinstance(value, dict):
                same_keys(getattr(model, key), value)

    same_keys(protocol, content)


@each_task
def test_questions_can_be_added_at_the_end_of_the_template(name: str) -> None:
    protocol = PROTOCOLS[name].model_validate({})
    question = '\n[[{}.questions]]\nid = "age"\nkind = "age"\ntext = "How old are you?"\n'
    longer = protocol_template(protocol) + question.format("form") + question.format("debrief")
    read = PROTOCOLS[name].model_validate(tomllib.loads(longer))
    assert [asked.questions[0].id for asked in (read.form, read.debrief)] == ["age", "age"]


@pytest.mark.parametrize("language", ["en", "de"])
def test_instructions_wrap_with_the_window_and_fit_every_layout(language: str) -> None:
    for protocol in (OddOneOut(language=language), MultiArrangement(language=language)):
        for page in protocol.model_dump()["texts"]["instruction"]:
            assert not [part for part in page.split("\n\n") if "\n" in part]
            assert "side by side" not in page and "nebeneinander" not in page  # or a triangle


@each_task
def test_every_knob_says_what_it_means(name: str) -> None:
    for model in _models(PROTOCOLS[name]):
        for key, field in model.model_fields.items():
            table = isinstance(field.default, BaseModel) and type(field.default).__doc__
            assert field.description or table, f"{model.__name__}.{key} has no description"


@pytest.mark.parametrize(
    ("toml", "why"),
    [
        ("[timing]\nfixation = 1", r"unknown key 'timing\.fixation'; did you mean 'fixation_s'"),
        ("[timing]\nfixation_s = -1", r"key 'timing\.fixation_s'"),
        ("[timing]\nresponse_limit_s = 0.1", "longer than minimum_rt_s"),
        ("[images]\nimage_px = 300", "exactly one of image_fraction, image_px and image_deg"),
        ("[images]\nimage_fraction = 0", "exactly one of"),
        ('[answers]\nleft = ["2"]', "'2' has two meanings"),
        ('[answers]\nleft = ["escape"]', "'escape' has two meanings"),
        ('[answers]\nleft = ["LEFT"]', "called 'LEFT'; did you mean 'left'"),
        ('[answers]\nleft = ["lefft"]', r"'answers\.left': .* 'lefft'; did you mean 'left'"),
        ('[answers]\nleft = ["num_end"]\nright = ["num_1"]', "'num_1' has two meanings"),
        ("[answers]\nmouse = false\nleft = []", "each image needs a key"),
        ('[screen]\nbackground = "grey"', "background"),
        ('[texts]\nprogress = "{n} done"', "progress knows"),
        ("[texts]\ninstruction = []", "instruction"),
        ('task = "arrangement"', "task"),
        ('task = "multi-arrangement"', "task"),
        ("[screen]\nwidth_m = 0.5", r"unknown key 'screen\.width_m'"),
        ("[timing]\npage_s = 1", r"unknown key 'timing\.page_s'"),
        ('[answers]\nlabels = ["1", "2", "3"]', r"unknown key 'answers\.labels'"),
        ('language = "German"', "language"),
        ('[screen]\nforeground = "red"', "expected a colour such as #e6e6e6, found 'red'"),
        ('[screen]\ntouch = "yes"', "'screen.touch': expected true or false, found \"yes\""),
        ('[timing]\nfixation_s = "1"', "'timing.fixation_s': expected a number, found \"1\""),
        ('[images]\nlayout = "triangl"', 'expected "row" or "triangle".*did you mean "triangle"'),
        ("[images]\npage_s = 1", r"unknown key 'images\.page_s'"),
        (
            '[[form.questions]]\nid = "a"\ntekst = "b"',
            "'form.questions.0.tekst'; did you mean 'text'",
        ),
        ("screen = 3", "'screen': expected a table, found 3"),
        ('[pages]\nimages = "dog"', r"'pages.images': expected a list, \[in brackets\], found"),
        ("[pages]\nimages = [[1]]", "'pages.images.0.0': expected text in quotes"),
        ('language = "pt"', r"no texts are shipped .* \[texts\].*'consent'"),
        ('[[form.questions]]\nid = "a"\ntext = "b"\nkind = "choice"', "needs options"),
        (
            '[[form.questions]]\nid = "a"\ntext = "b"\nkind = "age"\noptions = ["1", "2"]',
            "only one of them, needs options",
        ),
        ('[[form.questions]]\nid = "Your age"\ntext = "b"\nkind = "age"', "id"),
        ('[[form.questions]]\nid = "a"\ntext = "b"\nkind = "date"', "kind"),
        (2 * '[[debrief.questions]]\nid = "a"\ntext = "b"\nkind = "text"\n', "the id 'a'"),
        ('[[form.questions]]\nid = "session_id"\ntext = "b"\nkind = "age"', "is taken"),
        ('[triggers]\nkind = "serial"', "port must be given"),
        ("[triggers.codes]\nresponse = 2", "two moments have the code 2"),
        ("[triggers.codes]\nresponse = 256", "response"),
    ],
)
def test_a_wrong_protocol_is_refused_with_the_reason(toml: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "protocol.toml"
    path.write_text(toml, encoding="utf-8")
    with pytest.raises(TwoalikeError, match=why) as caught:
        load_toml(path, OddOneOut)
    assert str(path) in str(caught.value)


def test_texts_that_are_shipped_follow_the_language_and_others_need_translations(
    tmp_path: Path,
) -> None:
    settings, path = tmp_path / "study.toml", tmp_path / "protocols" / "odd_one_out.toml"
    path.parent.mkdir()
    settings.write_text("title = 'a'\nseed = 1\n", encoding="utf-8")
    for language in ("de", "pt"):
        path.write_text(_ENGLISH.replace('language = "en"', f'language = "{language}"'), "utf-8")
        if language == "de":
            found = load_protocol(Study.load(tmp_path), OddOneOut)
            assert found == OddOneOut.model_validate({"language": "de"})
        else:
            with pytest.raises(TwoalikeError, match="no texts are shipped .* 'pt'"):
                load_protocol(Study.load(tmp_path), OddOneOut)
    settings.write_text("title = 'a'\nseed = 1\nlanguages = ['en', 'de']\n", encoding="utf-8")
    own = '[texts]\nprompt = "Odd?"\n[[form.questions]]\nid = "a"\nkind = "choice"\n'
    own += 'text = {en = "Do you?", de = "Ja?"}\noptions = ["yes", "no"]'
    path.write_text(own, encoding="utf-8")
    german = Study.load(tmp_path).in_language("de")
    lacking = f"{path}: .*'de'.* none for texts.prompt, form.questions.0.options"
    with pytest.raises(TwoalikeError, match=lacking):
        load_protocol(german, OddOneOut)
    given = own.replace('["yes", "no"]', '{en = ["yes", "no"], de = ["ja", "nein"]}')
    path.write_text(given.replace('"Odd?"', '{en = "Odd?", de = "Was?"}'), encoding="utf-8")
    found = load_protocol(german, OddOneOut)
    (asked,) = found.form.questions
    assert (found.texts.prompt, asked.text, asked.labels) == ("Was?", "Ja?", ("ja", "nein"))
    assert (asked.asked, asked.options) == ("Do you?", ("yes", "no"))


def test_names_of_keys_are_those_of_the_window() -> None:
    spec = find_spec("pyglet")
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).parent / "window" / "key.py"  # importing it would open a window
    names = runpy.run_path(str(source))["_key_names"].values()
    assert {key_name(name) for name in names} == KEYS
    assert SYNONYMS.keys() & KEYS == set()
    assert MultiArrangement.model_validate(
        {"answers": {"done_keys": ["return", "enter", "num_enter"]}}
    ).answers.done_keys == ("return", "num_enter")


@pytest.mark.parametrize("arrangement", ["row", "triangle"])
@pytest.mark.parametrize("size", [(1280, 1024), (1920, 1080), (1088, 870), (3840, 2160)])
def test_the_images_fit_and_are_hit_where_they_are_drawn(
    size: tuple[int, int], arrangement: str
) -> None:
    layout = lay_out(OddOneOut.model_validate({"images": {"layout": arrangement}}), View(size))
    assert layout.image > size[1] / 4
    assert layout.prompt_y + layout.text / 2 <= size[1] / 2
    assert layout.timer_y - layout.text / 2 >= -size[1] / 2
    for place in ("left", "middle", "right"):
        x, y = layout.centre(place)
        assert abs(x) + layout.image / 2 <= size[0] / 2
        assert abs(y) + layout.image / 2 <= size[1] / 2
        half = layout.image / 2
        assert {layout.hit(x + dx, y + dy) for dx in (-half, half) for dy in (-half, half)} == {
            place
        }
        assert layout.hit(x, y + half + 1) is None
        assert layout.hit(x + half + 1, y) is None


def test_degrees_are_degrees() -> None:
    protocol = OddOneOut.model_validate({"images": {"image_deg": 6.0, "image_fraction": 0.0}})
    profile = ScreenProfile(width_m=0.5, distance_m=0.6)
    # 6 degrees at 60 cm are 6.289 cm; the screen has 20 pixels a cm.
    assert lay_out(protocol, View((1000, 800), profile)).image == 126
    # A window that takes half of the screen has the same pixels.
    assert lay_out(protocol, View((500, 800), profile, 1000)).image == 126


@pytest.mark.parametrize("arrangement", ["row", "triangle"])
def test_images_that_do_not_fit_are_refused(arrangement: str) -> None:
    images = {"image_px": 500, "image_fraction": 0, "layout": arrangement}
    protocol = OddOneOut.model_validate({"images": images})
    with pytest.raises(TwoalikeError, match="do not fit a window of 1280 x 1024"):
        lay_out(protocol, View((1280, 1024)))


@pytest.mark.parametrize(
    ("table", "values", "reason"),
    [
        ("arena", {"item_fraction": 0.3}, "item_fraction"),
        ("arena", {"line": "grey"}, "line"),
        ("timing", {"trial_limit_s": 0.5}, "minimum_s"),
        ("answers", {"done_keys": ["space"]}, "two meanings"),
        ("answers", {"magnify_keys": ["escape"]}, "two meanings"),
        ("answers", {"next_keys": ["left"]}, "arrows move"),
        ("answers", {"step_fraction": 0.0}, "step_fraction"),
        ("texts", {"left": "{m} left"}, "left knows"),
        ("rules", {"undo": True}, "undo"),
    ],
)
def test_impossible_settings_are_refused(
    table: str, values: dict[str, object], reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason):
        MultiArrangement.model_validate({table: values})
