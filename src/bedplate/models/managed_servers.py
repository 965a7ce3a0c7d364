"""All managed models of this process, and the memory that they share."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import psutil

from bedplate.models.managed_finding import Findings
from bedplate.models.managed_memory import Device, free_bytes
from bedplate.models.managed_room import Free, Room
from bedplate.models.managed_server import ManagedServer, ServerStatus
from bedplate.sections import ManagedConfig

SHARE_OF_RAM = 0.8
"""What managed models may take of the machine's, where no setting says."""


class ManagedServers:
    def __init__(
        self,
        settings: ManagedConfig,
        free: Free = free_bytes,
        findings: Findings | None = None,
    ) -> None:
        """`free` tells the free memory of a device, `findings` what trials of speculation found."""
        ram = settings.memory_bytes or int(psutil.virtual_memory().total * SHARE_OF_RAM)
        limits: dict[Device, int] = {"ram": ram}
        if settings.gpu_memory_bytes is not None:
            limits["gpu"] = settings.gpu_memory_bytes
        self.room = Room(limits, free)
        self.findings = findings or Findings()
        self._servers: dict[str, ManagedServer] = {}

    def status(self, lines: int) -> Sequence[ServerStatus]:
        """Of each model, with so many of the last lines that its server wrote."""
        return [server.status(lines) for server in self._servers.values()]

    @asynccontextmanager
    async def keeping(self, server: ManagedServer) -> AsyncGenerator[None]:
        """Shows it as long as this lasts; it is stopped at the end."""
        self._servers[server.name] = server
        try:
            yield
        finally:
            await server.close()
            del self._servers[server.name]
