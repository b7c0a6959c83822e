"""Images that were left out since they cannot be read."""

from collections.abc import Sequence

NAMED = 5
"""So many are named; the file that was written names all."""


def left_out(unreadable: Sequence[str]) -> str:
    """Say how many, and which.

    Examples
    --------
    >>> left_out(["cat", "dog"])
    '2 images cannot be read and were left out: cat, dog'
    """
    from twoalike.study import counted

    more = ", ..." if len(unreadable) > NAMED else ""
    many = "were" if len(unreadable) > 1 else "was"
    return (
        f"{counted(len(unreadable), 'image')} cannot be read and {many} left out: "
        f"{', '.join(unreadable[:NAMED])}{more}"
    )
