<<<<<<< ours
from ._archive import read_archive as read_archive
from ._compile import arrangement_steps as arrangement_steps
from ._compile import choice_steps as choice_steps
from ._fetch import Fetched as Fetched
from ._fetch import display_errors as display_errors
from ._fetch import fetch as fetch
from ._limits import Limits as Limits
from ._records import Item as Item
from ._records import Record as Record
from ._serve import default_store as default_store
from ._serve import make_links as make_links
from ._serve import new_token as new_token
from ._serve import online_folder as online_folder
from ._serve import serve as serve
=======
from ._blocks import Block as Block
from ._blocks import NextBlocks as NextBlocks
from ._blocks import block_table as block_table
from ._blocks import next_block as next_block
from ._blocks import spliced as spliced
from ._records import Item as Item
from ._records import Record as Record
from ._refitting import QUICK_FIT as QUICK_FIT
from ._refitting import read_choices as read_choices
from ._refitting import refit as refit
from ._refitting import refit_repeatedly as refit_repeatedly
from ._session import BlockStep as BlockStep
>>>>>>> theirs
from ._session import OnlineSession as OnlineSession
from ._session import PageStep as PageStep
from ._session import Person as Person
<<<<<<< ours
from ._session import Step as Step
from ._site import OnlineStudy as OnlineStudy
from ._site import build_online as build_online
from ._site import check_built as check_built
from ._site import read_built as read_built
from ._store import read_store as read_store
=======
from ._session import TrialStep as TrialStep
from ._snapshots import CutOff as CutOff
from ._snapshots import Snapshot as Snapshot
from ._snapshots import latest_snapshot as latest_snapshot
from ._snapshots import publish_snapshot as publish_snapshot
from ._snapshots import read_snapshot as read_snapshot
from ._snapshots import snapshot_folder as snapshot_folder
>>>>>>> theirs
