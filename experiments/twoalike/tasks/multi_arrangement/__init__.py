"""The multi-arrangement task: images are placed in a circle so that alike ones are close."""

from twoalike.tasks.multi_arrangement._arranging import ArrangementActivity as ArrangementActivity
from twoalike.tasks.multi_arrangement._arranging import ArrangementResult as ArrangementResult
from twoalike.tasks.multi_arrangement._arranging import ArrangementTrial as ArrangementTrial
from twoalike.tasks.multi_arrangement._arranging import Seating as Seating
from twoalike.tasks.multi_arrangement._layout import ArenaLayout as ArenaLayout
from twoalike.tasks.multi_arrangement._layout import arena_lines as arena_lines
from twoalike.tasks.multi_arrangement._layout import lay_out_arena as lay_out_arena
from twoalike.tasks.multi_arrangement._placing import Ending as Ending
from twoalike.tasks.multi_arrangement._placing import Handling as Handling
from twoalike.tasks.multi_arrangement._protocol import MultiArrangement as MultiArrangement
from twoalike.tasks.multi_arrangement._protocol import PlacedImages as PlacedImages
from twoalike.tasks.multi_arrangement._protocol import PlacingProtocol as PlacingProtocol
from twoalike.tasks.multi_arrangement._session import PreparedArrangements as PreparedArrangements
from twoalike.tasks.multi_arrangement._session import pages_between as pages_between
from twoalike.tasks.multi_arrangement._session import prepare_arrangements as prepare_arrangements
from twoalike.tasks.multi_arrangement._session import submitted as submitted
