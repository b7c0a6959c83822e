"""The choice model: one definition of pair order, odd item, probabilities and ties.

Numpy, PyTensor, JAX and torch all call the same functions; see :mod:`twoalike.choice._model`.
"""

from twoalike.choice._model import (
    ODD,
    PAIRS,
    anchored_log_choice,
    log_choice,
    odd_from_pair,
    pair_similarities,
    random_triplets,
)
from twoalike.choice._score import entropy, expected_accuracy, log_loss

__all__ = [
    "ODD",
    "PAIRS",
    "anchored_log_choice",
    "entropy",
    "expected_accuracy",
    "log_choice",
    "log_loss",
    "odd_from_pair",
    "pair_similarities",
    "random_triplets",
]
