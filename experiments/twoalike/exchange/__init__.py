"""Data out of the lab: copies fit for publication, and formats that other tools read."""

from twoalike.exchange._dissimilarities import Dissimilarities as Dissimilarities
from twoalike.exchange._dissimilarities import ExportedDissimilarities as ExportedDissimilarities
from twoalike.exchange._dissimilarities import export_dissimilarities as export_dissimilarities
from twoalike.exchange._merge import Merged as Merged
from twoalike.exchange._merge import merge_studies as merge_studies
from twoalike.exchange._private import check_private as check_private
from twoalike.exchange._private import find_private as find_private
from twoalike.exchange._psychds import export_psychds as export_psychds
from twoalike.exchange._share import Shared as Shared
from twoalike.exchange._share import share as share
