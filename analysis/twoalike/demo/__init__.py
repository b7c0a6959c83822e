"""The demonstrations: the whole chain on drawn creatures, and a map of one's own likeness."""

from twoalike.demo._run import DemoConfig, run_demo
from twoalike.demo._yourself import YourselfConfig, run_yourself

__all__ = ["DemoConfig", "YourselfConfig", "run_demo", "run_yourself"]
