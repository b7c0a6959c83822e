"""Data out of the lab: copies fit for publication, and formats that other tools read."""

from twoalike.exchange._dataset import check_new_folder, read_texts, write_texts
from twoalike.exchange._dissimilarities import (
    Dissimilarities,
    arranged_dissimilarities,
    as_mat,
    as_npz,
)
from twoalike.exchange._merge import Merged, merge_studies
from twoalike.exchange._private import Private, computer_names, find_private
from twoalike.exchange._psychds import is_psychds_source, psychds_files
from twoalike.exchange._search import check_private
from twoalike.exchange._share import Shared, ShareOptions, file_kind, share_files

__all__ = [
    "Dissimilarities",
    "Merged",
    "Private",
    "ShareOptions",
    "Shared",
    "arranged_dissimilarities",
    "as_mat",
    "as_npz",
    "check_new_folder",
    "check_private",
    "computer_names",
    "file_kind",
    "find_private",
    "is_psychds_source",
    "merge_studies",
    "psychds_files",
    "read_texts",
    "share_files",
    "write_texts",
]
