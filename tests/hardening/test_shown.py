"""What comes from data is text wherever it is shown: no HTML on pages, no orders to a terminal."""

import json
from pathlib import Path

import pytest
import xarray as xr
from tests.conftest import call
from tests.hardening.readers import IDS, make_posterior

from twoalike.cli.app import main
from twoalike.embedding import Posterior
from twoalike.study import Content, FiniteNumber, TwoalikeError, WholeNumber, check_content, visible

EVIL = "a\x1b[2J\x07\x0b\u202eb\u2028c\x85\u200fd"


def test_errors_give_no_orders_to_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An object's name, and the name of a file, both with an escape in them."""
    (tmp_path / "ids.txt").write_text("a\nb\x1b[2Jc\nb\x1b[2Jc\n")
    (tmp_path / "t.txt").write_text("0 1 2\n")
    ids = ["--objects", str(tmp_path / "ids.txt"), "--out", str(tmp_path / "c.parquet")]
    for triplets in (tmp_path / "t.txt", tmp_path / EVIL):
        with pytest.raises(SystemExit) as ended:
            main(["import", "choices", str(triplets), *ids])
        said = capsys.readouterr().err
        assert ended.value.code == 1
        assert said.endswith("\n")
        assert said[:-1].isprintable()
        assert r"\x1b[2J" in said


def test_tables_give_no_orders_to_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Participants and objects whose names hold an escape, and markup."""
    make_posterior(tmp_path)
    tree = Posterior.load(tmp_path / "posterior.nc").tree
    objects = [f"[/]{name}\x1b[2J" for name in IDS]
    group = tree["posterior"].dataset
    people = ["p\x1b[31m", "[red]q[/"]
    tree["posterior"] = xr.DataTree(group.assign_coords(object=objects, participant=people))
    # Of a single chain all dimensions are shown: nothing tells that one of them is not stable.
    Posterior(tree.isel(chain=[0])).save(tmp_path / "odd.nc")
    for verb, shown in (("participants", r"p\x1b[31m"), ("dimensions", r"[/]o1\x1b[2J")):
        assert call(verb, tmp_path / "odd.nc") == 0
        said = capsys.readouterr().out
        assert "\x1b" not in said
        assert shown in said


@pytest.mark.parametrize("sign", EVIL)
def test_signs_that_are_not_read_are_shown_as_codes(sign: str) -> None:
    assert visible(sign).isprintable()
    assert visible(f"é {sign}日本\n")[-1] == "\n"


class Inner(Content):
    d: str


class Outer(Content):
    a: tuple[WholeNumber, ...]
    b: dict[str, FiniteNumber | None] = {}
    c: Inner


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([], "expected a table, found"),
        ({"a": []}, "c is missing"),
        ({"a": 1, "c": {"d": ""}}, "a: expected a list, .in brackets., found 1"),
        ({"a": [True], "c": {"d": ""}}, "a.0: expected a whole number, found true"),
        ({"a": [10**16], "c": {"d": ""}}, "a.0: expected at most"),
        ({"a": [], "c": {"d": None}}, 'c.d: expected text in quotes, "like this", found null'),
        ({"a": [], "c": {"d": ""}, "b": {"x": "1"}}, 'b.x: expected a number, found "1"'),
        ({"a": [], "c": {"d": ""}, "b": {"x": float("nan")}}, "b.x: expected a finite number"),
        ({"a": [], "c": {"d": ""}, "b": None}, "b: expected a table, found null"),
    ],
)
def test_the_first_place_of_another_shape_is_named(content: object, says: str) -> None:
    with pytest.raises(TwoalikeError, match=f"^x: {says}.*\\. Mend it\\.$"):
        check_content(content, Outer, "x", "Mend it.")


def test_content_of_the_shape_is_taken() -> None:
    content = {"a": [1, 2], "b": {"x": None, "y": 1, "z": 0.5}, "c": {"d": "", "e": []}, "f": 1}
    check_content(json.loads(json.dumps(content)), Outer, "x", "")
