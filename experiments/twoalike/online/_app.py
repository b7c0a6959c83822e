"""The server of an online study as an ASGI application: its requests, answers and refusals.

A request is refused before any of it is stored. The log then has the reason and the session, never
an id, an address or the content.
"""

import asyncio
import json
import logging
import mimetypes
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager
from functools import wraps
from ipaddress import IPv6Network
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from twoalike.online._built import PartShape, Refusal, is_known, parts_of
from twoalike.online._ids import Key, hashed
from twoalike.online._limits import USUAL, Buckets, Limits, without_refused_connections
from twoalike.online._places import (
    ACCEPTING,
    LOOK_S,
    Entrant,
    archive_chunks,
    enter,
    expire,
    find_session,
    finish,
    free,
    operator_state,
    outcome,
    payments,
    resume_point,
    withdraw,
)
from twoalike.online._records import (
    MOST_BYTES,
    Accepting,
    Asked,
    Batch,
    Entry,
    Finish,
    Freed,
    Reason,
    Record,
    Sent,
    Withdrawal,
)
from twoalike.online._session_blocks import SessionBlocks
from twoalike.online._site import OnlineStudy
from twoalike.online._store import Job, Store, append, fact, set_fact, stored_blocks

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
STATUS = {
    "malformed": 400,
    "forbidden": 403,
    "unknown": 404,
    "lost": 404,
    "full": 409,
    "stopped": 409,
    "used": 409,
    "finished": 409,
    "changed": 409,
    "expired": 410,
    "too_large": 413,
    "slow_down": 429,
}
"""HTTP status of each error."""
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "style-src-attr 'unsafe-inline'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    # With both, browsers give times to 5 instead of 100 microseconds.
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-resource-policy": "same-origin",
}

type _ExternalId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.@:-]{1,100}$")]
_EXTERNAL_ID: TypeAdapter[str] = TypeAdapter(_ExternalId)
_BATCH: TypeAdapter[Any] = TypeAdapter(Batch)


type _Handler = Callable[["_Server", Request], Awaitable[Response]]


def _answering(handler: _Handler) -> _Handler:
    """Turn a refusal into its answer and a line of the log."""

    @wraps(handler)
    async def answer(server: "_Server", request: Request) -> Response:
        try:
            if not server.addresses.take(_address(request)):
                raise Refusal("slow_down", "too many requests of one address")
            if request.headers.get("sec-fetch-site", _OWN_SITE[0]) not in _OWN_SITE:
                raise Refusal("forbidden", "a page of another site")
            return await handler(server, request)
        except Refusal as refusal:
            return _refused(request, refusal)
        except SQLAlchemyError:
            return _refused(request, Refusal("slow_down", "the store does not answer"), status=503)

    return answer


def _refused(request: Request, refusal: Refusal, status: int | None = None) -> Response:
    session = getattr(request.state, "session", "unknown")
    where = request.scope.get("route")
    _LOG.warning(
        "refused (%s): %s; session %s, %s",
        refusal.error,
        refusal.reason,
        session,
        getattr(where, "path", "no route"),
    )
    later = {"retry-after": "2"} if refusal.error == "slow_down" else None
    return JSONResponse({"error": refusal.error}, status or STATUS[refusal.error], later)


def _address(request: Request) -> str:
    return network(request.client.host) if request.client else ""


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


def _reason(error: ValidationError) -> str:
    """Kind of the first error."""
    if error.error_count() > _MOST_ERRORS:
        return "many errors"
    return error.errors(include_url=False, include_input=False)[0]["type"]


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


async def _sent[Model: Sent](request: Request, model: type[Model]) -> Model:
    body = await _body(request, _MOST_OTHER_BYTES)
    kind = request.headers.get("content-type", "")
    if not kind.startswith("application/json"):  # pages of other sites cannot send this type
        raise Refusal("malformed", "a request of another type than JSON")
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise Refusal("malformed", _reason(error)) from None


