"""Words for messages: counts, shortened faults of libraries, text safe for a terminal."""

_PRINTED = "\n\t\N{NO-BREAK SPACE}\N{THIN SPACE}\N{NARROW NO-BREAK SPACE}"
"""Characters that Python calls unprintable and terminals print."""


def counted(n: int, noun: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> counted(1, "participant"), counted(2400, "judgment")
    ('1 participant', '2,400 judgments')
    """
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def how_to_install(extra: str) -> str:
    """Return the command that adds an extra of twoalike to the environment.

    twoalike is installed from its folder, and an environment made by uv has no pip.
    """
    return f'Install it, in the folder of twoalike: uv pip install --editable ".[{extra}]"'


def shortened(error: object, longest: int = 160) -> str:
    r"""Return the message of a library as part of one line, cut where it is long.

    Examples
    --------
    >>> shortened("no such\n  column")
    'no such column'
    """
    words = " ".join(str(error).split())
    return words if len(words) <= longest else f"{words[:longest]}…"


def visible(text: str) -> str:
    r"""Replace characters that control a terminal by their codes; line ends and tabs stay.

    Escape sequences could clear the screen, bidirectional overrides reverse the words, and other
    line separators break the one line of an error.

    Examples
    --------
    >>> visible("a\x1b[2Jb\u202ec\n")
    'a\\x1b[2Jb\\u202ec\n'
    """
    if text.isprintable():
        return text
    return "".join(
        mark if mark.isprintable() or mark in _PRINTED else mark.encode("unicode_escape").decode()
        for mark in text
    )
