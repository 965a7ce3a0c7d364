"""A running server looked at from inside: what `bedplate doctor` checks, but for what needs the files
to itself.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from bedplate.app import App
from bedplate.doctor.findings import Finding
from bedplate.doctor.machine import check_folder, check_limits, check_python, check_sqlite
from bedplate.doctor.parts import check_parts
from bedplate.doctor.probes import PROBED, probe_model
from bedplate.errors import BedplateError


async def examine(app: App, *, seconds: float) -> list[Finding]:
    """Every finding. What is not done after so many seconds is one too."""
    findings: list[Finding] = []
    try:
        async with asyncio.timeout(seconds):
            async for finding in _examine(app):
                findings.append(finding)  # noqa: PERF401 - those before a timeout are kept
    except TimeoutError:
        last = findings[-1].check if findings else "the beginning"
        detail = f"Not done within {seconds:g} s; the last that was looked at is {last}."
        findings.append(Finding("doctor", "fail", detail, "Run `bedplate doctor` on the server."))
    return findings


async def _examine(app: App) -> AsyncIterator[Finding]:
    config = app.config
    yield check_python()
    yield check_sqlite()
    yield check_folder(Path(config.data.dir))
    try:
        async for finding in check_parts(app, recall_seconds=0):
            yield finding
    except BedplateError as error:
        remedy = "See the server's log; the parts after this one were not tried."
        yield Finding("parts", "fail", error.message, remedy)
    for name, slot in config.models.items():
        if slot.use in PROBED:
            yield await probe_model(name, slot.use, slot.options)
    for finding in check_limits(config):
        yield finding
