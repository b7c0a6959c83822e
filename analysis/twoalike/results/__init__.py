"""Everything that is measured of networks and of people, put together for ``results.json``."""

from twoalike.results._look import estimate_at
from twoalike.results._results import make_results
from twoalike.results._sources import Sources

__all__ = ["Sources", "estimate_at", "make_results"]
