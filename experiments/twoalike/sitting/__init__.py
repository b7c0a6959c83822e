"""A participant, real or simulated, sits down: one session from the first check to the last row."""

from twoalike.sitting._operator import render as render
from twoalike.sitting._part import Outcome as Outcome
from twoalike.sitting._sit import simulate as simulate
from twoalike.sitting._sit import sit as sit
