"""The end of a server that has waited long enough."""

import asyncio

import uvicorn


async def end_rest(server: uvicorn.Server, seconds: float) -> None:
    """Close the connections that are left, of clients that take nothing of their answers, and give
    their requests so many seconds to end.
    """
    for connection in list(server.server_state.connections):
        connection.transport.abort()
    if left := set(server.server_state.tasks):
        await asyncio.wait(left, timeout=seconds)
