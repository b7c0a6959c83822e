"""How features serve other tasks than similarity, and whether they shift better.

:func:`compare_transfer` asks classifiers on the features of several networks: few-shot
classification, linear probe, new subclasses of known superclasses, other sets of images.
"""

from twoalike.transfer._scores import ClassScores, NotMeasurable, class_interval, image_interval
from twoalike.transfer._tasks import TransferSettings
from twoalike.transfer._transfer import (
    Transfer,
    TransferDifference,
    TransferMeasure,
    TransferScore,
    compare_transfer,
    few_shot_ability,
    folder_levels,
)

__all__ = [
    "ClassScores",
    "NotMeasurable",
    "Transfer",
    "TransferDifference",
    "TransferMeasure",
    "TransferScore",
    "TransferSettings",
    "class_interval",
    "compare_transfer",
    "few_shot_ability",
    "folder_levels",
    "image_interval",
]
