"""How features serve other tasks than similarity, and whether they shift better.

Measures are functions on features and labels: few-shot classification, linear probe, new
subclasses of known superclasses, other sets of images, nearest neighbours in a hierarchy.
:func:`compare_transfer` makes all of them for several networks side by side.
"""

from twoalike.transfer._classification import (
    ShiftScores,
    few_shot,
    linear_probe,
    other_set,
    subclass_shift,
)
from twoalike.transfer._classifier import CLASSIFIERS, Classifier, folder_levels
from twoalike.transfer._neighbours import NeighbourScores, neighbour_hierarchy, neighbour_shares
from twoalike.transfer._scores import (
    ClassScores,
    NotMeasurable,
    ScoreDifference,
    class_interval,
    image_interval,
)
from twoalike.transfer._transfer import (
    LevelSizes,
    Transfer,
    TransferDifference,
    TransferMeasure,
    TransferScore,
    TransferSettings,
    compare_transfer,
)

__all__ = [
    "LevelSizes",
    "Transfer",
    "TransferDifference",
    "TransferMeasure",
    "TransferScore",
    "compare_transfer",
    "CLASSIFIERS",
    "ClassScores",
    "Classifier",
    "NeighbourScores",
    "NotMeasurable",
    "ScoreDifference",
    "ShiftScores",
    "TransferSettings",
    "class_interval",
    "few_shot",
    "folder_levels",
    "image_interval",
    "linear_probe",
    "neighbour_hierarchy",
    "neighbour_shares",
    "other_set",
    "subclass_shift",
]
