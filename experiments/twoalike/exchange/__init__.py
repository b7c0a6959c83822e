"""Data out of the lab: copies fit for publication, and formats that other tools read."""

from twoalike.exchange._dataset import read_texts
from twoalike.exchange._dissimilarities import (
    Dissimilarities,
    ExportedDissimilarities,
    arranged_dissimilarities,
    as_mat,
    as_npz,
    export_dissimilarities,
)
from twoalike.exchange._merge import Merged, merge_studies
from twoalike.exchange._private import Private, check_private, computer_names, find_private
from twoalike.exchange._psychds import export_psychds, is_psychds_source, psychds_files
from twoalike.exchange._share import Shared, ShareOptions, file_kind, share, share_files

__all__ = [
    "Dissimilarities",
    "ExportedDissimilarities",
    "Merged",
    "Private",
    "ShareOptions",
    "Shared",
    "arranged_dissimilarities",
    "as_mat",
    "as_npz",
    "check_private",
    "computer_names",
    "export_dissimilarities",
    "export_psychds",
    "file_kind",
    "find_private",
    "is_psychds_source",
    "merge_studies",
    "psychds_files",
    "read_texts",
    "share",
    "share_files",
]
