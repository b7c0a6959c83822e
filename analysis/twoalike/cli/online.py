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
    """Compile a study into a page that shows it in a browser, in STUDY/online.

    Participants see the same texts, questions and trials as in a window. Building again gives the
    same files; with a larger number, the first participants keep their trials. Once people have
    begun, a build that changes anything is refused. Texts of the page itself, such as "The images
    are loading", can be replaced in STUDY/protocols/page.toml.

    Parameters
    ----------
    participants
        Number of participants; their codes are w0001, w0002, and so on.
    task
        Build only this task. If left out: all tasks of [sitting] in study.toml, one after the
        other; without [sitting], the only task whose protocol is in the study, or odd-one-out.

    Examples
    --------
        twoalike online build my-study --participants 40
        twoalike online build my-study --participants 40 --task multi-arrangement
    """
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
    """Serve a built study: show its page, and store people's answers.

    Records go to the folder STUDY-online beside the study, with the key that encrypts people's ids.
    The first start prints the token for the operator's page. Other machines reach the server
    through a reverse proxy (docs/how-to/serve-online.md). Ctrl-C stops it; no answer is lost.

    Parameters
    ----------
    host
        Address to listen at.
    port
        Port to listen at; 0 takes a free one.

    Examples
    --------
        twoalike online serve my-study
        twoalike online serve my-study --port 8080 --store postgresql+psycopg://lab@db.example.org/study
    """  # noqa: E501
    show = partial(print, flush=True)  # a log file has each line at once
    online.serve(study, host=host, port=port, store=store, show=show)


def token(study: StudyFolder, /, *, store: Store = None) -> None:
    """Make a new token for the operator's page; the previous one stops working.

    Examples
    --------
        twoalike online token my-study
    """
    say(online.new_token(study, store))


def links(study: StudyFolder, /, *, number: int, url: str, store: Store = None) -> None:
    """Make one-time links, one per line; each lets one person take part.

    People can return with their link until their session is over. With entry = "link" under
    [online] in study.toml, nobody can take part without a link.

    Parameters
    ----------
    number
        Number of links.
    url
        Address of the study as people see it.

    Examples
    --------
        twoalike online links my-study --number 20 --url https://lab.example.org/ > links.txt
    """
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
    """Turn sessions in browsers into raw data, in STUDY/data/raw.

    The tables, sidecars, manifests and logs are the same as for sessions in a window, with
    rt_source browser. Only sessions that are over are written, each once. A session with a problem,
    such as a missing record, is left out and reported; the others are written. Fetching again adds
    new sessions and compares those that were fetched before.

    Parameters
    ----------
    token
        Token of the operator, or of JATOS. If left out, that of the environment variable
        TWOALIKE_TOKEN.

    Examples
    --------
        twoalike online fetch my-study
        twoalike online fetch my-study https://lab.example.org
        twoalike online fetch my-study jatos_results.jrzip
    """
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
    """Fit the choices stored so far, for the next blocks of an adaptive study.

    Run this beside twoalike online serve. It publishes a numbered snapshot; sessions never wait for
    it. Without a snapshot, blocks are random. Needs the extra modeling.

    Parameters
    ----------
    every
        Fit repeatedly, at most once in this many seconds, until Ctrl-C; 0: once.

    Examples
    --------
        twoalike online refit my-study
        twoalike online refit my-study --every 120
    """
    where = online.default_store(study) if store is None else store
    arguments = (study, lambda: online.read_store(where))
    if not every:
        online.refit(*arguments, announce=print)
        return
    for _ in online.refit_repeatedly(*arguments, every_s=every, announce=print):
        pass


@takes("online:write_jatos")
def jatos(study: StudyFolder, /, **given: Any) -> None:
    """Write the page of a study as a study archive for JATOS.

    Import the file into JATOS, and send people the study links. Records go to the result data,
    which twoalike online fetch reads.

    Examples
    --------
        twoalike online jatos my-study --out my-study.jzip
    """
    say(online.write_jatos(study, **given))


@takes("online:write_static")
def static(**given: Any) -> None:
    """Write the page of a study for a plain web host.

    People download a file at the end and send it to you. A participant's code is in the address
    (?participant=w0001), or else drawn by the id there, so that two people may get the same code.

    Examples
    --------
        twoalike online static my-study --out site
    """
    say(online.write_static(**given))
