"""``twoalike online``: a study in a browser."""

from cyclopts import App

app = App(name="online", help="Run a study in a browser.")
