"""A study's report: one HTML file that opens anywhere, with the summary first."""

from twoalike.report._dimensions import Dimension, describe_dimensions
from twoalike.report._sessions import Session, read_sessions
from twoalike.report._write import write_report

__all__ = ["Dimension", "Session", "describe_dimensions", "read_sessions", "write_report"]
