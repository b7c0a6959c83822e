"""Texts that do not fit, and colours with too little contrast, are named."""

import numpy as np
import pytest
from tests.display.consent import LANGUAGES, consent_text

from twoalike.study import ScreenProfile
from twoalike.tasks import (
    SMALLEST_SCREEN,
    OddOneOut,
    Protocol,
    View,
    between,
    box_fill,
    check_texts,
    readable_on,
)
from twoalike.tasks._protocol_file import check_contrast, contrast

LONG = "a word about what to do now and later " * 12
MANY = "an answer that is told at length " * 9


@pytest.mark.parametrize("language", LANGUAGES)
def test_long_consent_instruction_and_thanks_fit_the_smallest_screen(language: str) -> None:
    text = consent_text(language)
    texts = {"consent": text, "instruction": [text, text], "end": text, "practice_end": text}
    protocol = OddOneOut.model_validate({"consent": {"ask": True}, "texts": texts})
    assert check_texts(protocol, View(SMALLEST_SCREEN)) == []


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"texts": {"prompt": LONG}}, "texts.prompt"),
        ({"texts": {"labels": ["1", LONG, "3"]}}, "texts.labels"),
        ({"texts": {"wrong": LONG}}, "texts.wrong"),
        ({"texts": {"stop": LONG * 9}}, "texts.stop"),
        ({"texts": {"wait": LONG * 9}}, "texts.wait"),
        ({"texts": {"time_out": LONG * 9}}, "texts.time_out"),
        ({"texts": {"needs_answer": LONG}}, "texts.needs_answer"),
        ({"texts": {"ready": LONG}}, "texts.ready"),
        ({"consent": {"ask": True}, "texts": {"agree": MANY * 9}}, "texts.consent"),
        ({"texts": {"go_on": LONG * 9}}, "texts.instruction, page 1"),
        (
            {
                "form": {
                    "questions": [
                        {"id": "why", "kind": "choice", "text": LONG, "options": [MANY * 2] * 9}
                    ]
                }
            },
            "form.questions.why",
        ),
        ({"texts": {"end": "\ue123 private use"}}, "texts.end"),
    ],
)
def test_the_text_that_does_not_fit_is_named(settings: dict[str, object], key: str) -> None:
    found = check_texts(OddOneOut.model_validate(settings), View(SMALLEST_SCREEN))
    assert key in [line.partition(":")[0] for line in found]
    assert all(("1024 x 768" in line) != ("no font" in line) for line in found)


def test_images_for_a_larger_screen_are_no_fault_of_the_texts() -> None:
    protocol = OddOneOut.model_validate({"images": {"image_px": 500, "image_fraction": 0}})
    profile = ScreenProfile(width_m=0.3, distance_m=0.6, size_px=SMALLEST_SCREEN)
    assert check_texts(protocol, View(SMALLEST_SCREEN)) == []
    (found,) = check_texts(protocol, View(SMALLEST_SCREEN, profile))
    assert "do not fit a window of 1024 x 768" in found


# Colours.


def themed(background: str, foreground: str, accent: str = "#0072b2") -> Protocol:
    screen = {"background": background, "foreground": foreground, "accent": accent}
    return OddOneOut.model_validate({"screen": screen})


def test_themes_with_too_little_contrast_are_named_with_their_ratio() -> None:
    assert check_contrast(themed("#ffffff", "#767676")) == []
    (found,) = check_contrast(themed("#ffffff", "#777777"))
    assert "screen.foreground #777777" in found
    assert "4.5 to 1" in found
    assert "4.48" in found
    (found,) = check_contrast(themed("#101010", "#f0f0f0", "#303030"))
    assert "screen.accent #303030" in found
    assert "3 to 1" in found


def test_text_in_boxes_and_on_buttons_can_be_read_in_every_theme(rng: np.random.Generator) -> None:
    for _ in range(300):
        background, foreground, accent = (
            f"#{''.join(f'{c:02x}' for c in rng.integers(0, 256, 3))}" for _ in range(3)
        )
        assert contrast(readable_on(accent), accent) >= 4.5
        screen = themed(background, foreground, accent).screen
        box = box_fill(screen)
        assert contrast(foreground, box) >= contrast(foreground, background) - 0.1
        faint = between(background, foreground, 0.25)
        assert contrast(readable_on(faint, foreground), faint) >= 4.5