class _Server:
    """State of one server process, and its answers to requests."""

    def __init__(self, built: OnlineStudy, store: Store, key: Key, limits: Limits) -> None:
        self.built, self.store, self.key, self.limits = built, store, key, limits
        self.addresses = Buckets(limits.address_burst, limits.address_per_s)
        self.sessions = Buckets(limits.session_burst, limits.session_per_s)
        self._blocks = SessionBlocks(built, store)
        files = (
            path for path in built.folder.rglob("*") if path.is_file() and not path.is_symlink()
        )
        names = (path.relative_to(built.folder).as_posix() for path in files)
        self._files = {name for name in names if not name.startswith(("people/", "."))}
        self._static = StaticFiles(directory=built.folder)

    async def _written(self, task: Job) -> Any:
        return await asyncio.wrap_future(self.store.submit(task))

    async def _read[T](self, read: Callable[[Connection], T]) -> T:
        def work() -> T:
            with self.store.reading() as connection:
                return read(connection)

        return await run_in_threadpool(work)

    def _expire(self) -> "Future[None]":
        """End sessions that nobody came back to, whether or not what follows is refused."""
        config = self.built.study.config.online
        return self.store.submit(lambda connection: expire(connection, config))

    async def look_at_clock(self) -> None:
        """Let the store know that time passes with a server that runs."""
        while True:
            self._expire()
            await asyncio.sleep(LOOK_S)

    def _session(self, request: Request) -> str:
        known = self.key.session_of(_bearer(request))
        if known is None:
            self.addresses.charge(_address(request), self.limits.guess_cost)
            raise Refusal("forbidden", "no valid token")
        request.state.session = session = known[0]
        if not self.sessions.take(session):
            raise Refusal("slow_down", "too many requests of one session")
        return session

    async def _parts(self, session: str) -> tuple[PartShape, ...]:
        """Return what the participant of a session was given."""

        def read(connection: Connection) -> tuple[PartShape, ...]:
            participant = find_session(connection, session)["participant"]
            blocks = stored_blocks(connection, session) if self.built.chooses else ()
            return parts_of(self.built, participant, blocks)

        return await self._read(read)

    @_answering
    async def enter(self, request: Request) -> Response:
        """Give a person their session, a new one or their own."""
        entry = await _sent(request, Entry)
        external = self._fitting_ids(entry.external)
        session = self.key.session_of(entry.token) if entry.token else None
        entrant = Entrant(external, entry.link, session)

        self._expire()
        try:
            row = await self._written(lambda c: enter(c, entrant, self.built, self.key))
        except Refusal as refusal:
            if refusal.error == "unknown":
                self.addresses.charge(_address(request), self.limits.guess_cost)
            raise
        if row["ended"] is not None:
            ended = {
                "reason": row["ended"],
                **outcome(row["ended"], self.built.study.config.online),
            }
            return JSONResponse({**self._secrets(row), "outcome": ended})
        content = await run_in_threadpool(self._entered, row)
        return Response(content, media_type="application/json")

    def _secrets(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Return what shows a participant's browser that a session is its own."""
        name = row["name"]
        token, code = self.key.token(name, row["participant"]), self.key.withdrawal(name)
        return {"session": name, "token": token, "withdraw": code}

    def _entered(self, row: Mapping[str, Any]) -> bytes:
        """Answer for a person who has entered; also prepares the checks of their records."""
        with self.store.reading() as connection:
            parts = parts_of(self.built, row["participant"], stored_blocks(connection, row["name"]))
            resume = resume_point(row, parts)
        answer = {**self._secrets(row), "acknowledged": row["n"], "resume": resume}
        # As it is in the file: reading and writing it again would take long.
        person = (self.built.folder / "people" / f"{row['participant']}.json").read_bytes()
        return json.dumps(answer).encode()[:-1] + b',"person":' + person + b"}"

    def _fitting_ids(self, external: dict[str, str]) -> dict[str, str]:
        """Keep the parts of an address that look like ids; the one that identifies must."""
        kept = {}
        for name, value in external.items():
            try:
                kept[name] = _EXTERNAL_ID.validate_python(value)
            except ValidationError:
                if name == self.built.study.config.online.id_parameter:
                    raise Refusal("malformed", "an id with other characters") from None
                _LOG.info("a part of an address that is no id was left out")
        return kept

    @_answering
    async def records(self, request: Request) -> Response:
        """Store records."""
        session = self._session(request)
        body = await _body(request, _MOST_BATCH_BYTES)
        if not self.sessions.take(session, len(body) // _BYTES_A_REQUEST):
            raise Refusal("slow_down", "too many bytes of one session")
        try:
            batch = _BATCH.validate_json(body)
        except ValidationError as error:
            raise Refusal("malformed", _reason(error)) from None
        if any(record.session != session for record in batch):
            raise Refusal("forbidden", "a record of another session")
        if any(record.protocol != self.built.session.hash for record in batch):
            raise Refusal("changed", "a record of another build of the study")
        stored = await self._append(session, sorted(batch, key=lambda record: record.n))
        acknowledged = [record.n for record in batch if record.n <= stored]
        return JSONResponse({"acknowledged": acknowledged, "stored": stored})

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

    @_answering
    async def block(self, request: Request) -> Response:
        """Give the trials of a block that is chosen while the session runs."""
        session = self._session(request)
        asked = await _sent(request, Asked)
        made = await run_in_threadpool(self._blocks.give, session, asked)
        return JSONResponse({"steps": [step.model_dump(mode="json") for step in made.steps]})

    @_answering
    async def finish(self, request: Request) -> Response:
        """End a session."""
        session = self._session(request)
        reason: Reason = (await _sent(request, Finish)).reason
        config = self.built.study.config.online
        return JSONResponse(
            await self._written(lambda connection: finish(connection, session, reason, config))
        )

    @_answering
    async def withdraw(self, request: Request) -> Response:
        """Delete what is stored of a session."""
        code = (await _sent(request, Withdrawal)).code
        try:
            request.state.session = await self._written(
                lambda connection: withdraw(connection, code)
            )
        except Refusal:
            self.addresses.charge(_address(request), self.limits.guess_cost)
            raise
        await run_in_threadpool(self.store.forget)
        _LOG.info("withdrawn: session %s", request.state.session)
        return JSONResponse({})

    async def _operator(self, request: Request) -> None:
        """Refuse whoever is not the operator."""
        known = await self._read(lambda connection: fact(connection, OPERATOR))
        if known != hashed(_bearer(request)):
            self.addresses.charge(_address(request), self.limits.guess_cost)
            raise Refusal("forbidden", "not the operator")

    @_answering
    async def state(self, request: Request) -> Response:
        """Show the operator who is where."""
        await self._operator(request)
        await asyncio.wrap_future(self._expire())
        state = await self._read(lambda c: operator_state(c, self.built))
        return JSONResponse(state)

    @_answering
    async def payments(self, request: Request) -> Response:
        """Give the operator the list of people to be paid."""
        await self._operator(request)
        table = await self._read(lambda connection: payments(connection, self.key))
        name = {"content-disposition": 'attachment; filename="payments.csv"'}
        return Response(table, media_type="text/csv; charset=utf-8", headers=name)

    @_answering
    async def accepting(self, request: Request) -> Response:
        """Stop, or go on."""
        await self._operator(request)
        on = (await _sent(request, Accepting)).on
        value = "yes" if on else "no"
        await self._written(lambda connection: set_fact(connection, ACCEPTING, value))
        _LOG.info("new people may take part: %s", value)
        return JSONResponse({"on": on})

    @_answering
    async def free(self, request: Request) -> Response:
        """End a session whose participant has gone, so that its code may become free."""
        await self._operator(request)
        session = (await _sent(request, Freed)).session
        await self._written(lambda connection: free(connection, session))
        _LOG.info("ended by the operator: session %s", session)
        return JSONResponse({})

    @_answering
    async def archive(self, request: Request) -> Response:
        """Give the operator all records."""
        await self._operator(request)

        def read() -> Any:
            with self.store.reading() as connection:
                yield from archive_chunks(connection)

        return StreamingResponse(read(), media_type="application/x-ndjson")

    async def file(self, request: Request) -> Response:
        """Give a file of the built study; there are no others."""
        name = request.path_params.get("path") or "index.html"
        if name not in self._files:
            raise HTTPException(404)
        response = await self._static.get_response(name, request.scope)
        lasting = name.startswith("images/")  # named by their content
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

    def post(path: str, handler: Any) -> Route:
        return Route(f"/api/{path}", handler, methods=["POST"])

    routes = [
        post("enter", server.enter),
        post("records", server.records),
        post("block", server.block),
        post("finish", server.finish),
        post("withdraw", server.withdraw),
        Route("/api/operator/state", server.state),
        Route("/api/operator/payments.csv", server.payments),
        post("operator/accepting", server.accepting),
        post("operator/free", server.free),
        Route("/api/operator/records", server.archive),
        Route("/operator", lambda _: RedirectResponse("operator/")),
        Mount("/operator", StaticFiles(directory=_OPERATOR_PAGE, html=True)),
        Route("/withdraw", server.file),
        Route("/{path:path}", server.file),
    ]
    app = Starlette(
        routes=routes, lifespan=lifespan, exception_handlers={HTTPException: _http_error}
    )
    app.add_middleware(_SecureHeaders)
    return app


async def _http_error(request: Request, error: Exception) -> Response:
    """Answer for a path or method that is not there."""
    assert isinstance(error, HTTPException)
    known = "unknown" if error.status_code == 404 else "malformed"
    return _refused(request, Refusal(known, error.detail), error.status_code)


class _SecureHeaders:
    """Headers that keep foreign code and foreign pages away from every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                named = {name for name, _ in message["headers"]}
                added = list(self._headers)
                if b"cache-control" not in named:
                    added.append((b"cache-control", b"no-store"))
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await self._app(scope, receive, with_headers)
