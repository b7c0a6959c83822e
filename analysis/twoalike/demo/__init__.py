"""The demonstration: the whole chain on drawn creatures."""

from twoalike.demo._run import DemoConfig, run_demo

__all__ = ["DemoConfig", "run_demo"]
