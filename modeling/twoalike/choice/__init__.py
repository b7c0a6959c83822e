"""The choice model: one definition of pair order, odd item, probabilities and ties.

Numpy, PyTensor, JAX and torch all call the same functions; see :mod:`twoalike.choice._model`.
"""

from twoalike.choice._model import (
    ODD,
    OPTIONS,
    PAIRS,
    ChoiceKind,
    anchored_log_choice,
    log_choice,
    odd_from_pair,
    odd_item,
    pair_similarities,
    random_triplets,
)
from twoalike.choice._score import entropy, expected_accuracy, guessing, log_loss
from twoalike.choice._sets import FEWEST_ITEMS, Question, SetKind, log_set_choice

__all__ = [
    "FEWEST_ITEMS",
    "ODD",
    "OPTIONS",
    "PAIRS",
    "ChoiceKind",
    "Question",
    "SetKind",
    "anchored_log_choice",
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
