"""Tab-separated tables come back as they were written, and damage is named."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twoalike.tables import read_tsv, write_tsv

CELLS = st.text(st.characters(exclude_characters="\t\n\r", exclude_categories=["Cs"]), min_size=1)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5))
def test_tables_come_back_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("table") / "t.tsv"
    table = pd.DataFrame(rows, columns=["a", "b"], dtype=str)
    write_tsv(path, table)
    assert read_tsv(path, "a table", ["b"]).equals(table)


def test_a_cell_with_a_tab_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a tab"):
        write_tsv(tmp_path / "t.tsv", pd.DataFrame({"a": ["x\ty"]}))
    assert not list(tmp_path.iterdir())
