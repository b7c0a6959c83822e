"""Texts of a page: untrue sentences are replaced, those that a lab wrote are kept."""

import re
import tomllib
from typing import Any

import pytest

from twoalike.online._compile import _TEXTS, for_browser, without_keys
from twoalike.registry import find_task, task_names
from twoalike.tasks import OddOneOut, Protocol, for_stimuli, languages

WITH_A_PAGE = [name for name in task_names() if find_task(name).page is not None]
LAB = re.compile(
    r"\bEsc\b|Esc[键キ]|Échap|with the mouse|Without a mouse|press Return|mit der Maus|Ohne Maus"
)
CLOSE = {
    **{"en": "close this page", "de": "Schließen Sie diese Seite", "fr": "fermez cette page"},
    **{"es": "cierre esta página", "nl": "sluit deze pagina", "it": "chiuda questa pagina"},
    **{"ja": "このページを閉じて", "zh": "请关闭此页面", "ar": "أغلق هذه الصفحة"},
}


def shipped(task: str, language: str, kind: str) -> Protocol:
    """Protocol with the texts that come with twoalike."""
    model: type[Protocol] = find_task(task).protocol
    return for_stimuli(model.model_validate({"language": language}), {kind})


def words(protocol: Protocol) -> str:
    """All texts of a session, but the page after Esc, which no browser shows."""
    texts: dict[str, Any] = protocol.model_dump()["texts"]
    said = [text for name, text in texts.items() if name != "stop"]
    return "\n".join(one for text in said for one in ([text] if isinstance(text, str) else text))


@pytest.mark.parametrize("kind", ["image", "word", "sound"])
@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("task", WITH_A_PAGE)
def test_shipped_texts_hold_in_a_browser(task: str, language: str, kind: str) -> None:
    lab = shipped(task, language, kind)
    assert LAB.search(words(lab))
    page = words(for_browser(lab))
    assert not LAB.search(page)
    assert CLOSE[language] in page


@pytest.mark.parametrize("language", languages())
def test_every_sentence_is_a_shipped_one(language: str) -> None:
    sentences = tomllib.loads((_TEXTS / f"sentences.{language}.toml").read_text("utf-8"))
    assert sentences.pop("read_by_speaker") in (True, False)
    kinds = ("image", "word", "sound")
    there = [words(shipped(task, language, kind)) for task in WITH_A_PAGE for kind in kinds]
    assert [one for one in sentences if not any(one in text for text in there)] == []


@pytest.mark.parametrize("language", languages())
def test_texts_of_the_page_keep_what_is_filled_in(language: str) -> None:
    files = (_TEXTS / f"page.{one}.toml" for one in (language, "en"))
    page, english = (tomllib.loads(file.read_text("utf-8")) for file in files)
    assert list(page) == list(english)
    for key, text in english.items():
        kept, there = (sorted(re.findall(r"\{\w+\}", str(one))) for one in (page[key], text))
        assert kept == there, key


def test_what_a_lab_wrote_stays() -> None:
    own = {"instruction": ["Press Esc, or ask us."], "go_on": "On with the space bar"}
    protocol = OddOneOut.model_validate({"texts": own})
    texts = for_browser(protocol).texts
    assert texts.instruction == ("Press Esc, or ask us.",)
    assert texts.go_on == "On with the space bar"
    assert for_browser(for_browser(OddOneOut())) == for_browser(OddOneOut())


KEYS = re.compile(
    r"\b(?:[SD]|keys?|keyboard|space bar|Tab|Return|Shift|mouse|click|[0-9])\b|[←↑→↓]|"
    r"Tasten?\b|Tastatur|taste\b|Maus|klicken|"
    r"touches\b|clavier|souris|cliqu|teclas?\b|teclado|ratón|clic\b|toetsen|muis\b|klik|"
    r"\btasti\b|tastiera|mouse|キー|マウス|クリック|[按回]?[车格]键|鼠标|点击|مفتاح|المفاتيح|بالفأرة|انقر"
)


@pytest.mark.parametrize("kind", ["image", "word", "sound"])
@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("task", WITH_A_PAGE)
def test_keys_are_not_mentioned_where_there_are_none(task: str, language: str, kind: str) -> None:
    texts = for_browser(shipped(task, language, kind)).texts
    shown = [*texts.instruction, texts.pause, texts.practice_end, texts.resume, texts.go_on]
    shown += [texts.choose, texts.choose_several, texts.enter, texts.write, texts.time_out]
    shown += [texts.model_dump()["prompt"], texts.ready, texts.end, texts.finish, texts.listen]
    assert KEYS.search("\n".join(shown))
    for keyed, keyless in without_keys(language).items():
        shown = [text.replace(keyed, keyless) for text in shown]
    assert [text for text in shown if KEYS.search(text)] == []
