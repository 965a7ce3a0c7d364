# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate serve`: the HTTP server."""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from bedplate.cli.invocation import Invocation, command
from bedplate.cli.screen import write_json

if TYPE_CHECKING:
    from bedplate.config import Config


def register(app: typer.Typer) -> None:
    @command(app, "serve")
    def serve(
        invocation: Invocation,
        *,
        host: Annotated[
            str | None, typer.Option("--host", help="The address to listen on.")
        ] = None,
        port: Annotated[
            int | None, typer.Option("--port", help="The port; 0 lets the system choose.")
        ] = None,
        workers: Annotated[
            int | None,
            typer.Option("--workers", help="How many processes answer; 1 unless set."),
        ] = None,
    ) -> None:
        """Serve the API until interrupted.

        With --json the first line of stdout is {"url"}, written once requests are taken.
        """
        config = invocation.load(server_host=host, server_port=port, server_workers=workers).config
        invocation.set_up("info")

        def announce(url: str, is_open: bool) -> None:
            if invocation.json:
                write_json({"url": url})
            else:
                sys.stdout.write(
                    f"Bedplate serves {url}  (Ctrl-C stops it)\n\n{hint(config, url, is_open=is_open)}\n"
                )
                sys.stdout.flush()

        if config.server.workers == 1:
            from bedplate.api.server import serve as serve_until_stopped

            serve_until_stopped(config, announce=announce)
        else:
            from bedplate.api.worker import work
            from bedplate.api.workers import serve_by_workers

            each = partial(work, partial(invocation.set_up, "info"))
            serve_by_workers(config, each, announce=announce)


def hint(config: Config, url: str, *, is_open: bool) -> str:
    """A question to copy: to the first assistant, or to a collection where there is none."""
    question = "How long do refunds take?"
    path, body = "/api/ask", {"collection": "COLLECTION", "question": question}
    for name in config.assistants:
        message = {"role": "user", "content": question}
        path, body = "/v1/chat/completions", {"model": name, "messages": [message]}
        break
    key = "" if is_open else " -H 'Authorization: Bearer bp_...'"
    return (
        f"curl {url}{path}{key} -H 'Content-Type: application/json' \\\n  -d '{json.dumps(body)}'"
    )
