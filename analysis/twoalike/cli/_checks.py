"""Raw data that a command is about to use: it stops at problems, or shows them and continues."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from twoalike.record import Checked
    from twoalike.study import Study

type AllowProblems = Annotated[bool, Parameter(negative=())]
"""The option ``--allow-problems`` of every command that reads raw data."""


def show_notes(lines: Iterable[str]) -> None:
    """Print what a function of the domain has to say, parameters as options."""
    from twoalike.cli.app import with_options

    for line in lines:
        print(with_options(line))  # noqa: T201


def require_sound(checked: "Checked", allow: bool) -> None:
    """Show :func:`twoalike.record.require_sound`."""
    from twoalike.record import require_sound as require

    show_notes(require(checked, allow_problems=allow))


def check_raw(study: "Study", allow: bool, *, pilot: bool = False) -> None:
    """Show :func:`twoalike.record.check_raw`."""
    from twoalike.record import check_raw as check

    show_notes(check(study, allow_problems=allow, pilot=pilot))


def check_folder(root: Path, allow: bool) -> None:
    """Show :func:`twoalike.record.check_folder`."""
    from twoalike.record import check_folder as check

    show_notes(check(root, allow_problems=allow))
