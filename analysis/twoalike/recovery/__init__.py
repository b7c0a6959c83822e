"""How many judgments a study needs: simulate, collect, fit and compare, before anyone is invited.

A :class:`PowerAnalysis` simulates whole studies of the objects and the design of a study, in
worlds drawn at random, and finds the size with which most of them reach a :class:`Target`.
"""

from twoalike.recovery._curve import LearningCurve, fit_curve
from twoalike.recovery._group_power import (
    GroupPowerAnalysis,
    GroupPowerConfig,
    GroupPowerResult,
    group_power,
)
from twoalike.recovery._planned import VI_STEPS
from twoalike.recovery._power import PowerAnalysis, PowerConfig, PowerResult, power
from twoalike.recovery._search import (
    Difference,
    FoundSize,
    SearchPlan,
    Share,
    Target,
    find_size,
    make_target,
    needed_people,
)
from twoalike.recovery._simulate import (
    GroupEffect,
    GroupOutcome,
    Measure,
    Outcome,
    collect,
    fewest_people,
    planned_study,
    simulate_study,
)
from twoalike.recovery._world import CHANCE, World, draw_world, world_source

__all__ = [
    "CHANCE",
    "VI_STEPS",
    "Difference",
    "FoundSize",
    "GroupEffect",
    "GroupOutcome",
    "GroupPowerAnalysis",
    "GroupPowerConfig",
    "GroupPowerResult",
    "LearningCurve",
    "Measure",
    "Outcome",
    "PowerAnalysis",
    "PowerConfig",
    "PowerResult",
    "SearchPlan",
    "Share",
    "Target",
    "World",
    "collect",
    "draw_world",
    "fewest_people",
    "find_size",
    "fit_curve",
    "group_power",
    "make_target",
    "needed_people",
    "planned_study",
    "power",
    "simulate_study",
    "world_source",
]
