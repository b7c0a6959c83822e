"""The Bayesian embedding: PyMC model, engines, and the posterior that they leave in a file.

Reading a posterior needs neither PyMC nor JAX: they are imported by the functions that fit.
"""

from twoalike.embedding._advice import advise, link_warnings
from twoalike.embedding._check import PosteriorCheck, Sensitivity, check, check_posterior
from twoalike.embedding._checkpoint import remove_checkpoint
from twoalike.embedding._compare import compare_predictions, compare_similarity
from twoalike.embedding._config import FitConfig
from twoalike.embedding._dimensions import AGAIN, DimensionCurve, dimension_curve, dimension_table
from twoalike.embedding._distance_checks import DistanceChecks
from twoalike.embedding._estimator import OddOneOutEmbedding
from twoalike.embedding._export import (
    check_ending,
    embedding_table,
    participants_table,
    write_embedding,
    write_similarity,
    write_table,
)
from twoalike.embedding._fit import fit, fit_embedding
from twoalike.embedding._intervals import (
    SimilarityTable,
    central_interval,
    choice_intervals,
    similarity_table,
)
from twoalike.embedding._judged import fitted_on, is_input, other_file
from twoalike.embedding._loo import LEAST_DRAWS, LeaveOneOut, PredictedChoices, predict_choices
from twoalike.embedding._posterior import Posterior, PosteriorSource, as_posterior
from twoalike.embedding._predictive import Comparison, Predictive, calibration_gap

__all__ = [
    "LeaveOneOut",
    "is_input",
    "Comparison",
    "DistanceChecks",
    "Predictive",
    "Sensitivity",
    "calibration_gap",
    "LEAST_DRAWS",
    "AGAIN",
    "DimensionCurve",
    "FitConfig",
    "OddOneOutEmbedding",
    "Posterior",
    "PosteriorCheck",
    "PosteriorSource",
    "as_posterior",
    "PredictedChoices",
    "SimilarityTable",
    "central_interval",
    "advise",
    "check",
    "check_ending",
    "check_posterior",
    "choice_intervals",
    "compare_predictions",
    "compare_similarity",
    "dimension_curve",
    "dimension_table",
    "embedding_table",
    "fit",
    "fit_embedding",
    "fitted_on",
    "other_file",
    "link_warnings",
    "participants_table",
    "predict_choices",
    "remove_checkpoint",
    "similarity_table",
    "write_embedding",
    "write_similarity",
    "write_table",
]
