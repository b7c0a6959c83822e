"""How many judgments a study needs: simulate, collect, fit and compare, before anyone is invited.

A :class:`PowerAnalysis` simulates whole studies of the objects and the design of a study, in
worlds drawn at random, and finds the size with which most of them reach a :class:`Target`.
"""

from twoalike.recovery._group_power import GroupPowerAnalysis as GroupPowerAnalysis
from twoalike.recovery._group_power import GroupPowerResult as GroupPowerResult
from twoalike.recovery._group_power import group_power as group_power
from twoalike.recovery._planned import VI_STEPS as VI_STEPS
from twoalike.recovery._power import PowerAnalysis as PowerAnalysis
from twoalike.recovery._power import PowerResult as PowerResult
from twoalike.recovery._power import power as power
from twoalike.recovery._replay import Design as Design
from twoalike.recovery._replay import Recorded as Recorded
from twoalike.recovery._replay import Replayed as Replayed
from twoalike.recovery._replay import ReplayPrior as ReplayPrior
from twoalike.recovery._replay import answers_needed as answers_needed
from twoalike.recovery._replay import named as named
from twoalike.recovery._search import Difference as Difference
from twoalike.recovery._search import Share as Share
from twoalike.recovery._search import Target as Target
from twoalike.recovery._search import fit_curve as fit_curve
from twoalike.recovery._simulate import CHANCE as CHANCE
from twoalike.recovery._simulate import Measure as Measure
from twoalike.recovery._simulate import World as World
from twoalike.recovery._simulate import collect as collect
