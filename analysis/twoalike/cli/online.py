"""Commands of a study in a browser."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from twoalike import online
from twoalike.cli._derived import Flag, TaskName, takes
from twoalike.cli._show import say, show_notes
from twoalike.study import TwoalikeError, counted
from twoalike.tasks import translation_note

type StudyFolder = Annotated[
    Path, Parameter(help="Folder of a study that twoalike online build has compiled.")
]


type Store = Annotated[
    str | None,
    Parameter(
        help="PostgreSQL instead of the file: postgresql+psycopg://USER@HOST/DATABASE. Several "
        "machines may serve one study; each needs a copy of STUDY-online/key."
    ),
]


@takes("online:build_online")
def build(*, participants: int, task: TaskName | None = None, **given: Any) -> None:
    """Compile a study into a page that shows it in a browser, in STUDY/online."""
    built = online.build_online(participants=participants, task=task, **given)
    made = built.session
    size, state = made.least_window_px, ", unchanged" if built.state == "unchanged" else ""
    say(
        f"{built.folder}  {counted(len(made.participants), 'participant')}, "
        f"{counted(len(made.images), 'image')}, window of {size[0]} x {size[1]} px or more{state}"
    )
    if note := translation_note(made.language):
        say(f"note: {note}")


def serve(
    study: StudyFolder, /, *, host: str = "127.0.0.1", port: int = 8000, store: Store = None
) -> None:
    """Serve a built study: show its page, and store people's answers."""
    show = partial(print, flush=True)  # a log file has each line at once
    online.serve(study, host=host, port=port, store=store, show=show)


def doctor(*targets: str, token: str | None = None, backups: Path | None = None) -> None:
    """Check a study that is served: certificate, proxy, clock, disk, backups.

    Each check is a line: ok, warn or fail, what was found, and what to do. The exit status is 1 if
    one has failed.

    Parameters
    ----------
    targets
        The address, as people see it, the folder of the study on the machine that serves it, or
        both.
    token
        Token of the operator. If left out, that of the environment variable TWOALIKE_TOKEN.
    backups
        Folder of backups (*.sqlite). If left out, STUDY-backups.

    Examples
    --------
        twoalike online doctor https://study.example.org my-study
    """
    import os

    known = token or os.environ.get("TWOALIKE_TOKEN", "")
    found = online.doctor(*targets, token=known, backups=backups or "")
    for one in found:
        say(str(one))
    if failed := [one.check for one in found if one.state == "fail"]:
        raise TwoalikeError(f"failed: {', '.join(failed)}", remedy="See above.")


def token(study: StudyFolder, /, *, store: Store = None) -> None:
    """Make a new token for the operator's page; the previous one stops working."""
    say(online.new_token(study, store))


def links(study: StudyFolder, /, *, number: int, url: str, store: Store = None) -> None:
    """Make one-time links, one per line; each lets one person take part."""
    for link in online.make_links(study, number, url, store):
        say(link)


@takes("online:fetch")
def fetch(
    study: Path,
    source: str | None = None,
    /,
    *,
    token: str | None = None,
    delete_withdrawn: Flag = False,
    **given: Any,
) -> None:
    """Turn sessions in browsers into raw data, in STUDY/data/raw."""
    import os

    found = online.fetch(
        study,
        source,
        token=token if token is not None else os.environ.get("TWOALIKE_TOKEN", ""),
        delete_withdrawn=delete_withdrawn,
        **given,
    )
    n_trials = sum(one.n_trials for one in found.written)
    counts = [f"{counted(len(found.written), 'session')} written ({counted(n_trials, 'trial')})"]
    counts += [
        f"{n} {words}"
        for n, words in (
            (found.n_unchanged, "unchanged"),
            (found.n_open, "not over"),
            (found.n_empty, "without an answer"),
            (found.n_withdrawn, "withdrawn"),
        )
        if n
    ]
    say(", ".join(counts))
    if (error := found.display_error_ms) is not None:
        say(f"display error: median {error[0]} ms, 99th percentile {error[1]} ms")
    gone = "deleted, as the person withdrew" if delete_withdrawn else "withdrawn: to be deleted"
    show_notes([*found.notes, *(f"{path}: {gone}" for path in found.withdrawn)])
    show_notes(found.problems)
    if found.problems:
        raise TwoalikeError(
            f"{counted(len(found.problems), 'problem')} in what was fetched",
            remedy="These sessions were not written.",
        )


def refit(study: StudyFolder, /, *, every: float = 0.0, store: Store = None) -> None:
    """Fit the answers stored so far, for the next blocks of an adaptive study."""
    online.give_way()
    where = online.default_store(study) if store is None else store
    arguments = (study, lambda: online.read_store(where))
    if not every:
        online.refit(*arguments, announce=print)
        return
    for _ in online.refit_repeatedly(*arguments, every_s=every, announce=print):
        pass


@takes("online:write_jatos")
def jatos(study: StudyFolder, /, **given: Any) -> None:
    """Write the page of a study as a study archive for JATOS."""
    say(online.write_jatos(study, **given))


@takes("online:write_static")
def static(**given: Any) -> None:
    """Write the page of a study for a plain web host."""
    say(online.write_static(**given))
