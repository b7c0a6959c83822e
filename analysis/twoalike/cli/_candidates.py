"""What commands that set networks side by side read: their features, and labels."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from twoalike.evaluation import Candidate


def named(text: str) -> tuple[str, Path]:
    """Split NAME=FILE; the name is the file's, without its ending, where none is given."""
    name, mark, file = text.partition("=")
    if not mark or Path(text).exists():
        return Path(text).stem, Path(text)
    return name.strip(), Path(file)


def read_candidates(
    features: list[str], objects: Path | None, similarity: Literal["cosine", "raw-cosine", "dot"]
) -> tuple[list["Candidate"], dict[str, Path]]:
    """Networks from their tables of features, and the files by role."""
    from twoalike.evaluation import Candidate
    from twoalike.features import read_features

    files = [named(text) for text in features]
    tables = [read_features(path, objects) for _, path in files]
    candidates = [
        Candidate(name, table, similarity) for (name, _), table in zip(files, tables, strict=True)
    ]
    return candidates, {f"features {name}": path for name, path in files}


def read_labels(path: Path | None) -> tuple[dict[str, dict[str, str]], dict[str, Path]]:
    """Labels of each level by object id, and the file by role."""
    from twoalike.study import TwoalikeError
    from twoalike.tables import read_tsv

    if path is None:
        return {}, {}
    table = read_tsv(path, "labels of objects", ["id"])
    levels = [name for name in table.columns if name not in {"id", "file", "sha256"}]
    twice = table["id"][table["id"].duplicated()]
    if not levels or len(twice):
        found = f"{twice.iloc[0]!r} twice" if len(twice) else "no column beside the ids"
        raise TwoalikeError(
            f"{path}: expected an object a line and its labels, a column a level; found {found}."
        )
    by_level = {level: dict(zip(table["id"], table[level], strict=True)) for level in levels}
    return by_level, {"labels": path}
