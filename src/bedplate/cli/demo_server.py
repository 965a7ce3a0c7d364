"""The demo's processes, and its conversation with the server over HTTP."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from bedplate.errors import Unavailable

READY_SECONDS = 60.0
STOP_SECONDS = 10.0
REQUEST_SECONDS = 30.0
LOG = "server.log"
LOG_TAIL = 2_000


@dataclass(slots=True)
class Reply:
    """A streamed answer; `facts` is what came with its last part."""

    text: str = ""
    facts: dict[str, Any] = field(default_factory=dict[str, Any])


async def run_command(folder: Path, *arguments: str) -> dict[str, Any]:
    """`bedplate … --json` in `folder`; what it printed."""
    process = await _start(folder, *arguments, "--json", stdout=PIPE)
    try:
        out, _ = await process.communicate()
    finally:
        await _stop(process)
    answer = _read_object(out)
    if process.returncode or answer is None:
        problem = (answer or {}).get("error", {}).get("message", "it printed no result.")
        raise Unavailable(f"`bedplate {arguments[0]}` failed: {problem}")
    return answer


@asynccontextmanager
async def running_server(folder: Path, *arguments: str) -> AsyncGenerator["Server"]:
    """`bedplate serve` on a free port for as long as the block runs, then stopped."""
    with (folder / LOG).open("wb") as log:
        process = await _start(
            folder, "serve", "--port", "0", "--json", *arguments, stdout=PIPE, stderr=log.fileno()
        )
        try:
            url = await _announced(process, folder / LOG)
            timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
            async with aiohttp.ClientSession(url, timeout=timeout) as session:
                server = Server(url, session)
                await server.wait_until_ready()
                yield server
        except aiohttp.ClientError as error:
            raise Unavailable(f"The server broke off: {error}. {_tail(folder / LOG)}") from error
        finally:
            await _stop(process)


class Server:
    """What the demo asks the server for."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def wait_until_ready(self) -> None:
        async with self._session.get("/readyz") as response:
            if response.status != 200:
                raise Unavailable(f"The server is not ready: {await response.text()}")

    async def chat(self, model: str, question: str, reply: Reply) -> AsyncGenerator[str]:
        """The answer's text as it streams; `reply` holds the whole of it afterwards."""
        body = {
            "model": model,
            "stream": True,
            "messages": [{"role": "user", "content": question}],
        }
        async with self._session.post("/v1/chat/completions", json=body) as response:
            if response.status != 200:
                raise Unavailable(f"The question was refused: {await response.text()}")
            async for line in response.content:
                data = line.decode().removeprefix("data: ").strip()
                if not data or data == "[DONE]":
                    continue
                event: dict[str, Any] = json.loads(data)
                if "error" in event:
                    raise Unavailable(f"The answer broke off: {event['error']['message']}")
                reply.facts = event.get("bedplate") or reply.facts
                for choice in event["choices"]:
                    text = choice["delta"].get("content") or ""
                    reply.text += text
                    if text:
                        yield text

    async def search(self, **body: object) -> dict[str, Any]:
        async with self._session.post("/api/search", json=body) as response:
            answer: dict[str, Any] = await response.json()
            if response.status != 200:
                raise Unavailable(f"The search was refused: {answer['error']['message']}")
            return answer


async def _start(folder: Path, *arguments: str, stdout: int, stderr: int | None = None) -> Process:
    # -P: the folder is the user's, nothing is imported from it.
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "bedplate",
        *arguments,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
    )


async def _announced(process: Process, log: Path) -> str:
    """The URL that the server prints once it takes requests."""
    if process.stdout is None:
        raise Unavailable("The server came without a pipe.")
    try:
        async with asyncio.timeout(READY_SECONDS):
            answer = _read_object(await process.stdout.readline())
    except TimeoutError as error:
        raise Unavailable(f"The server did not start in {READY_SECONDS:g} s.") from error
    if answer is None or "url" not in answer:
        raise Unavailable(f"The server did not start. {_tail(log)}")
    return str(answer["url"])


async def _stop(process: Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _read_object(out: bytes) -> dict[str, Any] | None:
    try:
        return json.loads(out)
    except ValueError:
        return None


def _tail(log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL:].strip()
    return f"It said:\n{text}" if text else "It said nothing."
