"""``twoalike online``: a study in a browser."""

from pathlib import Path

from cyclopts import App

from twoalike.cli._options import Flag, TaskName

app = App(name="online", help="Run a study in a browser.")


@app.command
def build(
    study: Path,
    /,
    *,
    participants: int,
    task: TaskName | None = None,
    session: int = 1,
    overwrite: Flag = False,
) -> None:
    """Compile a study into a page that shows it in a browser, in STUDY/online.

    Participants see the same texts, questions and trials as in a window. Building again gives the
    same files, and a larger number of participants keeps those that are there. Texts of the page
    itself, such as "The images are loading", can be replaced in STUDY/protocols/page.toml.

    Parameters
    ----------
    study
        Folder of the study.
    participants
        Number of participants; their codes are w0001, w0002, and so on.
    task
        The only task. If left out, the tasks that [sitting] of study.toml names, one after the
        other; the only task whose protocol is in the study; or odd-one-out.
    session
        Number of the session, from 1.
    overwrite
        Change what is shown although people have begun.

    Examples
    --------
        twoalike online build my-study --participants 40
        twoalike online build my-study --participants 40 --task multi-arrangement
    """
    from twoalike.online import build_online
    from twoalike.study import counted

    built = build_online(study, participants, task=task, session=session, overwrite=overwrite)
    made = built.session
    size, state = made.least_window_px, ", unchanged" if built.state == "unchanged" else ""
    print(  # noqa: T201
        f"{built.folder}  {counted(len(made.participants), 'participant')}, "
        f"{counted(len(made.images), 'image')}, window of {size[0]} x {size[1]} px or more{state}"
    )
