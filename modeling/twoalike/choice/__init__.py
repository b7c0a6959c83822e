"""The choice model: one definition of questions, pair order, probabilities and ties.

Numpy, PyTensor, JAX and torch all call the same functions; see :mod:`twoalike.choice._model`.
"""

from twoalike.choice._model import ANCHORED as ANCHORED
from twoalike.choice._model import ODD as ODD
from twoalike.choice._model import OPTIONS as OPTIONS
from twoalike.choice._model import PAIRS as PAIRS
from twoalike.choice._model import SET_KINDS as SET_KINDS
from twoalike.choice._model import TRIPLET as TRIPLET
from twoalike.choice._model import Change as Change
from twoalike.choice._model import ChoiceKind as ChoiceKind
from twoalike.choice._model import Question as Question
from twoalike.choice._model import SetKind as SetKind
from twoalike.choice._model import entropy as entropy
from twoalike.choice._model import expected_accuracy as expected_accuracy
from twoalike.choice._model import guessing as guessing
from twoalike.choice._model import log_choice as log_choice
from twoalike.choice._model import log_loss as log_loss
from twoalike.choice._model import log_set_choice as log_set_choice
from twoalike.choice._model import odd_item as odd_item
from twoalike.choice._model import pair_similarities as pair_similarities
from twoalike.choice._model import random_triplets as random_triplets
