"""``twoalike describe``."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from twoalike import planning
from twoalike.cli._derived import takes
from twoalike.cli._options import TaskName


@takes(planning.describe_study, without={"tasks"})
def describe(
    *,
    task: Annotated[list[TaskName] | None, Parameter(negative=())] = None,
    out: Path | None = None,
    **given: Any,
) -> None:
    """Describe a study for an ethics committee, on about one page.

    The page states what participants see and do, for how long and in how many trials, breaks,
    questions, consent, stopping and withdrawal, which data are stored and where, what is not
    stored, who can see the data and how they are shared. It is generated from the study's settings,
    so run this again when they change. It lists what you have to add (recruitment, payment, how
    long data are kept), and quotes consent and instruction at the end as participants read them.

    Parameters
    ----------
    task
        Tasks to describe; if left out, those of [sitting]; or else those with trial lists, data or
        a built page; or else the one that twoalike run starts.
    out
        File to write: .html, which word processors open, or .md (Markdown). If left out, the
        Markdown is printed.

    Examples
    --------
        twoalike describe my-study
        twoalike describe my-study --out ethics.html
        twoalike describe my-study --place jatos --out ethics.html
        twoalike describe my-study --task odd-one-out --language de --out ethik.html
    """
    page = planning.describe_study(tasks=task or (), **given)
    print(page if out is None else f"{page.save(out)}  {page.title}")  # noqa: T201
