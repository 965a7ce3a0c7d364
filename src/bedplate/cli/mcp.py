# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate mcp`: collections and assistants as tools of a program that starts this one."""

from __future__ import annotations

import typer

from bedplate.cli.invocation import Invocation, command, run_async


def register(app: typer.Typer) -> None:
    @command(app, "mcp", without=frozenset({"json", "progress"}))
    def mcp(invocation: Invocation) -> None:
        """Speak MCP on standard input and output until the input ends.

        It answers from the data folder itself; a server need not run.
        """
        from bedplate.api.mcp_stdio import speak

        run_async(speak(invocation.load().config))
