"""Raw data: a BIDS data set that is valid at every moment and loses no finished trial."""

from twoalike.record._bids import check_bids
from twoalike.record._check import check_run_files
from twoalike.record._column import MISSING, Column
from twoalike.record._columns import (
    COLUMNS,
    column_dictionary,
    format_row,
)
from twoalike.record._manifest import Apparatus, RunPlan, read_manifest
from twoalike.record._names import RunName, find_runs, participant_label
from twoalike.record._read import RawProblem, RawRun, read_run
from twoalike.record._run import Progress, RunRecord, check_run, hold_participant, open_run

__all__ = [
    "COLUMNS",
    "MISSING",
    "Apparatus",
    "Column",
    "Progress",
    "RawProblem",
    "RawRun",
    "RunName",
    "RunPlan",
    "RunRecord",
    "check_bids",
    "check_run",
    "check_run_files",
    "column_dictionary",
    "find_runs",
    "format_row",
    "hold_participant",
    "open_run",
    "participant_label",
    "read_manifest",
    "read_run",
]
