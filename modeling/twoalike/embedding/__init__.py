"""The Bayesian embedding: PyMC model, engines, and the posterior that they leave in a file.

The model is in ``_model``, of parts (``_priors``: similarities and priors), people (``_people``)
and kinds of judgments (``_kind``; ``_choices``, ``_layouts``, ``_dissimilarities``, ``_ratings``,
``_sortings``, ``_sources``). Engines: ``_form`` decides what settings (``_config``) leave open,
``_nuts`` samples, ``_vi`` approximates from starts of ``_spectrum`` and draws people by
``_people_draws``;
``_fit`` puts all together. The posterior: ``_draws`` aligns and packs it, ``_posterior_file`` is
its file, ``_posterior`` and ``_observers`` predict; ``_similarity``, ``_dimensions``,
``_participants``, ``_groups``, ``_precision`` and ``_compare`` say what it holds. Checks:
``_judged``, ``_loo``, ``_follow``, ``_predictive``, ``_check``, and ``_advice`` in words.

Reading a posterior needs neither PyMC nor JAX: they are imported by the functions that fit.
"""

from twoalike.embedding._advice import advise as advise
from twoalike.embedding._advice import has_spare as has_spare
from twoalike.embedding._advice import link_warnings as link_warnings
from twoalike.embedding._check import PosteriorCheck as PosteriorCheck
from twoalike.embedding._check import check as check
from twoalike.embedding._choices import predicted_answers as predicted_answers
from twoalike.embedding._compare import compare as compare
from twoalike.embedding._compare import compare_predictions as compare_predictions
from twoalike.embedding._compare import compare_similarity as compare_similarity
from twoalike.embedding._compare import shared_objects as shared_objects
from twoalike.embedding._config import FitConfig as FitConfig
from twoalike.embedding._dimensions import AGAIN as AGAIN
from twoalike.embedding._dimensions import DimensionCurve as DimensionCurve
from twoalike.embedding._dimensions import dimension_curve as dimension_curve
from twoalike.embedding._dimensions import dimension_table as dimension_table
from twoalike.embedding._draws import importance as importance
from twoalike.embedding._fit import build_model as build_model
from twoalike.embedding._fit import fit as fit
from twoalike.embedding._fit import fit_embedding as fit_embedding
from twoalike.embedding._follow import Comparison as Comparison
from twoalike.embedding._follow import KindChecks as KindChecks
from twoalike.embedding._groups import FEWEST as FEWEST
from twoalike.embedding._groups import GroupViews as GroupViews
from twoalike.embedding._groups import PairsApart as PairsApart
from twoalike.embedding._groups import compare_groups as compare_groups
from twoalike.embedding._groups import view_groups as view_groups
from twoalike.embedding._judged import seen_judgments as seen_judgments
from twoalike.embedding._judged import some_draws as some_draws
from twoalike.embedding._loo import LEAST_DRAWS as LEAST_DRAWS
from twoalike.embedding._loo import LeaveOneOut as LeaveOneOut
from twoalike.embedding._model import Observers as Observers
from twoalike.embedding._model import PooledObservers as PooledObservers
from twoalike.embedding._participants import careless_table as careless_table
from twoalike.embedding._participants import covariate_table as covariate_table
from twoalike.embedding._participants import participants_table as participants_table
from twoalike.embedding._people import read_groups as read_groups
from twoalike.embedding._posterior import Posterior as Posterior
from twoalike.embedding._posterior import PosteriorSource as PosteriorSource
from twoalike.embedding._posterior import Verdict as Verdict
from twoalike.embedding._posterior import as_posterior as as_posterior
from twoalike.embedding._posterior import fitted_kinds as fitted_kinds
from twoalike.embedding._posterior import source_advice as source_advice
from twoalike.embedding._posterior import usual_question as usual_question
from twoalike.embedding._precision import WIDTHS as WIDTHS
from twoalike.embedding._precision import Precision as Precision
from twoalike.embedding._precision import enough as enough
from twoalike.embedding._precision import similarity_width as similarity_width
from twoalike.embedding._predictive import Predictive as Predictive
from twoalike.embedding._predictive import calibration_gap as calibration_gap
from twoalike.embedding._predictive import inference_data as inference_data
from twoalike.embedding._predictive import predict_choices as predict_choices
from twoalike.embedding._priors import Gaussian as Gaussian
from twoalike.embedding._priors import Prior as Prior
from twoalike.embedding._priors import Softplus as Softplus
from twoalike.embedding._priors import SpikeAndSlab as SpikeAndSlab
from twoalike.embedding._priors import Student as Student
from twoalike.embedding._priors import find_kernel as find_kernel
from twoalike.embedding._ratings import RATING_LEVELS as RATING_LEVELS
from twoalike.embedding._similarity import SimilarityTable as SimilarityTable
from twoalike.embedding._similarity import choice_intervals as choice_intervals
from twoalike.embedding._similarity import embedding_table as embedding_table
from twoalike.embedding._similarity import kept_together as kept_together
from twoalike.embedding._similarity import pair_draws as pair_draws
from twoalike.embedding._similarity import pair_odds as pair_odds
from twoalike.embedding._similarity import save_embedding as save_embedding
from twoalike.embedding._similarity import save_similarity as save_similarity
from twoalike.embedding._similarity import save_table as save_table
from twoalike.embedding._similarity import select_objects as select_objects
from twoalike.embedding._similarity import set_probabilities as set_probabilities
from twoalike.embedding._similarity import similarity_table as similarity_table
from twoalike.embedding._sources import source_table as source_table
from twoalike.embedding._terms import Term as Term
