"""Files appear whole or not at all, and bad input is named."""

from pathlib import Path

import pytest

from twoalike.study import (
    TwoalikeError,
    atomic_directory,
    atomic_path,
    provenance,
    read_delimited,
    read_ids,
    read_json,
    sha256_file,
    write_json,
)


class _StopError(Exception):
    pass


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "table.tsv"
    target.write_text("old")
    with pytest.raises(_StopError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise _StopError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_successful_write_replaces_and_makes_folders(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "table.tsv"
    with atomic_path(target) as temporary:
        assert temporary.suffix == ".tsv"
        temporary.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(TwoalikeError, match="cannot make this folder"),
        atomic_path(tmp_path / "file" / "out.json"),
    ):
        pass


def test_a_folder_is_replaced_as_one(tmp_path: Path) -> None:
    target = tmp_path / "teacher"
    for content in ("first", "second"):
        with atomic_directory(target) as temporary:
            (temporary / content).write_text(content)
        assert [p.name for p in target.iterdir()] == [content]
    with pytest.raises(_StopError), atomic_directory(target) as temporary:
        (temporary / "third").write_text("half")
        raise _StopError
    assert [p.name for p in target.iterdir()] == ["second"]
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(None, "no such file"), (b"", "empty file"), (b"\n \n", "found none"), (b"a\nb\na\n", "twice")]
    + [(b"\xff\xfe", "not UTF-8")],
)
def test_bad_ids_are_named(tmp_path: Path, content: bytes | None, complaint: str) -> None:
    path = tmp_path / "ids.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TwoalikeError, match=complaint) as caught:
        read_ids(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("separator", ["\t", ",", ";", " ", "   "])
def test_any_usual_separator_is_read(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "triplets.txt"
    rows = [["dog", "cat", "car"], ["1", "2", "3"]]
    path.write_text("# a comment\n" + "\n".join(separator.join(row) for row in rows) + "\n\n")
    assert read_delimited(path, "triplets").to_numpy().tolist() == rows


def test_provenance_holds_hashes_and_no_folders(tmp_path: Path) -> None:
    source = tmp_path / "somebody" / "choices.parquet"
    source.parent.mkdir()
    source.write_bytes(b"data")
    described = provenance("posterior", seed=3, inputs={"choices": source}, config={"d": 4})
    write_json(tmp_path / "out.json", described)
    assert "somebody" not in (tmp_path / "out.json").read_text()
    again = read_json(tmp_path / "out.json", "posterior")
    assert again["inputs"]["choices"]["sha256"] == sha256_file(source)
    with pytest.raises(TwoalikeError, match="expected kind 'teacher', found 'posterior'"):
        read_json(tmp_path / "out.json", "teacher")


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    write_json(tmp_path / "out.json", provenance("teacher") | {"schema_version": 99})
    with pytest.raises(TwoalikeError, match="Upgrade"):
        read_json(tmp_path / "out.json", "teacher")


def test_a_folder_that_cannot_be_written_to_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> str:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with pytest.raises(TwoalikeError, match="cannot write .Read-only file system"):
        with atomic_directory(tmp_path / "out"):
            raise AssertionError("never reached")
