"""The ASGI app, and the process that serves it."""

import asyncio
import logging
import math
import signal
import socket
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from types import FrameType

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from bedplate import __version__
from bedplate.access.session_tokens import SessionTokens, session_secret
from bedplate.api import (
    ask,
    assistants,
    batches,
    budgets,
    chat,
    chunks,
    collections,
    conversations,
    doctor,
    documents,
    embeddings,
    evaluations,
    feedback,
    file_batches,
    files,
    guard,
    health,
    jobs,
    judge,
    keys,
    mcp,
    messages,
    metrics,
    model_health,
    models,
    originals,
    part_uploads,
    pushes,
    quality,
    quarantine,
    rerank,
    responses,
    responses_compact,
    reviews,
    runs,
    search,
    session,
    sources,
    stored_chats,
    text_completions,
    tools,
    traces,
    usage,
    usage_lines,
    vector_store_files,
    vector_stores,
)
from bedplate.api.access import Gate, KeyGate
from bedplate.api.admission import Admission, Lines
from bedplate.api.bodies import Bodies
from bedplate.api.completions import Completions
from bedplate.api.console import Console
from bedplate.api.errors import answer, place_of, refuse, unexpected
from bedplate.api.garbage import spare_collections
from bedplate.api.gates import Addressed, check_exposure, is_loopback
from bedplate.api.heads import BoundedHeads
from bedplate.api.listening import BACKLOG, listen, url_of
from bedplate.api.media_types import is_json, sent_as
from bedplate.api.own_requests import OwnRequests
from bedplate.api.readiness import Readiness
from bedplate.api.run_hooks import signed_paths
from bedplate.api.stopping import end_rest
from bedplate.api.trail import ROUTED, Trail
from bedplate.app import App, open_app
from bedplate.config import Config
from bedplate.errors import BedplateError
from bedplate.keys import were_made
from bedplate.metering import exporting
from bedplate.telemetry.log_queue import queued
from bedplate.telemetry.trace import trace_id

logger = logging.getLogger(__name__)

Announce = Callable[[str, bool], None]
"""Given the URL, and whether the server is open as there are no access keys."""

CUT_SECONDS = 2
"""How long requests that are cut off have to say so, before their connections are closed."""

SHOWN_PROBLEMS = 5


def build_server(app: App) -> ASGIApp:
    """The whole HTTP surface over an open App."""
    return _build(app)[0]


def _build(app: App) -> tuple[ASGIApp, Admission]:
    settings = app.config.server
    completions = Completions(app)
    hot = {
        chat.PATH: chat.Chat(app, completions),
        messages.PATH: messages.Messages(completions),
        messages.COUNT_PATH: messages.count_tokens,
        mcp.PATH: mcp.Mcp(app),
    }
    sessions = SessionTokens(session_secret(app.config.data.dir))
    routes = _Dispatch(hot, _build_api(app, sessions))
    bodies = Bodies(routes, max_bytes=settings.max_body_bytes, seconds=settings.request_seconds)
    lines = Lines(
        settings.max_requests, room=settings.max_waiting, wait_seconds=settings.wait_seconds
    )
    admission = Admission(bodies, lines)
    local, recorder = is_loopback(settings.host), app.tracing.recorder
    if app.library is not None:
        # Past the lines: a batch has its own bound, and its work is not cut off but resumed.
        own = KeyGate(bodies, app.keyring, local=local)
        app.library.calls.open(OwnRequests(Trail(own, recorder)))
    signed = signed_paths(app.config.runs.hooks)
    gate = Gate(admission, app.keyring, sessions, local=local, signed=signed)
    return Trail(Addressed(Console(gate)), recorder), admission


@asynccontextmanager
async def running(app: App, inherited: socket.socket | None = None) -> AsyncGenerator[str]:
    """Serve `app` for as long as the block runs; the URL to reach it by.

    At the end no new connection is taken; requests get `server.drain_seconds` to finish, and what
    is not finished then is told so and cut off. `inherited` is a socket that listens already.

    Raises:
        ConfigError: see `listen`.
    """
    settings = app.config.server
    with inherited or listen(settings, has_keys=not app.keyring.is_open) as listener, queued():
        surface, admission = _build(app)
        server = uvicorn.Server(
            uvicorn.Config(
                surface,
                http=BoundedHeads,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
                # Theirs counts the newest too, and is reached where ours is passed.
                limit_concurrency=settings.max_connections + 1,
                timeout_graceful_shutdown=math.ceil(settings.drain_seconds) + CUT_SECONDS,
            )
        )
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        await server.startup(sockets=[listener])
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(server.main_loop())
                try:
                    yield url_of(listener)
                finally:
                    server.should_exit = True
        finally:
            loop = asyncio.get_running_loop()
            cutting = loop.call_later(settings.drain_seconds, admission.cut_off)
            await server.shutdown(sockets=[listener])
            cutting.cancel()
            await end_rest(server, CUT_SECONDS)


