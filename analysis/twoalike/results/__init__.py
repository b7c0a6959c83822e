"""Everything that is measured of networks and of people, as one long frame."""

from twoalike.results._board import LEADERBOARD, Board, Leaderboard
from twoalike.results._evaluate import evaluate, transfer
from twoalike.results._frame import COLUMNS, TRANSFER, WHOLE, Row
from twoalike.results._judged import AgreementParts
from twoalike.results._leaderboard import leaderboard
from twoalike.results._model import (
    Judged,
    Network,
    Results,
    Saved,
    Seen,
    TransferResults,
    frame_of,
)
from twoalike.results._score import ScoredPart, ScoredPerson, Scores, score
from twoalike.results._views import (
    AGREEMENT,
    BOUNDS,
    FEW_CLASSES,
    TableView,
    ability_rows,
    lost_abilities,
    majority_table,
)

__all__ = [
    "AGREEMENT",
    "BOUNDS",
    "COLUMNS",
    "FEW_CLASSES",
    "LEADERBOARD",
    "TRANSFER",
    "WHOLE",
    "AgreementParts",
    "Board",
    "Judged",
    "Leaderboard",
    "Network",
    "Results",
    "Row",
    "Saved",
    "ScoredPart",
    "ScoredPerson",
    "Scores",
    "Seen",
    "TransferResults",
    "TableView",
    "ability_rows",
    "evaluate",
    "frame_of",
    "leaderboard",
    "lost_abilities",
    "majority_table",
    "score",
    "transfer",
]
