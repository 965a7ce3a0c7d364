"""The memory that all managed models share: who is in it, and who leaves for another."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from bedplate.errors import Busy, Unavailable
from bedplate.models.managed_memory import Device

Free = Callable[[Device], Awaitable[int | None]]

GIBIBYTE = 1024**3


class Resident(Protocol):
    """A model with a process. `idle_since` is on the event loop's clock, None while it is in use."""

    @property
    def name(self) -> str: ...

    @property
    def device(self) -> Device: ...

    @property
    def bytes(self) -> int: ...

    @property
    def idle_since(self) -> float | None: ...

    async def stop(self) -> None:
        """It is no longer to be had as soon as this is called, and gone when it returns."""
        ...


class Room:
    """`limits` are bytes for all models together, by device; a device without one has only what
    `free` says it has. What is least recently used leaves first; what is in use never does.
    """

    def __init__(self, limits: dict[Device, int], free: Free) -> None:
        self._limits = limits
        self._free = free
        self._residents: dict[str, Resident] = {}
        self._loading: set[str] = set()
        self._one = asyncio.Lock()
        self._changed = asyncio.Event()

    def limit(self, device: Device) -> int | None:
        return self._limits.get(device)

    async def enter(self, resident: Resident, seconds: float) -> None:
        """Waits for others that are in use to end, for so long.

        Raises:
            Busy: they did not.
            Unavailable: there is too little memory, and no managed model that could leave.
        """
        lack = "others are being started"
        try:
            async with asyncio.timeout(seconds), self._one:
                while lack := await self._lack(resident):
                    self._changed.clear()
                    others = [o for o in self._residents.values() if o.device == resident.device]
                    idle = [(since, o) for o in others if (since := o.idle_since) is not None]
                    if idle:
                        await min(idle, key=lambda pair: pair[0])[1].stop()
                    elif others:
                        await self._changed.wait()
                    else:
                        raise Unavailable(
                            f"There is too little memory for the model {resident.name!r}: {lack}. "
                            "End what else uses it, or set a smaller model or context_size."
                        )
                self._residents[resident.name] = resident
                self._loading.add(resident.name)
        except TimeoutError as error:
            raise Busy(
                f"The model {resident.name!r} found no room in {seconds:g} s (room_seconds): {lack}"
                f", and models in use are not stopped: {', '.join(self._residents) or 'none'}.",
                retry_after=seconds,
            ) from error

    def settle(self, resident: Resident) -> None:
        """It has taken its memory; until then it is counted as what it will take."""
        self._loading.discard(resident.name)

    def leave(self, resident: Resident) -> None:
        self._residents.pop(resident.name, None)
        self._loading.discard(resident.name)
        self._changed.set()

    def look_again(self) -> None:
        """Something ended that may let another model in."""
        self._changed.set()

    async def _lack(self, resident: Resident) -> str:
        """Why it does not fit now; empty where it does."""
        wanted = resident.bytes
        limit = self._limits.get(resident.device)
        others = [o for o in self._residents.values() if o.device == resident.device]
        if limit is not None:
            held = sum(other.bytes for other in others)
            if held + wanted > limit:
                return (
                    f"it takes {_shown(wanted)}, others {_shown(held)}, "
                    f"and all may take {_shown(limit)}"
                )
        free = await self._free(resident.device)
        if free is None:
            return ""
        free -= sum(other.bytes for other in others if other.name in self._loading)
        if wanted > free:
            return f"it takes {_shown(wanted)} of {resident.device}, and {_shown(free)} are free"
        return ""


def _shown(size: int) -> str:
    return f"{size / GIBIBYTE:.2f} GiB"
