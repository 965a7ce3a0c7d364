import asyncio

from starlette.types import Message

from bedplate.api.pieces import Gathered, Pieces


class Client:
    """Takes what is sent while it is `ready`."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.ready.set()
        self.got: list[bytes] = []

    async def send(self, message: Message) -> None:
        await self.ready.wait()
        self.got.append(message["body"])


def pieces() -> tuple[Client, Pieces, Gathered]:
    client = Client()
    gathered = Gathered(client.send)
    made = Pieces(b"<", b">")
    made.put_into(gathered)
    return client, made, gathered


async def test_what_is_taken_is_written_at_once_and_together():
    client, sink, _ = pieces()

    assert sink.take(["a", 'b"'])
    assert client.got == []
    assert sink.flush()
    assert client.got == [b'<"a"><"b\\"">']
    assert sink.flush()
    assert len(client.got) == 1


async def test_before_it_has_a_place_nothing_is_taken():
    assert not Pieces(b"", b"").take(["a"])


async def test_a_reader_that_is_slow_is_waited_for_by_leave_and_order_is_kept():
    client, sink, _ = pieces()
    client.ready.clear()

    assert sink.take(["a"])
    assert not sink.flush()
    assert sink.take(["b"])
    assert not sink.flush()
    leaving = asyncio.create_task(sink.leave())
    await asyncio.sleep(0.01)
    assert not leaving.done()
    assert not sink.flush()
    client.ready.set()
    await leaving

    assert client.got == [b'<"a">', b'<"b">']
    assert sink.flush()


async def test_events_are_not_overtaken_by_pieces_while_they_are_being_sent():
    client, sink, gathered = pieces()
    client.ready.clear()
    gathered.put(b"event")
    leaving = asyncio.create_task(gathered.leave())
    await asyncio.sleep(0)

    assert sink.take(["a"])
    assert not sink.flush()
    client.ready.set()
    await leaving
    assert sink.flush()

    assert client.got == [b"event", b'<"a">']


async def test_whoever_gives_up_waiting_for_a_slow_reader_ends_the_sending():
    client, sink, _ = pieces()
    client.ready.clear()
    sink.take(["a"])
    assert not sink.flush()
    leaving = asyncio.create_task(sink.leave())
    await asyncio.sleep(0)

    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    client.ready.set()
    await asyncio.sleep(0)

    assert leaving.cancelled()
    assert client.got == []
