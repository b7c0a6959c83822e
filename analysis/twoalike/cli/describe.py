"""``twoalike describe``."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from twoalike.cli._options import TaskName


def describe(
    study: Path,
    /,
    *,
    task: Annotated[list[TaskName] | None, Parameter(negative=())] = None,
    place: Literal["lab", "server", "jatos", "datapipe", "static"] | None = None,
    group: str = "",
    language: Literal["en", "de"] | None = None,
    out: Path | None = None,
) -> None:
    """Describe a study for an ethics committee, on about one page.

    The page states what participants see and do, for how long and in how many trials, breaks,
    questions, consent, stopping and withdrawal, which data are stored and where, what is not
    stored, who can see the data and how they are shared. It is generated from the study's settings,
    so run this again when they change. It lists what you have to add (recruitment, payment, how
    long data are kept), and quotes consent and instruction at the end as participants read them.

    Parameters
    ----------
    study
        Folder of the study.
    task
        Tasks to describe; if left out, those of [sitting]; or else those with trial lists, data or
        a built page; or else the one that twoalike run starts.
    place
        Where people take part. lab: in a window; the others are in a browser: server (twoalike
        online serve), jatos, datapipe (a web host and DataPipe), static (a web host alone). If left
        out: server if it has run, or lab if nothing of the study is online.
    group
        Group whose protocols are described, in a study with groups.
    language
        Language of the page; that of the protocol if left out.
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
    from twoalike.planning import describe_study

    page = describe_study(study, task or (), place=place, group=group, language=language)
    print(page if out is None else f"{page.save(out)}  {page.title}")  # noqa: T201
