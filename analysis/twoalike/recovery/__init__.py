"""How many judgments a study needs: simulate, collect, fit and compare, before anyone is invited.

A :class:`PowerAnalysis` simulates whole studies of the objects and the design of a study, in
worlds drawn at random, and finds the size with which most of them reach a :class:`Target`.
"""

from twoalike.recovery._curve import LearningCurve, fit_curve
from twoalike.recovery._power import VI_STEPS, PowerAnalysis, PowerConfig, PowerResult, power
from twoalike.recovery._search import FoundSize, SearchPlan, Target, find_size, make_target
from twoalike.recovery._simulate import (
    Measure,
    Outcome,
    collect,
    fewest_people,
    planned_study,
    score,
    simulate_study,
)
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
    "fewest_people",
    "find_size",
    "fit_curve",
    "make_target",
    "planned_study",
    "power",
    "score",
    "simulate_study",
    "world_source",
]
