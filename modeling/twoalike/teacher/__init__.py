"""Teachers: the sources of the choice probabilities that a network learns.

:func:`teach` makes one from a posterior. For judged objects, the posterior itself is the teacher
(:func:`make_posterior_teacher`). All other images are placed in the human space by an affine map of
a network's features, which is fitted to the posterior (:func:`fit_teacher`). Both kinds are
saved as a folder (:func:`save_teacher`, :func:`load_teacher`).
"""

from twoalike.teacher._balance import FEW_GROUPS as FEW_GROUPS
from twoalike.teacher._balance import SHOTS as SHOTS
from twoalike.teacher._balance import Evidence as Evidence
from twoalike.teacher._balance import Frontier as Frontier
from twoalike.teacher._balance import VectorSettings as VectorSettings
from twoalike.teacher._balance import few_shot as few_shot
from twoalike.teacher._balance import find_frontier as find_frontier
from twoalike.teacher._balance import least_ability as least_ability
from twoalike.teacher._balance import likeness as likeness
from twoalike.teacher._balance import nearest_mean as nearest_mean
from twoalike.teacher._fit import Choices as Choices
from twoalike.teacher._fit import TeachConfig as TeachConfig
from twoalike.teacher._fit import UninformativeError as UninformativeError
from twoalike.teacher._fit import fit_teacher as fit_teacher
from twoalike.teacher._labels import compare_predictions as compare_predictions
from twoalike.teacher._labels import fit_mixture as fit_mixture
from twoalike.teacher._labels import matrix_probabilities as matrix_probabilities
from twoalike.teacher._labels import odd_logits as odd_logits
from twoalike.teacher._labels import sample_triplets as sample_triplets
from twoalike.teacher._labels import score_soft as score_soft
from twoalike.teacher._predict import predict as predict
from twoalike.teacher._teach import teach as teach
from twoalike.teacher._teacher import AffineTeacher as AffineTeacher
from twoalike.teacher._teacher import PosteriorTeacher as PosteriorTeacher
from twoalike.teacher._teacher import Teacher as Teacher
from twoalike.teacher._teacher import likeness_of as likeness_of
from twoalike.teacher._teacher import load_teacher as load_teacher
from twoalike.teacher._teacher import make_posterior_teacher as make_posterior_teacher
from twoalike.teacher._teacher import save_teacher as save_teacher
