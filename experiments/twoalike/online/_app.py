"""The server of an online study as an ASGI application: its requests, answers and refusals.

A request is refused before any of it is stored. The log then has the reason and the session, never
an id, an address or the content.
"""

import asyncio
import json
import logging
import mimetypes
import re
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager
from functools import partial
from ipaddress import IPv6Network
from itertools import batched
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from twoalike.online import _places as places
from twoalike.online._ids import Key, hashed
from twoalike.online._limits import USUAL, Buckets, Limits, without_refused_connections
from twoalike.online._records import (
    MOST_BYTES,
    Asked,
    Batch,
    Name,
    Reason,
    Record,
    Refusal,
    Sent,
    Sha256,
    is_known,
)
from twoalike.online._session_blocks import SessionBlocks, parts_of
from twoalike.online._site import OnlineStudy, online_folder
from twoalike.online._store import Job, Store, append, archive, fact, set_fact, stored
from twoalike.study import declared

_LOG = logging.getLogger("twoalike.online")
_OPERATOR_PAGE = Path(__file__).parent / "page" / "operator"
OPERATOR = "operator"
"""Fact that holds the hash of the operator's token."""
_MOST_BATCH_BYTES, _MOST_OTHER_BYTES = 16 * MOST_BYTES, 16_384
_BYTES_A_REQUEST = 131_072
"""Records of so many bytes count as one more request: checking them takes time."""
_BODY_S = 120.0
"""How long a body may take to come."""
_OWN_SITE = ("same-origin", "none")
"""Values of Sec-Fetch-Site with which a browser asks for one of our pages, or on a user's word."""
_MOST_ERRORS = 100
"""Errors of one body from which on none is looked at."""
_CHUNK = 200
"""Lines of the archive that are sent together."""
_HTTP = declared("twoalike.online", "http.toml")
STATUS: dict[str, int] = _HTTP["status"]
"""HTTP status of each error."""
_ID = re.compile(r"[A-Za-z0-9_.@:-]{1,100}")
_BATCH: TypeAdapter[Any] = TypeAdapter(Batch)


class _Entry(Sent):
    """Request to take part; ``external`` are the parameters of the page's address."""

    external: dict[Name, Annotated[str, Field(max_length=200)]] = Field(
        default_factory=dict, max_length=20
    )
    link: Annotated[str, Field(max_length=100)] | None = None
    token: Annotated[str, Field(max_length=200)] | None = None
    page: Sha256 | None = None


class _Finish(Sent):
    reason: Reason


class _Withdrawal(Sent):
    code: Annotated[str, Field(max_length=100)]


class _Accepting(Sent):
    on: bool


class _Freed(Sent):
    session: Name


class _Guess(Refusal):
    """Refusal of a wrong token, which counts as many requests."""


def network(address: str) -> str:
    """Network that shares its requests: of IPv6 the first 64 bits, which one household has.

    Examples
    --------
    >>> network("2001:db8:1:2::7"), network("192.0.2.7")
    ('2001:db8:1:2::/64', '192.0.2.7')
    """
    if ":" not in address:
        return address
    try:
        return str(IPv6Network((address.partition("%")[0], 64), strict=False))
    except ValueError:  # a proxy may name it in its own way
        return address


def _refused(request: Request, refusal: Refusal, status: int | None = None) -> Response:
    session = getattr(request.state, "session", "unknown")
    path = getattr(request.scope.get("route"), "path", "no route")
    _LOG.warning("refused (%s): %s; session %s, %s", refusal.error, refusal.reason, session, path)
    later = {"retry-after": "2"} if refusal.error == "slow_down" else None
    return JSONResponse({"error": refusal.error}, status or STATUS[refusal.error], later)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known = "unknown" if error.status_code == 404 else "malformed"
    return _refused(request, Refusal(known, error.detail), error.status_code)


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def _body(request: Request, most: int) -> bytes:
    """Read a body that is not longer than allowed; a longer one is not read to its end."""
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced) > most:
        raise Refusal("too_large", "body")
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise Refusal("too_large", "body")
    except TimeoutError:
        raise Refusal("slow_down", "a body that does not come") from None
    return bytes(body)


