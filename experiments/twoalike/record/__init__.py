"""Raw data: a BIDS data set that is valid at every moment and loses no finished trial."""

from twoalike.record._answers import (
    AskedQuestion,
    answered_questions,
    asked_questions,
    check_answers,
    read_answers,
    store_answers,
)
from twoalike.record._bids import check_bids
from twoalike.record._check import (
    Checked,
    check_dataset,
    check_folder,
    check_raw,
    check_run_files,
    require_sound,
)
from twoalike.record._dataset import check_codes, check_codes_apart, exposed_data
from twoalike.record._manifest import Apparatus, RunPlan, read_manifest
from twoalike.record._names import RunName, find_runs, participant_label
from twoalike.record._people import missing_files, unreadable_texts
from twoalike.record._read import (
    Progress,
    RawProblem,
    RawRun,
    read_events,
    read_run,
    run_progress,
    whole_rows,
)
from twoalike.record._recover import recover_run
from twoalike.record._rules import check_arrangement_rows, check_triplet_rows
from twoalike.record._run import RunRecord, check_run, hold_participant, open_run, shown_trials
from twoalike.record._tables import (
    ANSWERS,
    ARRANGEMENT_EVENTS,
    ARRANGEMENTS,
    OLDEST_AGE,
    PARTICIPANTS,
    TRIPLETS,
)
from twoalike.record._witness import TRIAL_SHOWN

__all__ = [
    "ANSWERS",
    "ARRANGEMENTS",
    "ARRANGEMENT_EVENTS",
    "OLDEST_AGE",
    "PARTICIPANTS",
    "TRIAL_SHOWN",
    "TRIPLETS",
    "Apparatus",
    "AskedQuestion",
    "Checked",
    "Progress",
    "RawProblem",
    "RawRun",
    "RunName",
    "RunPlan",
    "RunRecord",
    "answered_questions",
    "asked_questions",
    "check_answers",
    "check_arrangement_rows",
    "check_bids",
    "check_codes",
    "check_codes_apart",
    "check_dataset",
    "check_folder",
    "check_raw",
    "check_run",
    "check_run_files",
    "check_triplet_rows",
    "exposed_data",
    "find_runs",
    "hold_participant",
    "missing_files",
    "open_run",
    "participant_label",
    "read_answers",
    "read_events",
    "read_manifest",
    "read_run",
    "recover_run",
    "require_sound",
    "run_progress",
    "shown_trials",
    "store_answers",
    "unreadable_texts",
    "whole_rows",
]
