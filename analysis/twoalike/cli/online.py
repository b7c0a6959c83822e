"""``twoalike online``: a study in a browser."""

from pathlib import Path

from cyclopts import App

app = App(name="online", help="Run a study in a browser.")


@app.command
def serve(
    study: Path, /, *, host: str = "127.0.0.1", port: int = 8000, store: str | None = None
) -> None:
    """Serve a built study: its page, and the store of what people answer.

    Records go to the folder STUDY-online beside the study, with the key that closes people's ids.
    The first start prints the token for the operator's page. Other machines reach the server
    through a reverse proxy (docs/how-to/serve-online.md). Ctrl-C stops it; no answer is lost.

    Parameters
    ----------
    study
        Folder of a study that twoalike online build has compiled.
    host
        Address to listen at.
    port
        Port to listen at; 0 takes a free one.
    store
        PostgreSQL instead of the file: postgresql+psycopg://USER@HOST/DATABASE. Several machines
        may serve one study; each needs a copy of STUDY-online/key.

    Examples
    --------
        twoalike online serve my-study
        twoalike online serve my-study --port 8080 --store postgresql+psycopg://lab@db.example.org/study
    """  # noqa: E501
    from twoalike.online import serve as run

    run(study, host=host, port=port, store=store, show=lambda line: print(line, flush=True))  # noqa: T201


@app.command
def token(study: Path, /, *, store: str | None = None) -> None:
    """Make a new token for the operator's page; the one before no longer works.

    Parameters
    ----------
    study
        Folder of the study.
    store
        As for twoalike online serve.

    Examples
    --------
        twoalike online token my-study
    """
    from twoalike.online import new_token

    print(new_token(study, store))  # noqa: T201


@app.command
def links(study: Path, /, *, number: int, url: str, store: str | None = None) -> None:
    """Make one-time links, one a line; each lets one person take part.

    People may come back by their link until their session is over. With entry = "link" below
    [online] in study.toml nobody takes part without one.

    Parameters
    ----------
    study
        Folder of the study.
    number
        How many.
    url
        Address of the study as people see it.
    store
        As for twoalike online serve.

    Examples
    --------
        twoalike online links my-study --number 20 --url https://lab.example.org/ > links.txt
    """
    from twoalike.online import make_links

    for link in make_links(study, number, url, store):
        print(link)  # noqa: T201
