"""Whether a model is as sure as it should be, and as unsure as people are.

Calibration of its probabilities (:func:`reliability`, :func:`error_of`), and its entropy against
people's disagreement and response times (:func:`times_by_uncertainty`); :func:`uncertainty` puts
everything together for ``results.json``.
"""

from twoalike.calibration._entropy import PUBLISHED_SPEARMAN as PUBLISHED_SPEARMAN
from twoalike.calibration._entropy import TimesByEntropy as TimesByEntropy
from twoalike.calibration._entropy import times_by_uncertainty as times_by_uncertainty
from twoalike.calibration._entropy import times_of_choices as times_of_choices
from twoalike.calibration._uncertainty import Answers as Answers
from twoalike.calibration._uncertainty import Reliability as Reliability
from twoalike.calibration._uncertainty import binned as binned
from twoalike.calibration._uncertainty import brier_scores as brier_scores
from twoalike.calibration._uncertainty import error_of as error_of
from twoalike.calibration._uncertainty import reliability as reliability
from twoalike.calibration._uncertainty import set_calibration as set_calibration
from twoalike.calibration._uncertainty import uncertainty as uncertainty
