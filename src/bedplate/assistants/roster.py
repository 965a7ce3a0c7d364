"""Which assistants there are, and which version of each answers."""

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from bedplate.assistant_sections import AssistantConfig
from bedplate.assistants.protocol import Assistant, Toolbox
from bedplate.assistants.sound import House, problem
from bedplate.blueprints.protocol import Blueprint, Blueprints
from bedplate.domain.ids import TenantId
from bedplate.errors import BedplateError, Conflict, InvalidInput, NotFound, StorageError
from bedplate.spelling import did_you_mean, shown

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
PINNED = re.compile(r"(.+)@(\d{1,9})")
MOST_NOTE = 1_000
READ = 1_000
"""Versions that are kept read; they never change."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A name as it is listed. `declared`: there is a version 0, of the configuration."""

    name: str
    version: int
    newest: int
    declared: bool


@dataclass(frozen=True, slots=True)
class Version:
    """One version with its settings; what is declared was made by nobody, at no time."""

    name: str
    version: int
    settings: AssistantConfig
    note: str = ""
    by: str | None = None
    created_at: datetime | None = None


class Roster:
    def __init__(
        self,
        declared: Mapping[str, AssistantConfig],
        blueprints: Blueprints,
        house: House,
        toolbox: Toolbox,
    ) -> None:
        self._declared = dict(declared)
        self._blueprints = blueprints
        self._house = house
        self._toolbox = toolbox
        self._read: OrderedDict[tuple[TenantId, str, int], AssistantConfig] = OrderedDict()

    async def find(self, name: str, tenant: TenantId) -> Assistant | None:
        """The version that holds, or that of "name@3"; a tenant's own versions go before the declared."""
        pinned = PINNED.fullmatch(name)
        if pinned is not None:
            name, version = pinned.group(1), int(pinned.group(2))
            if version == 0:
                return self._zero(name)
            kept = await self._blueprints.get(tenant, name, version)
        else:
            kept = await self._blueprints.get(tenant, name)
        if kept is not None:
            return Assistant(kept.name, kept.version, self._settings(tenant, kept))
        return None if pinned is not None else self._zero(name)

    async def list(self, tenant: TenantId) -> Sequence[Entry]:
        kept = {each.name: each for each in await self._blueprints.names(tenant)}
        return tuple(
            Entry(name, kept[name].holds, kept[name].newest, name in self._declared)
            if name in kept
            else Entry(name, 0, 0, declared=True)
            for name in dict.fromkeys([*self._declared, *kept])
            if name in self._declared or kept[name].holds
        )

    async def versions(self, name: str, tenant: TenantId) -> Sequence[Version]:
        """The newest first; NotFound with the nearest name."""
        found = [
            self._version(tenant, each) for each in await self._blueprints.versions(tenant, name)
        ]
        if name in self._declared:
            found.append(Version(name, 0, self._declared[name]))
        if not found:
            raise await self.missing(name, tenant)
        return found

    async def version(self, name: str, tenant: TenantId, version: int | None = None) -> Version:
        """The one that holds where none is asked for; NotFound."""
        kept = None if version == 0 else await self._blueprints.get(tenant, name, version)
        if kept is not None:
            return self._version(tenant, kept)
        if name in self._declared and not version:
            return Version(name, 0, self._declared[name])
        if version is None:
            raise await self.missing(name, tenant)
        raise NotFound(f"The assistant {name!r} has no version {version}.", param="version")

    async def create(
        self,
        name: str,
        settings: AssistantConfig,
        tenant: TenantId,
        *,
        note: str = "",
        by: str | None = None,
    ) -> Version:
        """A new version, which answers from now on.

        Raises:
            InvalidInput: a name that cannot be, or settings that cannot work here.
        """
        if NAME.fullmatch(name) is None:
            raise InvalidInput(
                f"name: {name!r:.80} has something else than letters, digits, '.', '_' and '-', or "
                "more than 64 characters.",
                param="name",
            )
        if name in self._house.models:
            raise InvalidInput(f"name: {name!r} is a model's; choose another.", param="name")
        if len(note) > MOST_NOTE:
            raise InvalidInput(f"note: at most {MOST_NOTE:,} characters.", param="note")
        if (wrong := problem(settings, self._house)) is not None:
            raise InvalidInput(f"settings.{wrong}", param="settings")
        await self._check_tools(name, settings)
        body = settings.model_dump_json()
        return self._version(
            tenant, await self._blueprints.add(tenant, name, body, note=note, by=by)
        )

    async def roll_back(self, name: str, tenant: TenantId, version: int) -> Version:
        """Have an earlier version answer again, or a later one; 0 is the declared one. NotFound."""
        if version == 0 and name not in self._declared:
            raise NotFound(f"The assistant {name!r} has no version 0.", param="version")
        if not await self._blueprints.hold(tenant, name, version):
            known = await self.versions(name, tenant)
            if version != 0:
                there = ", ".join(str(each.version) for each in known[:20])
                raise NotFound(
                    f"The assistant {name!r} has no version {version}; there are: {there}.",
                    param="version",
                )
        return await self.version(name, tenant)

    async def remove(self, name: str, tenant: TenantId) -> None:
        """All versions but the declared one; Conflict where there is only that, or NotFound."""
        if not await self._blueprints.remove(tenant, name):
            if name in self._declared:
                raise Conflict(f"{name!r} stands in the configuration: take it out there.")
            raise await self.missing(name, tenant)

    async def _check_tools(self, name: str, settings: AssistantConfig) -> None:
        if not settings.tools:
            return
        try:
            await self._toolbox.list(settings.tools, assistant=name)
        except NotFound as error:
            raise InvalidInput(f"settings.tools: {error.message}", param="settings") from error

    def _zero(self, name: str) -> Assistant | None:
        return Assistant(name, 0, self._declared[name]) if name in self._declared else None

    def _version(self, tenant: TenantId, kept: Blueprint) -> Version:
        settings = self._settings(tenant, kept)
        return Version(kept.name, kept.version, settings, kept.note, kept.by, kept.created_at)

    def _settings(self, tenant: TenantId, kept: Blueprint) -> AssistantConfig:
        key = (tenant, kept.name, kept.version)
        if key not in self._read:
            try:
                self._read[key] = AssistantConfig.model_validate_json(kept.body)
            except ValidationError as error:
                raise StorageError(
                    f"The assistant {kept.name}@{kept.version} has settings that this version of "
                    f"Bedplate does not know: {error.errors()[0]['msg']}. Make a new version of it."
                ) from error
            while len(self._read) > READ:
                self._read.popitem(last=False)
        return self._read[key]

    async def missing(self, name: str, tenant: TenantId, param: str = "name") -> BedplateError:
        """What is raised where `find` finds nothing: NotFound with the nearest name; `param` is the
        field that names it.
        """
        names = [each.name for each in await self.list(tenant)]
        hint = did_you_mean(name, names)
        return NotFound(f"There is no assistant {shown(name)}.{hint}", param=param)
