"""Head and body of an answer leave in one write, and nothing is held longer than a turn."""

import asyncio
from typing import cast

from bedplate.api.joined import Joined


class Written(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def writelines(self, list_of_data: object) -> None:
        self.write(b"".join(cast("list[bytes]", list_of_data)))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


def joined() -> tuple[Written, Joined]:
    under = Written()
    return under, Joined(under, asyncio.get_running_loop())


async def test_a_head_leaves_with_what_follows_it_and_the_rest_as_it_comes() -> None:
    under, transport = joined()
    transport.expect()
    for data in (b"head ", b"body", b"more"):
        transport.write(data)
    assert under.writes == [b"head body", b"more"]
    await asyncio.sleep(0)
    assert under.writes == [b"head body", b"more"]


async def test_a_head_that_nothing_follows_leaves_at_the_end_of_the_turn() -> None:
    under, transport = joined()
    transport.expect()
    transport.write(b"head")
    assert under.writes == []
    await asyncio.sleep(0)
    assert under.writes == [b"head"]
    transport.write(b"body")
    assert under.writes == [b"head", b"body"]


async def test_what_is_held_leaves_before_the_next_head_and_before_the_end() -> None:
    under, transport = joined()
    for data in (b"first", b"second"):
        transport.expect()
        transport.write(data)
    assert under.writes == [b"first"]
    transport.close()
    assert (under.writes, under.closed) == ([b"first", b"second"], True)


async def test_nothing_is_written_to_a_connection_that_is_gone() -> None:
    under, transport = joined()
    transport.expect()
    transport.write(b"head")
    under.closed = True
    await asyncio.sleep(0)
    assert under.writes == []
