"""Teachers: where the choice probabilities come from that a network learns.

For objects that people judged, the posterior itself is the teacher
(:func:`make_posterior_teacher`). For images that nobody judged, an affine map takes a network's
features into the human space: fitted to the posterior (:func:`fit_teacher`) or read from a
transform that gLocal fitted (:func:`read_transform`). Either is kept in a folder
(:func:`save_teacher`, :func:`load_teacher`), and answers what :class:`Teacher` says.
"""

from twoalike.teacher._affine import AffineTeacher
from twoalike.teacher._config import Judgments, TeachConfig
from twoalike.teacher._file import load_teacher, save_teacher
from twoalike.teacher._fit import fit_teacher
from twoalike.teacher._gate import Kind, compare_kinds
from twoalike.teacher._labels import (
    ChoiceModel,
    compare_labels,
    matrix_probabilities,
    sample_triplets,
)
from twoalike.teacher._mixture import fit_mixture, odd_logits, score_soft
from twoalike.teacher._posterior import PosteriorTeacher, make_posterior_teacher
from twoalike.teacher._protocol import Teacher, similarity_draws
from twoalike.teacher._transform import read_transform, set_temperature_by_choices

__all__ = [
    "AffineTeacher",
    "ChoiceModel",
    "Judgments",
    "Kind",
    "PosteriorTeacher",
    "TeachConfig",
    "Teacher",
    "compare_kinds",
    "compare_labels",
    "fit_mixture",
    "fit_teacher",
    "load_teacher",
    "make_posterior_teacher",
    "matrix_probabilities",
    "odd_logits",
    "read_transform",
    "sample_triplets",
    "save_teacher",
    "score_soft",
    "set_temperature_by_choices",
    "similarity_draws",
]
