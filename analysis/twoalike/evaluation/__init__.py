"""How human-like a network is: its agreement with people's choices and similarity structure.

Measures are pure functions on arrays; :func:`twoalike.results.evaluate` puts them together.
"""

from twoalike.evaluation._choices import CHOICE_MEASURES as CHOICE_MEASURES
from twoalike.evaluation._choices import Candidate as Candidate
from twoalike.evaluation._choices import Scored as Scored
from twoalike.evaluation._choices import Similarity as Similarity
from twoalike.evaluation._choices import by_category as by_category
from twoalike.evaluation._choices import by_participant as by_participant
from twoalike.evaluation._choices import candidate_similarities as candidate_similarities
from twoalike.evaluation._choices import check_names as check_names
from twoalike.evaluation._choices import common_objects as common_objects
from twoalike.evaluation._choices import compare_choices as compare_choices
from twoalike.evaluation._choices import mean_scores as mean_scores
from twoalike.evaluation._choices import prepare as prepare
from twoalike.evaluation._choices import score_choices as score_choices
from twoalike.evaluation._choices import set_similarities as set_similarities
from twoalike.evaluation._choices import similarity_matrix as similarity_matrix
from twoalike.evaluation._choices import subset_names as subset_names
from twoalike.evaluation._estimates import Z95 as Z95
from twoalike.evaluation._estimates import Count as Count
from twoalike.evaluation._estimates import Figures as Figures
from twoalike.evaluation._estimates import Interval as Interval
from twoalike.evaluation._estimates import JointEstimates as JointEstimates
from twoalike.evaluation._estimates import NotMeasurable as NotMeasurable
from twoalike.evaluation._estimates import Span as Span
from twoalike.evaluation._estimates import TwoWayBootstrap as TwoWayBootstrap
from twoalike.evaluation._estimates import attempt as attempt
from twoalike.evaluation._estimates import difference_variances as difference_variances
from twoalike.evaluation._estimates import normal_intervals as normal_intervals
from twoalike.evaluation._estimates import wilson_interval as wilson_interval
from twoalike.evaluation._judgments import Judgments as Judgments
from twoalike.evaluation._judgments import first_and_again as first_and_again
from twoalike.evaluation._judgments import first_of as first_of
from twoalike.evaluation._judgments import group_numbers as group_numbers
from twoalike.evaluation._judgments import questions_of as questions_of
from twoalike.evaluation._judgments import triplet_kinds as triplet_kinds
from twoalike.evaluation._pairs import RATINGS as RATINGS
from twoalike.evaluation._pairs import SORTINGS as SORTINGS
from twoalike.evaluation._pairs import PairKind as PairKind
from twoalike.evaluation._pairs import area_under_curve as area_under_curve
from twoalike.evaluation._pairs import score_pairs as score_pairs
from twoalike.evaluation._structure import People as People
from twoalike.evaluation._structure import centred_ranks as centred_ranks
from twoalike.evaluation._structure import compare_people as compare_people
from twoalike.evaluation._structure import compare_structure as compare_structure
from twoalike.evaluation._structure import jackknife_covariance as jackknife_covariance
from twoalike.evaluation._structure import jackknife_variance as jackknife_variance
from twoalike.evaluation._structure import mean_person as mean_person
from twoalike.evaluation._structure import noise_ceiling as noise_ceiling
from twoalike.evaluation._structure import object_changes as object_changes
from twoalike.evaluation._structure import rho_a as rho_a
from twoalike.evaluation._structure import spearman as spearman
from twoalike.evaluation._structure import spearman_with_influence as spearman_with_influence
from twoalike.evaluation._structure import upper as upper
from twoalike.evaluation._structure import usable_people as usable_people
