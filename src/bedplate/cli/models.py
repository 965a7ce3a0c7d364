# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate models`: what is configured under `[models]`, and what trials of speculation found."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

import typer

from bedplate.cli.exits import Exit
from bedplate.cli.invocation import Invocation, command, run_async
from bedplate.cli.screen import console, plain, table, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bedplate.config import Config, ModelSlot
    from bedplate.models.managed_speculation import SpeculationStatus

SMALL = ("model", "models", "small", "large", "preset")
"""Options that say in a word what a model is."""


def register(app: typer.Typer) -> None:
    @command(app, "models", without=frozenset({"progress"}))
    def models(invocation: Invocation) -> None:
        """List the configured models, and what is wrong with them. Nothing is started or called."""
        run_async(_models(invocation))


async def _models(invocation: Invocation) -> None:
    from bedplate.embedders import EMBEDDERS
    from bedplate.errors import ConfigError
    from bedplate.lineup import complaints
    from bedplate.models.managed_servers import ManagedServers
    from bedplate.slots import open_slot

    config = invocation.load().config
    found = {name: _speculation(config, name) for name in config.models}
    async with open_slot("embedder", config.embedder, EMBEDDERS.load) as embedder:
        servers = ManagedServers(config.managed)
        wrong = await complaints(config.models, embedder=embedder, servers=servers)
    if invocation.json:
        listed = [_as_json(config, name, each) for name, each in found.items()]
        write_json({"models": listed, "problems": list(wrong)})
        if wrong:
            raise typer.Exit(Exit.BAD_INPUT)
        return
    _show(config, found)
    if wrong:
        raise ConfigError("\n".join(wrong))


def _speculation(config: Config, name: str) -> SpeculationStatus | None:
    """Of a managed model; what a running server knows besides is told by its HTTP API."""
    from pydantic import ValidationError

    from bedplate.errors import ConfigError
    from bedplate.models.managed_finding import Findings
    from bedplate.models.managed_options import ManagedOptions
    from bedplate.models.managed_speculation import Speculation

    slot = config.models[name]
    if slot.use != "managed":
        return None
    try:
        options = ManagedOptions.model_validate(dict(slot.options))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join([f"models.{name}", *map(str, first["loc"])])
        raise ConfigError(f"{where}: {first['msg'].removeprefix('Value error, ')}.") from error
    return Speculation(name, options, Findings(config.data.dir)).status()


def _as_json(config: Config, name: str, found: SpeculationStatus | None) -> dict[str, Any]:
    slot = config.models[name]
    told: dict[str, Any] = {
        "name": name,
        "use": slot.use,
        "is": _is(slot),
    }
    if found is not None:
        finding = None if found.finding is None else asdict(found.finding)
        if finding is not None:
            finding["at"] = finding["at"].isoformat()
            del finding["of"]
        told["speculation"] = {"setting": found.setting, "mode": found.mode, "finding": finding}
    return told


def _show(config: Config, found: dict[str, SpeculationStatus | None]) -> None:
    target = console()
    rows = table("name", "use", "is", "speculation")
    for name, each in found.items():
        slot = config.models[name]
        said = ", ".join(f"{key} {_written(value)}" for key, value in _is(slot).items())
        rows.add_row(name, slot.use, plain(said), "" if each is None else plain(_told(each)))
    target.print(rows)


def _is(slot: ModelSlot) -> dict[str, Any]:
    chosen = {key: slot.options[key] for key in SMALL if key in slot.options}
    return {**chosen, "fallback": list(slot.fallback)} if slot.fallback else chosen


def _written(value: object) -> str:
    if isinstance(value, list | tuple):
        return " -> ".join(map(str, cast("Sequence[object]", value)))
    return str(value)


def _told(status: SpeculationStatus) -> str:
    found = status.finding
    if status.setting != "auto":
        return status.setting
    if found is None:
        return "auto: off, not tried yet"
    tried = ", ".join(
        f"{each.mode} {'saves' if each.gain >= 0 else 'costs'} {abs(each.gain):.0%}"
        for each in found.tried
    )
    return f"auto: {found.kept} ({tried} on {found.prompts} prompts, {found.at:%Y-%m-%d})"