@asynccontextmanager
async def scheduling(app: App) -> AsyncGenerator[None]:
    """Start the syncs of sources that are due or were pushed to, clear away uploads that have had
    their turn and originals without a document, let files, vector stores and reviews expire, and call
    webhooks, for as long as the block runs.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            loops = [
                tasks.create_task(part.run())
                for part in (
                    app.schedules,
                    app.uploads,
                    app.library,
                    app.push_syncs,
                    app.originals,
                    app.runs and app.runs.upkeep,
                    app.review_upkeep,
                )
                if part is not None
            ]
            try:
                yield
            finally:
                for loop in loops:
                    loop.cancel()
    except ExceptionGroup as group:
        raise group.exceptions[0] from group.exceptions[0].__cause__


def serve(config: Config, *, announce: Announce = lambda _url, _is_open: None) -> None:
    """Serve until SIGINT or SIGTERM; `announce` is called once requests are taken.

    Raises:
        ConfigError: see `open_app` and `running`.
        StorageError: see `open_app`.
    """
    # Before anything is made on disk; `running` knows for sure.
    check_exposure(config.server.host, has_keys=were_made(config))
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve(config, announce))


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The fastest event loop that is installed; None for asyncio's own."""
    return uvicorn.Config(_nothing, log_config=None).get_loop_factory()


async def _serve(config: Config, announce: Announce) -> None:
    async with (
        open_app(config, work=True) as app,
        exporting(app),
        scheduling(app),
        running(app) as url,
    ):
        logger.info("serving", extra={"url": url})
        spare_collections()
        with _signals() as stopped:
            announce(url, app.keyring.is_open)
            await stopped.wait()
        logger.info("stopping", extra={"drain_seconds": config.server.drain_seconds})


class _Dispatch:
    """Sends the hot routes past FastAPI."""

    def __init__(self, hot: Mapping[str, ASGIApp], rest: ASGIApp) -> None:
        self._hot = hot
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._hot.get(scope["path"])
        if route is None:
            await self._rest(scope, receive, send)
        elif scope["method"] == "POST":
            scope["state"][ROUTED] = scope["path"]
            await route(scope, receive, send)
        elif scope["path"] == chat.PATH and scope["method"] in {"GET", "HEAD"}:
            await self._rest(scope, receive, send)
        else:
            allowed = "GET, POST" if scope["path"] == chat.PATH else "POST"
            await _wrong_method(scope["method"], scope["path"], allowed)(scope, receive, send)


def _build_api(app: App, sessions: SessionTokens) -> FastAPI:
    # The interactive pages load their scripts from a public CDN, so there are none.
    api = FastAPI(
        title="Bedplate",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={
            BedplateError: _answer_error,
            RequestValidationError: _answer_invalid,
            HTTPException: _answer_http,
            Exception: _answer_unexpected,
        },
    )
    api.state.bedplate = app
    api.state.sessions = sessions
    api.state.readiness = Readiness(app)
    api.state.doctor = doctor.Doctor(app)
    api.state.started = int(time.time())
    for part in (
        models,
        model_health,
        tools,
        stored_chats,
        text_completions,
        embeddings,
        rerank,
        files,
        part_uploads,
        batches,
        vector_stores,
        file_batches,
        vector_store_files,
        responses_compact,
        responses,
        conversations,
        collections,
        documents,
        chunks,
        originals,
        quality,
        quarantine,
        search,
        ask,
        guard,
        judge,
        sources,
        pushes,
        jobs,
        assistants,
        runs,
        budgets,
        usage,
        usage_lines,
        traces,
        feedback,
        evaluations,
        reviews,
        metrics,
        keys,
        session,
        doctor,
        health,
    ):
        api.include_router(part.router)
    return api


async def _answer_error(request: Request, error: BedplateError) -> Response:
    return answer(error)


async def _answer_invalid(request: Request, error: RequestValidationError) -> Response:
    """400, where FastAPI says 422: OpenAI's clients know a bad request by it."""
    problems = error.errors()
    if problems[0]["type"] == "json_invalid":
        why, at = problems[0]["ctx"]["error"], problems[0]["loc"][-1]
        message = f"The body is not valid JSON: {why} (character {at})."
        return refuse(400, message, code="invalid_input")
    if problems[0]["loc"] == ("body",) and error.body and not is_json(request):
        message = f"The body {sent_as(request)}: for JSON send Content-Type: application/json."
        return refuse(400, message, code="invalid_input")
    named = [(place_of(problem["loc"], error.body), problem["msg"]) for problem in problems]
    message = "; ".join(f"{name or 'The body'}: {what}" for name, what in named[:SHOWN_PROBLEMS])
    return refuse(400, f"{message}.", code="invalid_input", param=named[0][0] or None)


async def _answer_http(request: Request, error: HTTPException) -> Response:
    path = request.url.path
    if error.status_code == HTTPStatus.NOT_FOUND:
        message = f"There is no {path!r}; /openapi.json lists what there is."
        return refuse(404, message, code="not_found")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return _wrong_method(request.method, path, (error.headers or {}).get("Allow", ""))
    return refuse(error.status_code, error.detail, code="invalid_input")


async def _answer_unexpected(request: Request, error: Exception) -> Response:
    """Starlette raises the error on after this, so that the trail logs it."""
    return unexpected(trace_id())


def _wrong_method(method: str, path: str, allowed: str) -> Response:
    return refuse(
        405,
        f"{path!r} does not take {method}; it takes {allowed}.",
        code="method_not_allowed",
        headers={"Allow": allowed},
    )


@contextmanager
def _signals() -> Generator[asyncio.Event]:
    """An event set by the first signal to stop; a second one has its usual effect."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stopped.set)

    former = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, restored in former.items():
            signal.signal(number, restored)


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """Stands in where only uvicorn's choice of event loop is asked for."""
