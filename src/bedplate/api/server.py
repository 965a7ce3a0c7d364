"""The ASGI app, and the process that serves it."""

import asyncio
import logging
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
from bedplate.api import (
    ask,
    budgets,
    chat,
    collections,
    conversations,
    documents,
    embeddings,
    file_batches,
    files,
    guard,
    health,
    jobs,
    keys,
    messages,
    metrics,
    model_health,
    models,
    originals,
    pushes,
    quality,
    quarantine,
    rerank,
    responses,
    search,
    sources,
    traces,
    usage,
    vector_store_files,
    vector_stores,
)
from bedplate.api.access import Gate
from bedplate.api.bodies import Bodies
from bedplate.api.completions import Completions
from bedplate.api.errors import answer, refuse, unexpected
from bedplate.api.gates import Crowd, check_exposure, is_loopback
from bedplate.api.media_types import is_json, sent_as
from bedplate.api.readiness import Readiness
from bedplate.api.trail import ROUTED, Trail
from bedplate.app import App, open_app
from bedplate.config import Config, ServerConfig
from bedplate.errors import BedplateError, ConfigError
from bedplate.keys import were_made
from bedplate.telemetry.trace import trace_id

logger = logging.getLogger(__name__)

Announce = Callable[[str, bool], None]
"""Given the URL, and whether the server is open as there are no access keys."""

GRACE_SECONDS = 5
"""How long requests may go on after the signal to stop; then they are cancelled."""

BACKLOG = 2048
SHOWN_PROBLEMS = 5


def build_server(app: App) -> ASGIApp:
    """The whole HTTP surface over an open App."""
    settings = app.config.server
    completions = Completions(app)
    hot = {
        chat.PATH: chat.Chat(completions),
        messages.PATH: messages.Messages(completions),
        messages.COUNT_PATH: messages.count_tokens,
    }
    routes = _Dispatch(hot, _build_api(app))
    bodies = Bodies(routes, max_bytes=settings.max_body_bytes, seconds=settings.request_seconds)
    crowd = Crowd(bodies, settings.max_requests)
    gate = Gate(crowd, app.keyring, local=is_loopback(settings.host))
    return Trail(gate, app.tracing.recorder)


@asynccontextmanager
async def running(app: App) -> AsyncGenerator[str]:
    """Serve `app` for as long as the block runs; the URL to reach it by.

    At the end no new connection is taken; requests get a few seconds to finish.

    Raises:
        ConfigError: an address that others can reach while there are no access keys, or a port
            that cannot be had.
    """
    with _bind(app.config.server, has_keys=not app.keyring.is_open) as listener:
        server = uvicorn.Server(
            uvicorn.Config(
                build_server(app),
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        await server.startup(sockets=[listener])
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(server.main_loop())
                try:
                    yield _url(listener)
                finally:
                    server.should_exit = True
        finally:
            await server.shutdown(sockets=[listener])


@asynccontextmanager
async def scheduling(app: App) -> AsyncGenerator[None]:
    """Start the syncs of sources that are due or were pushed to, clear away uploads that have had
    their turn and originals without a document, and let files and vector stores expire, for as long
    as the block runs.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            loops = [
                tasks.create_task(part.run())
                for part in (app.schedules, app.uploads, app.library, app.push_syncs, app.originals)
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
    loop_factory = uvicorn.Config(_nothing, log_config=None).get_loop_factory()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(_serve(config, announce))


async def _serve(config: Config, announce: Announce) -> None:
    async with open_app(config, work=True) as app, scheduling(app), running(app) as url:
        logger.info("serving", extra={"url": url})
        with _signals() as stopped:
            announce(url, app.keyring.is_open)
            await stopped.wait()
        logger.info("stopping", extra={"grace_seconds": GRACE_SECONDS})


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
        else:
            await _wrong_method(scope["method"], scope["path"], "POST")(scope, receive, send)


def _build_api(app: App) -> FastAPI:
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
    api.state.readiness = Readiness(app)
    api.state.started = int(time.time())
    for part in (
        models,
        model_health,
        embeddings,
        rerank,
        files,
        vector_stores,
        file_batches,
        vector_store_files,
        responses,
        conversations,
        collections,
        documents,
        originals,
        quality,
        quarantine,
        search,
        ask,
        guard,
        sources,
        pushes,
        jobs,
        budgets,
        usage,
        traces,
        metrics,
        keys,
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
        why = problems[0]["ctx"]["error"]
        return refuse(400, f"The body is not valid JSON: {why}.", code="invalid_input")
    if problems[0]["loc"] == ("body",) and error.body and not is_json(request):
        message = f"The body {sent_as(request)}: for JSON send Content-Type: application/json."
        return refuse(400, message, code="invalid_input")
    named = [(".".join(map(str, problem["loc"][1:])), problem["msg"]) for problem in problems]
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


def _bind(settings: ServerConfig, *, has_keys: bool) -> socket.socket:
    check_exposure(settings.host, has_keys=has_keys)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    where = f"{settings.host}:{settings.port}"
    try:
        listener = socket.create_server(
            (settings.host, settings.port), family=family, backlog=BACKLOG
        )
    except OSError as error:
        raise ConfigError(
            f"The server cannot listen on {where}: {error.strerror}. Stop what holds the port, or "
            "set server.port."
        ) from error
    # Connections inherit it. asyncio's own loop forgets it, and each answer would wait 40 ms for
    # the client's acknowledgement of its head.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if is_loopback(settings.host) and not is_loopback(listener.getsockname()[0]):
        listener.close()
        raise ConfigError(f"server.host {settings.host!r} does not lead to this machine alone.")
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


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
