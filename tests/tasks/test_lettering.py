"""Lines of any script: where they break, where they begin, how wide they are."""

import numpy as np
import pytest

from twoalike.stimuli.lettering import (
    LINE,
    Letters,
    broken,
)
from twoalike.tasks.lettering import (
    draw_label,
    draw_text,
    label_lines,
    label_size,
    set_text,
    text_height,
)

ENGLISH = "You may stop at any time, without giving a reason and without any disadvantage. " * 4
ARABIC = "يمكنك التوقف في أي وقت دون إبداء أسباب ودون أي ضرر عليك من وراء ذلك. " * 4
JAPANESE = "あなたはいつでも、理由を述べることなく「参加」を取りやめることができます。" * 4


@pytest.mark.parametrize("width", [300, 500, 900])
def test_labels_fill_the_width_evenly(width: int) -> None:
    text = "One two three four five six seven eight nine ten eleven twelve.\n\nAlone."
    letters = Letters(text, 26)
    first, *rest = text.split("\n")
    lines = label_lines(text, letters, width)
    assert lines[-2:] == rest
    assert " ".join(lines[:-2]) == first
    wide = [letters.width(line) for line in lines[:-2]]
    assert max(wide) <= width
    assert len(wide) == len(broken(first, letters, width))
    assert min(wide) > 0.6 * max(wide)
    image = draw_label(text, 26, "#000000", width)
    assert abs(image.height - LINE * 26 * len(lines)) < 26
    assert np.abs(np.subtract(image.size, label_size(text, 26, width))).max() <= 4


def edges(text: str, width: int, *, rtl: bool) -> tuple[list[int], list[int], int]:
    """First and last column with ink of each line, and the width of the image."""
    lines = set_text(text, 24, width)
    ink = np.asarray(draw_text(lines, "#000000", rtl=rtl))[..., 3] > 0
    step = lines[0].step
    rows = [ink[round(k * step) : round((k + 1) * step)].any(axis=0) for k in range(len(lines))]
    found = [np.flatnonzero(row) for row in rows]
    return [int(f[0]) for f in found], [int(f[-1]) for f in found], ink.shape[1]


def test_lines_of_japanese_end_at_both_edges() -> None:
    first, last, wide = edges(JAPANESE, 500, rtl=False)
    assert len(first) > 3
    # Brackets and closing marks leave half of their square empty.
    assert max(first) <= 14
    assert min(last[:-1]) >= wide - 20


def test_words_stay_whole_and_addresses_break_where_they_must() -> None:
    address = "https://www.example.org/" + "studies-of-likeness/" * 12
    text = f"Read more at {address} or ask us."
    lines = set_text(text, 24, 400)
    assert max(line.width for line in lines) <= 400
    assert "".join(line.text for line in lines).replace(" ", "") == text.replace(" ", "")
    for line in set_text(ENGLISH, 24, 400):
        assert set(line.text.split()) <= set(ENGLISH.split())


def test_headings_are_larger_set_off_and_keep_no_sign() -> None:
    lines = set_text(
        "# What is done\nYou judge.\n\nYou stop.\n## Data\nA code.\n#1 is a number", 20, 400
    )
    assert [line.text for line in lines] == [
        *("What is done", "You judge.", "You stop.", "Data", "A code.", "#1 is a number")
    ]
    assert [line.heading for line in lines] == [True, False, False, True, False, False]
    assert lines[0].height > lines[1].height
    assert lines[3].space > lines[2].space > lines[4].space > lines[5].space == 0
    assert text_height(lines) == pytest.approx(
        sum(line.step for line in lines) + sum(line.space for line in lines)
    )


@pytest.mark.parametrize("text", ["Was noch", "ما الذي", "研究の目的"])
def test_a_heading_is_heavier_than_a_paragraph_in_every_script(text: str) -> None:
    def ink(source: str) -> float:
        (line,) = set_text(source, 40, 800)
        alpha = np.asarray(draw_text([line], "#000000", rtl=False))[..., 3] / 255
        return float(alpha.sum() / line.height**2)

    assert ink(f"# {text}") > 1.15 * ink(text)
