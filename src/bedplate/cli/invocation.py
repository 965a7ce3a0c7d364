# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""What every command takes, and how every command ends."""

import functools
import inspect
import logging
import os
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, Literal, ParamSpec

import typer

from bedplate.cli.exits import Exit, exit_of
from bedplate.cli.progress import Form
from bedplate.cli.screen import write_error
from bedplate.errors import BedplateError, ConfigError

if TYPE_CHECKING:
    from bedplate.config import Config, Loaded

P = ParamSpec("P")

WAKE_SECONDS = 0.5
"""How late an interrupt may be seen."""
logger = logging.getLogger(__name__)

LogLevel = Literal["debug", "info", "warning", "error"]

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="The configuration; else ./bedplate.toml."),
]
DataOption = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="The data folder, instead of the configured one."),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="One JSON object on stdout; all else goes to stderr.")
]
LogLevelOption = Annotated[
    LogLevel | None, typer.Option("--log-level", help="How much is logged to stderr.")
]
ProgressOption = Annotated[
    Form | None,
    typer.Option("--progress", help="A bar on a terminal, JSON lines on stderr, or nothing."),
]


@dataclass(frozen=True, slots=True)
class Invocation:
    """The options that may stand before the command's name or after it."""

    config: ConfigOption = None
    data: DataOption = None
    json: JsonOption = False
    log_level: LogLevelOption = None
    progress: ProgressOption = None

    def over(self, other: "Invocation") -> "Invocation":
        """These options, and the other's where these say nothing."""
        mine, theirs = (
            {field.name: getattr(which, field.name) for field in fields(Invocation)}
            for which in (self, other)
        )
        return Invocation(**{name: mine[name] or theirs[name] for name in mine})

    def load(self, **arguments: object) -> "Loaded":
        """The configuration; keyword arguments are settings with "_" for the dot."""
        from bedplate.config import load_config

        given = {key.replace("_", ".", 1): value for key, value in arguments.items()}
        return load_config(self.config, arguments={"data.dir": self.data, **given})

    def set_up(self, default: LogLevel = "warning") -> None:
        """Logging at the level asked for; a server's as JSON where no person reads it."""
        from bedplate.telemetry.logs import set_up_logging

        as_json = default == "info" and not sys.stderr.isatty()
        set_up_logging((self.log_level or default).upper(), as_json=as_json)


def command(
    app: typer.Typer, name: str, *, without: frozenset[str] = frozenset()
) -> Callable[[Callable[Concatenate[Invocation, P], None]], None]:
    """Register a command; its first parameter gathers the shared options.

    The command says how it ended by `typer.Exit` or by an error of the tree; here each becomes an
    exit code. `without` names shared options that make no sense for it.
    """

    def register(function: Callable[Concatenate[Invocation, P], None]) -> None:
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        shared = [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=field.type,
            )
            for field in fields(Invocation)
            if field.name not in without
        ]
        context = inspect.Parameter(
            "context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context
        )

        @functools.wraps(function)
        def run(*, context: typer.Context, **given: Any) -> None:
            here = Invocation(**{each.name: given.pop(each.name) for each in shared})
            before = context.obj if isinstance(context.obj, Invocation) else Invocation()
            chosen = here.over(before)
            with_batch = any(given.get(name) is not None for name in ("queries", "questions"))
            code = _guarded(chosen, functools.partial(function, chosen, **given), with_batch)
            raise typer.Exit(code)

        run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own] + shared + [context]
        )
        run.__annotations__ = {each.name: each.annotation for each in (*own, *shared, context)}
        app.command(name)(run)

    return register


def _guarded(invocation: Invocation, work: Callable[[], None], lines: bool) -> int:
    as_json = invocation.json or lines
    try:
        invocation.set_up()
        work()
        sys.stdout.flush()
    except typer.Exit as ended:
        return ended.exit_code
    except BedplateError as error:
        write_error(error.code, error.message, as_json=as_json)
        return exit_of(error)
    except BrokenPipeError:
        # The reader went away; the interpreter's own last flush must not complain of it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.BROKEN_PIPE
    except Exception as error:  # The last resort: a short line instead of a traceback.
        logger.debug("unexpected", exc_info=True)
        what = f"{type(error).__name__}: {error}".removesuffix(": ")
        hint = "" if invocation.log_level == "debug" else " --log-level debug shows where."
        write_error("internal_error", f"unexpected {what}.{hint}", as_json=as_json)
        return Exit.UNEXPECTED
    return Exit.DONE


def run_async(work: Coroutine[Any, Any, None]) -> None:
    """Run it to its end; KeyboardInterrupt where it was interrupted, its parts closed by then."""
    import asyncio

    async def attentively() -> None:
        loop = asyncio.get_running_loop()
        waking: asyncio.TimerHandle | None = None

        def wake() -> None:
            nonlocal waking
            waking = loop.call_later(WAKE_SECONDS, wake)

        # A signal that comes just before the loop falls asleep, or in another thread, does not end
        # its sleep: where nothing else wakes it, it would never be seen.
        wake()
        try:
            await work
        finally:
            if waking is not None:
                waking.cancel()

    asyncio.run(attentively())


def need_data(config: "Config") -> None:
    """ConfigError when nothing was ever ingested: a search would only make an empty folder."""
    from bedplate.storage import CATALOG_FILE

    folder = Path(config.data.dir)
    if config.data.database is None and not (folder / CATALOG_FILE).exists():
        raise ConfigError(
            f"There is no data in {str(folder)!r} yet: run `bedplate ingest PATH -c COLLECTION` "
            "first, or name the right folder with --data."
        )
