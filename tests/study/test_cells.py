"""Cells of exports: nothing that a spreadsheet runs, everything else as it was."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twoalike.study import inert_cell

RUN = ("=1+1", "=cmd|'/C calc'!A0", "-dog", "@SUM(A1)", "\tx", "\r=1", " =1", "＝1+1", "-", "'=1")
KEPT = ("-1.5", "+2", "-1e-05", "-.5", "1,5", "-1,5", "dog", "'tis", "a=b", "", "n/a", "O'Hara")


@pytest.mark.parametrize("text", RUN)
def test_formulas_get_an_apostrophe(text: str) -> None:
    assert inert_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", [*KEPT, "+49", -1.5, -3, None, True])
def test_numbers_and_other_text_are_left_alone(text: object) -> None:
    assert inert_cell(text) is text


@given(st.text("=+-@'\t\r ab1.", max_size=6))
def test_one_apostrophe_less_gives_the_text_back(text: str) -> None:
    cell = inert_cell(text)
    assert not re.match(r"[=@\t\r]", cell)
    if re.match(r"'+\s*[=+\-@]|'+[\t\r]", cell):
        assert cell[1:] == text
    else:
        assert cell == text
