"""Everything that is measured of networks and of people, as one long frame."""

from twoalike.results._board import LEADERBOARD as LEADERBOARD
from twoalike.results._board import Board as Board
from twoalike.results._board import Leaderboard as Leaderboard
from twoalike.results._evaluate import evaluate as evaluate
from twoalike.results._evaluate import transfer as transfer
from twoalike.results._frame import COLUMNS as COLUMNS
from twoalike.results._frame import MEASURES as MEASURES
from twoalike.results._frame import WHOLE as WHOLE
from twoalike.results._frame import Judged as Judged
from twoalike.results._frame import Row as Row
from twoalike.results._leaderboard import leaderboard as leaderboard
from twoalike.results._model import Network as Network
from twoalike.results._model import Saved as Saved
from twoalike.results._model import Seen as Seen
from twoalike.results._model import TableView as TableView
from twoalike.results._score import Scores as Scores
from twoalike.results._score import score as score
from twoalike.results._views import AGREEMENT as AGREEMENT
from twoalike.results._views import BOUNDS as BOUNDS
from twoalike.results._views import FEW_CLASSES as FEW_CLASSES
from twoalike.results._views import Results as Results
from twoalike.results._views import TransferResults as TransferResults
from twoalike.results._views import ability_rows as ability_rows
from twoalike.results._views import calibration_table as calibration_table
from twoalike.results._views import lost_abilities as lost_abilities
from twoalike.results._views import majority_table as majority_table
