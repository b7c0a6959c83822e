"""The ground all stages stand on: a study's folder and settings, files, errors, provenance.

Nothing here knows about tasks, models or networks, and nothing here is heavy to import.
"""

from twoalike.study._access import Access, readable_by, readable_by_others
from twoalike.study._cells import MISSING, folder_labels, inert_cell
from twoalike.study._config import (
    PLAN_STEP,
    ArrangementConfig,
    DesignConfig,
    ExclusionConfig,
    LevelShares,
    StudyConfig,
)
from twoalike.study._disk import (
    hold_lock,
    hold_output,
    is_first_process,
    sync_file,
    sync_folder,
)
from twoalike.study._errors import TwoalikeError
from twoalike.study._foreign import (
    DAMAGED,
    DAMAGED_HDF5,
    PROVENANCE,
    array_bytes,
    array_header,
    check_hdf5,
    check_unfolded,
    load_arrays,
    load_mat,
    load_parquet,
    mat_bytes,
)
from twoalike.study._outputs import (
    atomic_directory,
    atomic_path,
    check_output,
    find_leftovers,
    write_json,
    writing,
)
from twoalike.study._profile import ScreenProfile, load_profile, profile_path, save_profile
from twoalike.study._provenance import (
    SAFE_SEED,
    check_seed,
    claim_parts,
    draw_seed,
    part_of,
    provenance,
    read_json,
    read_seed,
    whole_parts,
    written_seed,
)
from twoalike.study._reading import (
    check_shape,
    parse_json,
    parse_json_table,
    read_delimited,
    read_ids,
    read_text,
    require_file,
    sha256_file,
)
from twoalike.study._settings import (
    Strict,
    describe_changes,
    flattened,
    load_toml,
    plain_words,
)
from twoalike.study._study import Study
from twoalike.study._types import Booleans, Floats, Integers
from twoalike.study._words import counted, how_to_install, shortened, visible
from twoalike.study._work import Interrupt, held_interrupt, progress

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
    "check_seed",
    "check_shape",
    "check_unfolded",
    "claim_parts",
    "counted",
    "describe_changes",
    "draw_seed",
    "find_leftovers",
    "flattened",
    "folder_labels",
    "held_interrupt",
    "hold_lock",
    "hold_output",
    "how_to_install",
    "inert_cell",
    "is_first_process",
    "load_arrays",
    "load_mat",
    "load_parquet",
    "load_profile",
    "load_toml",
    "mat_bytes",
    "part_of",
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
