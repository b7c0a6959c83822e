"""The one family of errors that a user is meant to read.

A command catches exactly this class, prints its message on one line and ends with status 1;
anything else that escapes is a defect of ours and keeps its traceback.
"""


class TwoalikeError(Exception):
    """Something the user can put right: where, what was expected, what was found, what to do.

    A remedy names a parameter as Python code in backquotes, such as ``resume=True`` or
    ``out=...``; the command line shows it as its option (``--resume``, ``--out``).

    Parameters
    ----------
    problem
        What is wrong, where ``expected`` and ``found`` alone do not say it.
    where
        File, folder, setting or argument concerned.
    expected, found
        What is needed, and what there is instead.
    remedy
        What to do, as whole sentences; shown as it is.

    Examples
    --------
    >>> print(TwoalikeError(where="a.tsv, row 3", expected="a number", found="'x'"))
    a.tsv, row 3: expected a number, found 'x'.
    >>> print(TwoalikeError("nothing to fit", remedy="Run a session first."))
    nothing to fit. Run a session first.
    """

    def __init__(
        self,
        problem: object = "",
        *,
        where: object = "",
        expected: object = "",
        found: object = "",
        remedy: str = "",
    ) -> None:
        self.problem, self.where = str(problem), str(where)
        self.expected, self.found, self.remedy = str(expected), str(found), remedy
        super().__init__(self._message())

    def _message(self) -> str:
        if not (self.where or self.expected or self.found or self.remedy):
            return self.problem
        wanted = f"expected {self.expected}" if self.expected else ""
        found = f"found {self.found}" if self.found else ""
        contrast = ", ".join(part for part in (wanted, found) if part)
        statement = ": ".join(part for part in (self.where, self.problem, contrast) if part)
        stop = "" if statement.endswith((".", "?", "!")) else "."
        return f"{statement}{stop} {self.remedy}".rstrip()
