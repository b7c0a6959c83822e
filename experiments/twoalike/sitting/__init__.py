"""A participant, real or simulated, sits down: one session from the first check to the last row."""

from twoalike.sitting._operator import OperatorState
from twoalike.sitting._sit import Outcome, simulate, sit
from twoalike.sitting._terminal import OperatorView, render

__all__ = ["OperatorState", "OperatorView", "Outcome", "render", "simulate", "sit"]
