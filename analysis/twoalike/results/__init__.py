"""Everything that is measured of networks and of people, put together for ``results.json``."""

from twoalike.results._evaluate import evaluate, transfer
from twoalike.results._model import (
    AgreementParts,
    ModelScores,
    Results,
    TransferResults,
    quantity_of,
)
from twoalike.results._tables import FEW_CLASSES, Cell, SummaryTable, estimate_at

__all__ = [
    "FEW_CLASSES",
    "AgreementParts",
    "Cell",
    "ModelScores",
    "Results",
    "SummaryTable",
    "TransferResults",
    "estimate_at",
    "evaluate",
    "quantity_of",
    "transfer",
]
