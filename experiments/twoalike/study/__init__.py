"""The ground all stages stand on: a study's folder and settings, files, errors, provenance.

Nothing here knows about tasks, models or networks, and nothing here is heavy to import.
"""

from twoalike.study._access import Access, readable_by, readable_by_others
from twoalike.study._arrangement import ArrangementConfig
from twoalike.study._arrays import (
    DAMAGED,
    array_bytes,
    array_header,
    check_unfolded,
    load_arrays,
)
from twoalike.study._cells import inert_cell
from twoalike.study._config import (
    Study,
    StudyConfig,
    load_toml,
)
from twoalike.study._design import PLAN_STEP, DesignConfig, ExclusionConfig, LevelShares
from twoalike.study._errors import TwoalikeError
from twoalike.study._faults import plain_words
from twoalike.study._files import (
    atomic_directory,
    atomic_path,
    check_output,
    read_delimited,
    read_ids,
    read_text,
    require_file,
    sha256_file,
    write_json,
    writing,
)
from twoalike.study._filesystem import sync_file, sync_folder
from twoalike.study._hdf5 import DAMAGED_HDF5, check_hdf5
from twoalike.study._interrupt import Interrupt, held_interrupt
from twoalike.study._json import parse_json, parse_json_table
from twoalike.study._labels import MISSING, folder_labels
from twoalike.study._leftovers import find_leftovers
from twoalike.study._lock import hold_lock, hold_output, is_first_process
from twoalike.study._matlab import mat_bytes
from twoalike.study._parquet import PROVENANCE, load_parquet
from twoalike.study._parts import claim_parts, whole_parts
from twoalike.study._profile import ScreenProfile, load_profile, profile_path, save_profile
from twoalike.study._progress import progress
from twoalike.study._provenance import provenance, read_json
from twoalike.study._seed import SAFE_SEED, draw_seed, read_seed, written_seed
from twoalike.study._shape import check_shape
from twoalike.study._strict import Strict
from twoalike.study._types import Booleans, Floats, Integers
from twoalike.study._words import (
    counted,
    describe_changes,
    how_to_install,
    shortened,
    visible,
)

__all__ = [
    "DAMAGED",
    "DAMAGED_HDF5",
    "MISSING",
    "PLAN_STEP",
    "PROVENANCE",
    "SAFE_SEED",
    "Access",
    "ArrangementConfig",
    "Booleans",
    "DesignConfig",
    "ExclusionConfig",
    "Floats",
    "Integers",
    "Interrupt",
    "LevelShares",
    "ScreenProfile",
    "Strict",
    "Study",
    "StudyConfig",
    "TwoalikeError",
    "array_bytes",
    "array_header",
    "atomic_directory",
    "atomic_path",
    "check_hdf5",
    "check_output",
    "check_shape",
    "check_unfolded",
    "claim_parts",
    "counted",
    "describe_changes",
    "draw_seed",
    "find_leftovers",
    "folder_labels",
    "held_interrupt",
    "hold_lock",
    "hold_output",
    "how_to_install",
    "inert_cell",
    "is_first_process",
    "load_arrays",
    "load_parquet",
    "load_profile",
    "load_toml",
    "mat_bytes",
    "parse_json",
    "parse_json_table",
    "plain_words",
    "profile_path",
    "progress",
    "provenance",
    "read_delimited",
    "read_ids",
    "read_json",
    "read_seed",
    "read_text",
    "readable_by",
    "readable_by_others",
    "require_file",
    "save_profile",
    "sha256_file",
    "shortened",
    "sync_file",
    "sync_folder",
    "visible",
    "whole_parts",
    "write_json",
    "writing",
    "written_seed",
]
