"""Teachers: the sources of the choice probabilities that a network learns.

:func:`teach` makes one from a posterior. For judged objects, the posterior itself is the teacher
(:func:`make_posterior_teacher`). All other images are placed in the human space by an affine map of
a network's features, which is fitted to the posterior (:func:`fit_teacher`) or read from a
transform fitted by gLocal (:func:`import_transform`). Both kinds are saved as a folder
(:func:`save_teacher`, :func:`load_teacher`).
"""

from twoalike.teacher._balance import (
    FEW_GROUPS,
    Evidence,
    Frontier,
    VectorSettings,
    few_shot,
    find_frontier,
    least_ability,
    likeness,
    nearest_mean,
)
from twoalike.teacher._fit import Choices, TeachConfig, UninformativeError, fit_teacher
from twoalike.teacher._forecast import Forecast, forecast
from twoalike.teacher._labels import (
    ChoiceModel,
    Mode,
    compare_predictions,
    fit_mixture,
    matrix_probabilities,
    odd_logits,
    sample_triplets,
    score_soft,
)
from twoalike.teacher._predict import predict
from twoalike.teacher._teach import teach
from twoalike.teacher._teacher import (
    AffineTeacher,
    PosteriorTeacher,
    Teacher,
    likeness_of,
    load_teacher,
    make_posterior_teacher,
    save_teacher,
)
from twoalike.teacher._transform import (
    import_transform,
    read_transform,
    set_temperature_by_choices,
)

__all__ = [
    "FEW_GROUPS",
    "AffineTeacher",
    "ChoiceModel",
    "Choices",
    "Evidence",
    "Forecast",
    "Frontier",
    "Mode",
    "PosteriorTeacher",
    "TeachConfig",
    "Teacher",
    "UninformativeError",
    "VectorSettings",
    "compare_predictions",
    "few_shot",
    "find_frontier",
    "fit_mixture",
    "fit_teacher",
    "forecast",
    "import_transform",
    "least_ability",
    "likeness",
    "likeness_of",
    "load_teacher",
    "make_posterior_teacher",
    "matrix_probabilities",
    "nearest_mean",
    "odd_logits",
    "predict",
    "read_transform",
    "sample_triplets",
    "save_teacher",
    "score_soft",
    "set_temperature_by_choices",
    "teach",
]
