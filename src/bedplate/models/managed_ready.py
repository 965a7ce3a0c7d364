"""Waits until a server that was just started answers."""

import asyncio
import errno
import socket

import aiohttp

from bedplate.models.managed_process import ServerProcess
from bedplate.models.managed_templates import HOST

READY = 200
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 0.25
_PROBE_SECONDS = 5.0


class NotReady(Exception):
    """The server ended, or was not ready in time; says which."""


def free_port() -> int:
    """A port that nobody has now. Should another take it first, the server does not start."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


async def wait_until_ready(
    process: ServerProcess, url: str, api_key: str, *, seconds: float
) -> None:
    """Asks `url` until it answers 200.

    Raises:
        NotReady: the process ended before, or `seconds` have passed.
    """
    said = "nothing listened"
    pause = _FIRST_PAUSE
    headers = {"Authorization": f"Bearer {api_key}"}
    timeout = aiohttp.ClientTimeout(total=_PROBE_SECONDS)
    try:
        async with (
            asyncio.timeout(seconds),
            aiohttp.ClientSession(headers=headers, timeout=timeout) as session,
        ):
            while process.running:
                said = await _probe(session, url)
                # Another program may answer at a port that the server could not get.
                if not said and process.running:
                    return
                await asyncio.wait([process.exited], timeout=pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
    except TimeoutError as error:
        raise NotReady(f"was not ready in {seconds:g} s (start_seconds): {said}") from error
    raise NotReady(f"ended with exit code {process.exited.result()} before it was ready")


async def _probe(session: aiohttp.ClientSession, url: str) -> str:
    """Empty once it is ready."""
    try:
        async with session.get(url, allow_redirects=False) as response:
            return "" if response.status == READY else f"{url} answered {response.status}"
    except aiohttp.ClientConnectorError as error:
        refused = error.errno == errno.ECONNREFUSED
        return "nothing listened" if refused else f"{url} cannot be reached"
    except (TimeoutError, aiohttp.ClientError):
        return f"{url} did not answer"
