"""Everything that is measured of networks and of people, put together for ``results.json``."""

from twoalike.results._results import make_results
from twoalike.results._sources import Sources

__all__ = ["Sources", "make_results"]
