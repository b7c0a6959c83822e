"""Data out of the lab: copies fit for publication, and formats that other tools read."""

from twoalike.exchange._dataset import read_texts as read_texts
from twoalike.exchange._dissimilarities import Dissimilarities as Dissimilarities
from twoalike.exchange._dissimilarities import ExportedDissimilarities as ExportedDissimilarities
from twoalike.exchange._dissimilarities import arranged_dissimilarities as arranged_dissimilarities
from twoalike.exchange._dissimilarities import as_mat as as_mat
from twoalike.exchange._dissimilarities import as_npz as as_npz
from twoalike.exchange._dissimilarities import export_dissimilarities as export_dissimilarities
from twoalike.exchange._merge import Merged as Merged
from twoalike.exchange._merge import merge_studies as merge_studies
from twoalike.exchange._private import Private as Private
from twoalike.exchange._private import check_private as check_private
from twoalike.exchange._private import computer_names as computer_names
from twoalike.exchange._private import find_private as find_private
from twoalike.exchange._psychds import export_psychds as export_psychds
from twoalike.exchange._psychds import is_psychds_source as is_psychds_source
from twoalike.exchange._psychds import psychds_files as psychds_files
from twoalike.exchange._share import Shared as Shared
from twoalike.exchange._share import ShareOptions as ShareOptions
from twoalike.exchange._share import file_kind as file_kind
from twoalike.exchange._share import share as share
from twoalike.exchange._share import share_files as share_files
