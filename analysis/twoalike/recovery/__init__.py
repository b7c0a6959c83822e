"""How many judgments a study needs: simulate, collect, fit and compare, before anyone is invited.

A :class:`PowerAnalysis` simulates whole studies of the objects and the design of a study, in
worlds drawn at random, and finds the size with which most of them reach a :class:`Target`.
"""

from twoalike.recovery._collect import collect, planned_study
from twoalike.recovery._curve import LearningCurve, fit_curve
from twoalike.recovery._outcome import Measure, Outcome, score, simulate_study
from twoalike.recovery._power import VI_STEPS, PowerAnalysis, PowerConfig
from twoalike.recovery._result import PowerResult
from twoalike.recovery._search import FoundSize, SearchPlan, find_size
from twoalike.recovery._target import Target, make_target
from twoalike.recovery._world import CHANCE, World, WorldSource, draw_world, world_source

__all__ = [
    "CHANCE",
    "FoundSize",
    "LearningCurve",
    "Measure",
    "Outcome",
    "PowerAnalysis",
    "PowerConfig",
    "PowerResult",
    "SearchPlan",
    "Target",
    "VI_STEPS",
    "World",
    "WorldSource",
    "collect",
    "draw_world",
    "find_size",
    "fit_curve",
    "make_target",
    "planned_study",
    "score",
    "simulate_study",
    "world_source",
]
