"""Calibration of networks on choices among more than three items."""

from typing import Annotated

from twoalike.calibration._reliability import CalibrationError, binned, brier_scores, error_of
from twoalike.evaluation import Interval, JudgedSets, Measured, Quantity
from twoalike.study import Floats


class SetCalibration(Measured):
    """Whether a network's probabilities of the answers come true as often as they say."""

    error: CalibrationError
    """Of the likeliest answer, in ten bins of equal width."""
    brier: Annotated[Interval, Quantity("squared probability", 0, 2)]
    """Brier score over all answers; 1 - 1/A for equal probabilities of A answers."""


def set_calibration(probabilities: Floats, judged: JudgedSets) -> SetCalibration:
    """Compare probabilities with the choices that answer one question.

    Parameters
    ----------
    probabilities
        Of each answer to each choice, shape (n, A).
    """
    return SetCalibration(
        error=error_of(binned(probabilities, judged.answer, answers="top"), judged),
        brier=judged.interval(brier_scores(probabilities, judged.answer)).within(0.0, 2.0),
    )
