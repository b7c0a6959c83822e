"""Judgments as one tidy table: its schema, its file, where it comes from, how it is split.

The table has one row a judgment; its columns are described in
:mod:`twoalike.judgments._schema`. Readers of other people's files and of our own raw data all
end in that table, and everything downstream starts from it.
"""

from twoalike.judgments._delimited import import_triplets, read_triplets
from twoalike.judgments._file import read_choices, write_choices
from twoalike.judgments._raw import read_raw
from twoalike.judgments._schema import choices_table, object_index, participant_index
from twoalike.judgments._split import split_by_object, split_by_participant, split_by_triplet

__all__ = [
    "choices_table",
    "import_triplets",
    "object_index",
    "participant_index",
    "read_choices",
    "read_raw",
    "read_triplets",
    "split_by_object",
    "split_by_participant",
    "split_by_triplet",
    "write_choices",
]
