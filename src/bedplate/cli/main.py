"""`bedplate`: the commands, and what the process as a whole answers."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from bedplate import __version__
from bedplate.cli import (
    ask,
    assistants,
    budgets,
    calibrate,
    demo,
    doctor,
    guard,
    hallucination,
    ingest,
    init,
    judge,
    keys,
    mcp,
    models,
    move,
    parse,
    pursue,
    quality,
    quarantine,
    reindex,
    reviews,
    route,
    runs,
    search,
    serve,
    snapshots,
    sources,
    tools,
    traces,
    usage,
)
from bedplate.cli.exits import Exit
from bedplate.cli.invocation import (
    ConfigOption,
    DataOption,
    Invocation,
    JsonOption,
    LogLevelOption,
    ProgressOption,
)
from bedplate.cli.screen import use_utf8, write_error

HELP = """Documents in, cited answers out.

The options below may also stand after the command.

\b
Exit codes: 0 done, 1 unexpected, 2 bad usage or input, 3 blocked, 4 done in part,
5 a model server failed. With --json an error is {"error": {"code", "message"}} on stdout.
"""


def build() -> typer.Typer:
    """The command line with all of its commands."""
    app = typer.Typer(
        name="bedplate",
        help=HELP,
        add_completion=False,
        no_args_is_help=True,
        # Rich help costs half a second of imports.
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def shared(
        context: typer.Context,
        config: ConfigOption = None,
        data: DataOption = None,
        json: JsonOption = False,
        log_level: LogLevelOption = None,
        progress: ProgressOption = None,
        _version: Annotated[
            bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say which.")
        ] = False,
    ) -> None:
        context.obj = Invocation(config, data, json, log_level, progress)

    for module in (
        init,
        demo,
        ingest,
        search,
        ask,
        guard,
        judge,
        parse,
        serve,
        mcp,
        reindex,
        route,
        snapshots,
        sources,
        quality,
        quarantine,
        reviews,
        move,
        assistants,
        keys,
        pursue,
        runs,
        budgets,
        models,
        tools,
        calibrate,
        usage,
        hallucination,
        traces,
        doctor,
    ):
        module.register(app)
    return app


def _say_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"bedplate {__version__}\n")
        raise typer.Exit


def run(arguments: Sequence[str]) -> int:
    """Run one command line; the exit code."""
    use_utf8()
    try:
        code = build()(args=list(arguments), prog_name="bedplate", standalone_mode=False)
    except typer.TyperException as error:
        as_json = "--json" in arguments
        write_error("invalid_usage", f"{error.format_message()} See --help.", as_json=as_json)
        return Exit.BAD_INPUT
    except (KeyboardInterrupt, typer.Abort):
        return Exit.INTERRUPTED
    return code if isinstance(code, int) else Exit.DONE


def main() -> None:
    sys.exit(run(sys.argv[1:]))
