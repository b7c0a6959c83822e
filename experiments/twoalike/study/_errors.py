"""The one family of errors that a user is meant to read.

A command catches exactly this class, prints the message on one line and ends with status 1;
anything else that escapes is a defect of ours and keeps its traceback.
"""


class TwoalikeError(Exception):
    """Something the user can mend: says what was expected, what was found, where, what to do."""