def _checked(validate: Callable[[bytes], Any], body: bytes) -> Any:
    try:
        return validate(body)
    except ValidationError as error:
        few = error.error_count() <= _MOST_ERRORS
        kinds = error.errors(include_url=False, include_input=False) if few else []
        raise Refusal("malformed", kinds[0]["type"] if kinds else "many errors") from None


class _Server:
    def __init__(self, built: OnlineStudy, store: Store, key: Key, limits: Limits) -> None:
        self.built, self.store, self.key, self.limits = built, store, key, limits
        self.config = built.study.config.online
        self.addresses = Buckets(limits.address_burst, limits.address_per_s)
        self.sessions = Buckets(limits.session_burst, limits.session_per_s)
        self._blocks = SessionBlocks(built, store)
        files = (
            path for path in built.folder.rglob("*") if path.is_file() and not path.is_symlink()
        )
        names = (path.relative_to(built.folder).as_posix() for path in files)
        self._files = {name for name in names if not name.startswith(".") and "people/" not in name}
        self._static = StaticFiles(directory=built.folder)

    def route(
        self,
        path: str,
        work: Callable[..., Awaitable[Any]],
        sent: type[Sent] | None = None,
        *,
        who: Callable[[Request], Awaitable[None]] | None = None,
        method: str = "POST",
    ) -> Route:
        """Make a request whose refusal is an answer and a line of the log.

        ``who`` refuses those who may not ask, ``work`` gets the request and what was sent.
        """

        async def answer(request: Request) -> Response:
            address = network(request.client.host) if request.client else ""
            try:
                if not self.addresses.take(address):
                    raise Refusal("slow_down", "too many requests of one address")
                if request.headers.get("sec-fetch-site", _OWN_SITE[0]) not in _OWN_SITE:
                    raise Refusal("forbidden", "a page of another site")
                if who is not None:
                    await who(request)
                given = []
                if sent is not None:
                    body = await _body(request, _MOST_OTHER_BYTES)
                    kind = request.headers.get("content-type", "")
                    if not kind.startswith("application/json"):  # other sites cannot send this
                        raise Refusal("malformed", "a request of another type than JSON")
                    given.append(_checked(sent.model_validate_json, body))
                made = await work(request, *given)
                return made if isinstance(made, Response) else JSONResponse(made)
            except Refusal as refusal:
                if refusal.error == "unknown" or isinstance(refusal, _Guess):
                    self.addresses.charge(address, self.limits.guess_cost)
                return _refused(request, refusal)
            except SQLAlchemyError:
                down = Refusal("slow_down", "the store does not answer")
                return _refused(request, down, status=503)

        return Route(f"/api/{path}", answer, methods=[method])

    async def _written(self, task: Job) -> Any:
        return await asyncio.wrap_future(self.store.submit(task))

    async def _read[T](self, read: Callable[[Connection], T]) -> T:
        def work() -> T:
            with self.store.reading() as connection:
                return read(connection)

        return await run_in_threadpool(work)

    def _expire(self) -> "Future[None]":
        """End sessions that nobody came back to, whether or not what follows is refused."""
        return self.store.submit(lambda connection: places.expire(connection, self.config))

    async def look_at_clock(self) -> None:
        """Let the store know that time passes with a server that runs."""
        while True:
            self._expire()
            await asyncio.sleep(places.LOOK_S)

    async def participant(self, request: Request) -> None:
        """Refuse whoever has no session, or asks too often in it."""
        known = self.key.session_of(_bearer(request))
        if known is None:
            raise _Guess("forbidden", "no valid token")
        request.state.session = known[0]
        if not self.sessions.take(known[0]):
            raise Refusal("slow_down", "too many requests of one session")

    async def operator(self, request: Request) -> None:
        """Refuse whoever is not the operator."""
        known = await self._read(lambda connection: fact(connection, OPERATOR))
        if known != hashed(_bearer(request)):
            raise _Guess("forbidden", "not the operator")

    async def enter(self, request: Request, entry: _Entry) -> Any:
        """Give a person their session, a new one or their own."""
        name = self.config.id_parameter
        external = {key: text for key, text in entry.external.items() if _ID.fullmatch(text)}
        if external.keys() != entry.external.keys():
            if name in entry.external and name not in external:
                raise Refusal("malformed", "an id with other characters")
            _LOG.info("a part of an address that is no id was left out")
        token = self.key.session_of(entry.token) if entry.token else None
        self._expire()
        row: Mapping[str, Any] = await self._written(
            lambda one: places.enter(
                one, self.built, self.key, external, entry.link, token, entry.page
            )
        )
        own = {
            "session": row["name"],
            "token": self.key.token(row["name"], row["participant"]),
            "withdraw": self.key.withdrawal(row["name"]),
        }
        if row["ended"] is not None:
            ended = places.outcome(row["ended"], self.config)
            return {**own, "outcome": {"reason": row["ended"], **ended}}
        page = self.built.pages[row["protocol"]]
        parts = await self._parts(row["name"])  # also prepares the checks of their records
        own |= {"acknowledged": row["n"], "resume": places.resume_point(row, parts)}
        own |= {"language": page.session.language}
        own |= {"away_minutes": int(time.time() - row["last"]) // 60}
        # As it is in the file: reading and writing it again would take long.
        person = (page.folder / "people" / f"{row['participant']}.json").read_bytes()
        content = json.dumps(own).encode()[:-1] + b',"person":' + person + b"}"
        return Response(content, media_type="application/json")

    async def _parts(self, session: str) -> Any:
        def read(connection: Connection) -> Any:
            participant = places.find_session(connection, session)["participant"]
            blocks = stored(connection, session, "block") if self.built.chooses else ()
            return parts_of(self.built, participant, blocks)

        return await self._read(read)

    async def records(self, request: Request) -> Any:
        """Store records."""
        session = request.state.session
        body = await _body(request, _MOST_BATCH_BYTES)
        if not self.sessions.take(session, len(body) // _BYTES_A_REQUEST):
            raise Refusal("slow_down", "too many bytes of one session")
        batch = _checked(_BATCH.validate_json, body)
        if len({record.n for record in batch}) < len(batch):
            raise Refusal("malformed", "two records with the same number")
        if any(record.session != session for record in batch):
            raise Refusal("forbidden", "a record of another session")
        if any(record.protocol not in self.built.pages for record in batch):
            raise Refusal("changed", "a record of another build of the study")
        n = await self._append(session, sorted(batch, key=lambda record: record.n))
        return {"acknowledged": [record.n for record in batch if record.n <= n], "stored": n}

    async def _append(self, session: str, records: list[Record]) -> int:
        """Check and store records; return the number of the last one that is stored.

        A store that was restored from a backup may lack arrangements that were chosen since. The
        answers before them, which come again as well, choose them again.
        """
        parts = await self._parts(session)
        known = [is_known(record, parts) for record in records]
        if all(known) or not self.built.chooses:
            return int(await self._written(lambda one: append(one, session, records, parts)))
        n = known.index(False)
        if n:
            await self._append(session, records[:n])
        if not await run_in_threadpool(self._blocks.again, session, records[n].part):
            raise Refusal("malformed", "no such step")
        return await self._append(session, records[n:])

    async def block(self, request: Request, asked: Asked) -> Any:
        """Give the trials of a block that is chosen while the session runs."""
        made = await run_in_threadpool(self._blocks.give, request.state.session, asked)
        return {"steps": [step.model_dump(mode="json") for step in made.steps]}

    async def finish(self, request: Request, sent: _Finish) -> Any:
        """End a session."""
        session = request.state.session
        return await self._written(
            lambda connection: places.finish(connection, session, sent.reason, self.config)
        )

    async def withdraw(self, request: Request, sent: _Withdrawal) -> Any:
        """Delete what is stored of a session."""
        session = await self._written(lambda one: places.withdraw(one, sent.code))
        request.state.session = session
        await run_in_threadpool(self.store.forget)
        _LOG.info("withdrawn: session %s", session)
        return {}

    async def state(self, _: Request) -> Any:
        """Show the operator who is where."""
        await asyncio.wrap_future(self._expire())
        return await self._read(lambda one: places.operator_state(one, self.built))

    async def payments(self, _: Request) -> Response:
        """Give the operator the list of people to be paid."""
        table = await self._read(lambda connection: places.payments(connection, self.key))
        name = {"content-disposition": 'attachment; filename="payments.csv"'}
        return Response(table, media_type="text/csv; charset=utf-8", headers=name)

    async def accepting(self, _: Request, sent: _Accepting) -> Any:
        """Stop, or go on."""
        value = "yes" if sent.on else "no"
        await self._written(lambda connection: set_fact(connection, places.ACCEPTING, value))
        _LOG.info("new people may take part: %s", value)
        return {"on": sent.on}

    async def free(self, _: Request, sent: _Freed) -> Any:
        """End a session whose participant has gone, so that its code may become free."""
        await self._written(lambda connection: places.free(connection, sent.session))
        _LOG.info("ended by the operator: session %s", sent.session)
        return {}

    async def health(self, request: Request) -> Any:
        """Tell the operator how the request arrived, and how much room the disk has."""
        return {
            "scheme": request.url.scheme,
            "address": request.client.host if request.client else "",
            "forwarded_for": request.headers.get("x-forwarded-for", ""),
            "free_bytes": shutil.disk_usage(online_folder(self.built.study.root)).free,
        }

    async def archive(self, _: Request) -> Response:
        """Give the operator all records."""

        def read() -> Iterator[str]:
            with self.store.reading() as connection:
                for lines in batched(archive(connection), _CHUNK):
                    yield "".join(f"{line}\n" for line in lines)

        return StreamingResponse(read(), media_type="application/x-ndjson")

    async def file(self, request: Request) -> Response:
        """Give a file of the built study; there are no others."""
        name = request.path_params.get("path") or "index.html"
        if name not in self._files:
            raise HTTPException(404)
        response = await self._static.get_response(name, request.scope)
        lasting = name.startswith(("images/", "sounds/"))  # named by their content
        response.headers["cache-control"] = (
            "public, max-age=31536000, immutable" if lasting else "no-cache"
        )
        return response


def create_app(built: OnlineStudy, store: Store, key: Key, limits: Limits = USUAL) -> Starlette:
    """Make the server of a study; it closes the store at its end."""
    mimetypes.add_type("text/javascript", ".js")  # Windows may know it as something else
    server = _Server(built, store, key, limits)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        asyncio.get_running_loop().set_exception_handler(without_refused_connections)
        looking = asyncio.create_task(server.look_at_clock())
        yield
        looking.cancel()
        await run_in_threadpool(store.close)

    own = partial(server.route, who=server.participant)
    operator = partial(server.route, who=server.operator)
    routes = [
        server.route("enter", server.enter, _Entry),
        own("records", server.records),
        own("block", server.block, Asked),
        own("finish", server.finish, _Finish),
        server.route("withdraw", server.withdraw, _Withdrawal),
        operator("operator/state", server.state, method="GET"),
        operator("operator/payments.csv", server.payments, method="GET"),
        operator("operator/accepting", server.accepting, _Accepting),
        operator("operator/free", server.free, _Freed),
        operator("operator/health", server.health, method="GET"),
        operator("operator/records", server.archive, method="GET"),
        Route("/operator", lambda _: RedirectResponse("operator/")),
        Mount("/operator", StaticFiles(directory=_OPERATOR_PAGE, html=True)),
        Route("/withdraw", server.file),
        Route("/{path:path}", server.file),
    ]
    handlers: Any = {HTTPException: _http_error}
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers)
    app.add_middleware(_SecureHeaders)
    return app


class _SecureHeaders:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HTTP["headers"])
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, with_headers)
