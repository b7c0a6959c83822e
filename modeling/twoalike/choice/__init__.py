"""The choice model: one definition of questions, pair order, probabilities and ties.

Numpy, PyTensor, JAX and torch all call the same functions; see :mod:`twoalike.choice._model`.
"""

from twoalike.choice._model import (
    ANCHORED,
    FEWEST_ITEMS,
    ODD,
    OPTIONS,
    PAIRS,
    TRIPLET,
    ChoiceKind,
    Question,
    SetKind,
    log_choice,
    log_set_choice,
    odd_from_pair,
    odd_item,
    pair_similarities,
    random_triplets,
)
from twoalike.choice._score import entropy, expected_accuracy, guessing, log_loss

__all__ = [
    "ANCHORED",
    "FEWEST_ITEMS",
    "ODD",
    "OPTIONS",
    "PAIRS",
    "TRIPLET",
    "ChoiceKind",
    "Question",
    "SetKind",
    "entropy",
    "expected_accuracy",
    "guessing",
    "log_choice",
    "log_loss",
    "log_set_choice",
    "odd_from_pair",
    "odd_item",
    "pair_similarities",
    "random_triplets",
]
