"""Everything that is measured of networks and of people, as one long frame."""

from twoalike.results._board import LEADERBOARD, Board, Leaderboard
from twoalike.results._evaluate import evaluate, transfer
from twoalike.results._frame import COLUMNS, MEASURES, TRANSFER, WHOLE, Row
from twoalike.results._leaderboard import leaderboard
from twoalike.results._model import (
    Judged,
    Network,
    Saved,
    Seen,
    TableView,
    frame_of,
)
from twoalike.results._score import Scores, score
from twoalike.results._views import (
    AGREEMENT,
    BOUNDS,
    FEW_CLASSES,
    Results,
    TransferResults,
    ability_rows,
    calibration_table,
    lost_abilities,
    majority_table,
)

__all__ = [
    "AGREEMENT",
    "BOUNDS",
    "COLUMNS",
    "FEW_CLASSES",
    "LEADERBOARD",
    "MEASURES",
    "TRANSFER",
    "WHOLE",
    "Board",
    "Judged",
    "Leaderboard",
    "Network",
    "Results",
    "Row",
    "Saved",
    "Scores",
    "Seen",
    "TransferResults",
    "TableView",
    "ability_rows",
    "calibration_table",
    "evaluate",
    "frame_of",
    "leaderboard",
    "lost_abilities",
    "majority_table",
    "score",
    "transfer",
]
