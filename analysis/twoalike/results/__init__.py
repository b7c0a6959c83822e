"""Everything that is measured of networks and of people, put together for ``results.json``."""

from twoalike.results._results import Sources, make_results

__all__ = ["Sources", "make_results"]
