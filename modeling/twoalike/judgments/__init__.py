"""Judgments as tidy tables: their schemas, their files, where they come from, how to split them.

Choices have one row a judgment (:mod:`twoalike.judgments._schema`), arrangements one row an item
placed (:mod:`twoalike.judgments._arrangements`), dissimilarities one row a pair
(:mod:`twoalike.judgments._dissimilarities`). Readers of other people's files and of our own
raw data all end in these tables, and everything downstream starts from them.
"""

from twoalike.judgments._arrangements import Arrangement, arrangements_table, trials_of
from twoalike.judgments._delimited import import_triplets, read_triplets
from twoalike.judgments._dissimilarities import (
    PairSource,
    dissimilarities_table,
    pair_sources,
)
from twoalike.judgments._file import (
    read_arrangements,
    read_choices,
    read_dissimilarities,
    write_arrangements,
    write_choices,
    write_dissimilarities,
)
from twoalike.judgments._meadows import import_meadows
from twoalike.judgments._raw import read_raw
from twoalike.judgments._raw_arrangements import read_raw_arrangements
from twoalike.judgments._raw_table import raw_tasks
from twoalike.judgments._rdm import RdmTable, import_dissimilarities, read_rdms
from twoalike.judgments._schema import (
    ITEMS,
    JUDGED,
    choices_table,
    object_index,
    participant_index,
)
from twoalike.judgments._sources import (
    ForeignFrame,
    JudgmentKind,
    JudgmentTable,
    collect_judgments,
    read_judgments,
)
from twoalike.judgments._split import split_by_object, split_by_participant, split_by_triplet

__all__ = [
    "ITEMS",
    "JUDGED",
    "Arrangement",
    "ForeignFrame",
    "JudgmentKind",
    "JudgmentTable",
    "PairSource",
    "RdmTable",
    "arrangements_table",
    "choices_table",
    "collect_judgments",
    "dissimilarities_table",
    "import_dissimilarities",
    "import_meadows",
    "import_triplets",
    "object_index",
    "pair_sources",
    "participant_index",
    "raw_tasks",
    "read_arrangements",
    "read_choices",
    "read_dissimilarities",
    "read_judgments",
    "read_raw",
    "read_raw_arrangements",
    "read_rdms",
    "read_triplets",
    "split_by_object",
    "split_by_participant",
    "split_by_triplet",
    "trials_of",
    "write_arrangements",
    "write_choices",
    "write_dissimilarities",
]
