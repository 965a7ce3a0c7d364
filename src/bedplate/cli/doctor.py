# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate doctor`: what is in force, what works, and what to do about the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from bedplate.cli.exits import Exit
from bedplate.cli.invocation import Invocation, command, run_async
from bedplate.cli.screen import console, plain, table, write_json
from bedplate.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bedplate.config import Setting
    from bedplate.doctor.findings import Finding

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def register(app: typer.Typer) -> None:
    @command(app, "doctor")
    def doctor(invocation: Invocation) -> None:
        """Check the set-up, and say what to do.

        The exit code is 2 if anything failed. Configured model servers are asked for their list
        of models; nothing else is sent anywhere.
        """
        run_async(_doctor(invocation))


async def _doctor(invocation: Invocation) -> None:
    from bedplate.cli.checks import check_everything
    from bedplate.doctor.findings import Finding, redact

    findings: list[Finding] = []
    settings: tuple[Setting, ...] = ()
    try:
        loaded = invocation.load()
    except ConfigError as error:
        findings.append(
            Finding("configuration", "fail", error.message, "Correct the setting named there.")
        )
    else:
        settings = tuple(redact(setting) for setting in loaded.settings)
        findings.extend([finding async for finding in check_everything(loaded)])
    if invocation.json:
        write_json(
            {
                "findings": [
                    {
                        "check": finding.check,
                        "status": finding.status,
                        "detail": finding.detail,
                        "remedy": finding.remedy,
                    }
                    for finding in findings
                ],
                "settings": [
                    {"key": setting.key, "value": setting.value, "source": setting.source}
                    for setting in settings
                ],
            }
        )
    else:
        _show(findings, settings)
    failed = any(finding.status == "fail" for finding in findings)
    raise typer.Exit(Exit.BAD_INPUT if failed else Exit.DONE)


def _show(findings: Sequence[Finding], settings: Sequence[Setting]) -> None:
    from rich.text import Text

    out = console()
    if settings:
        effective = table("setting", "value", "from")
        for setting in settings:
            style = "dim" if setting.source == "default" else None
            effective.add_row(
                *map(plain, (setting.key, setting.value or "not set", setting.source)), style=style
            )
        out.print(effective)
    found = table("", "check", "finding")
    for finding in findings:
        text = Text(plain(finding.detail))
        if finding.remedy:
            text.append(f"\n→ {plain(finding.remedy)}", style=_COLOURS[finding.status])
        status = Text(finding.status, style=_COLOURS[finding.status])
        found.add_row(status, plain(finding.check), text)
    out.print(found)
    counts = {name: sum(f.status == name for f in findings) for name in _COLOURS}
    out.print(", ".join(f"{count} {name}" for name, count in counts.items()), style="bold")
