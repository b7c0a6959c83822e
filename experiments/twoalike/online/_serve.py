"""Start of the server: the folder beside the study, key, operator's token, one-time links."""

import logging
import os
import secrets
import socket
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlencode

from twoalike.online._ids import Key, hashed, load_key, make_key
from twoalike.online._limits import BACKLOG, USUAL, Limits, limited_protocol
from twoalike.online._places import add_links
from twoalike.online._site import default_store, online_folder, read_built
from twoalike.online._store import Store, fact, set_fact
from twoalike.study import Study, TwoalikeError, hold_lock, sync_folder, writing

_KEY = "key"
"""Fact by which a store knows the key it was written with."""
_LOCAL = ("127.0.0.1", "::1", "localhost")


def open_store(study: str | Path, store: str | None = None) -> tuple[Store, Key]:
    """Open the store of a study and its key; both are made the first time."""
    folder = online_folder(study)
    with writing(folder):
        folder.mkdir(mode=0o700, exist_ok=True)
        if os.name == "posix":
            folder.chmod(0o700)
    busy = f"{folder}: another process is starting. Try again."
    with hold_lock(folder / "lock", busy, patience_s=30.0):
        opened = Store(default_store(study) if store is None else store)
        with ExitStack() as stack:
            stack.callback(opened.close)
            key = _key_of(opened, folder / "key")
            stack.pop_all()
        sync_folder(folder)
    return opened, key


def _key_of(store: Store, path: Path) -> Key:
    with store.reading() as connection:
        known = fact(connection, _KEY)
    key = make_key(path) if known is None and not path.exists() else load_key(path)
    if known is None:
        store.write(lambda connection: set_fact(connection, _KEY, key.mark("key")))
    elif known != key.mark("key"):
        raise TwoalikeError(
            where=path,
            expected="the key that the store was written with",
            found="another",
            remedy="Copy it from the machine that serves the study already.",
        )
    return key


def new_token(study: str | Path, store: str | None = None) -> str:
    """Make a new token for the operator; one made before no longer works."""
    opened, _ = open_store(Study.load(study).root, store)
    with closing(opened):
        return _new_token(opened)


def _new_token(store: Store) -> str:
    from twoalike.online._app import OPERATOR

    token = secrets.token_urlsafe(24)
    store.write(lambda connection: set_fact(connection, OPERATOR, hashed(token)))
    return token


def make_links(study: str | Path, number: int, url: str, store: str | None = None) -> list[str]:
    """Make one-time links; each lets one person take part, who may come back by it.

    Parameters
    ----------
    number
        How many.
    url
        Address of the study, such as ``https://lab.example.org/``.
    """
    if number < 1:
        raise TwoalikeError(where=f"`number={number}`", expected="at least 1", found=number)
    opened, key = open_store(Study.load(study).root, store)
    links = [secrets.token_urlsafe(16) for _ in range(number)]
    with closing(opened):
        opened.write(lambda connection: add_links(connection, links, key))
    return [f"{url.rstrip('/')}/?{urlencode({'link': link})}" for link in links]


def serve(
    study: str | Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    store: str | None = None,
    limits: Limits = USUAL,
    show: Callable[[str], None] = print,
) -> None:
    """Serve a built study until it is interrupted.

    Parameters
    ----------
    study
        Folder of a study that ``twoalike online build`` has compiled.
    host, port
        Address to listen at; port 0 takes a free one. Other machines should reach it through a
        reverse proxy, which encrypts.
    store
        Connection string, such as ``postgresql+psycopg://...``; None: an SQLite file in the folder
        ``STUDY-online`` beside the study.
    limits
        How often a session or an address may ask; how many connections may be open.
    show
        Called with lines for the operator: addresses, and the token when it is made.
    """
    import uvicorn

    from twoalike.online._app import OPERATOR, create_app
    from twoalike.online._session_blocks import parts_of

    built = read_built(study)
    parts_of(built, built.session.participants[0])  # a damaged build is reported now
    opened, key = open_store(study, store)
    with ExitStack() as stack:
        stack.callback(opened.close)
        listening = _listen(host, port)
        with opened.reading() as connection:
            known = fact(connection, OPERATOR)
        token = _new_token(opened) if known is None else None
        for line in _greeting(listening, host, token):
            show(line)
        stack.pop_all()  # the server closes it
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("twoalike.online").setLevel(logging.INFO)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # else a line for any noise sent
    config = uvicorn.Config(
        create_app(built, opened, key, limits),
        http=limited_protocol(limits),
        backlog=BACKLOG,
        log_config=None,
        access_log=False,  # addresses carry ids
        server_header=False,
        ws="none",
        lifespan="on",
        timeout_graceful_shutdown=10,
    )
    uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise TwoalikeError(
            f"cannot listen at port {port} of {host} ({error.strerror})",
            where=f"`port={port}`",
            remedy="Choose another port, or end the program that uses it.",
        ) from error


def _greeting(listening: socket.socket, host: str, token: str | None) -> list[str]:
    name = f"[{host}]" if ":" in host else host
    address = f"http://{name}:{listening.getsockname()[1]}/"
    lines = [f"study     {address}", f"operator  {address}operator/"]
    if token is not None:
        lines.append(f"token     {token}  (shown this once; twoalike online token makes a new one)")
    if host not in _LOCAL:
        lines.append("Other machines can reach this without encryption: use a reverse proxy.")
    return lines
