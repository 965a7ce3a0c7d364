"""The client of model servers over real sockets: what it sends, and what it makes of any answer."""

import asyncio
import random
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.upstream.http_client import HttpClient, open_client
from bedplate.upstream.http_connection import MOST_AROUND_BODY, MOST_HELD, Answer, Connection
from bedplate.upstream.http_errors import (
    ConnectFailed,
    ConnectTimeout,
    Disconnected,
    HttpError,
    NotHttp,
    NotSecure,
    UnknownHost,
)

Handler = Callable[["Peer"], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\n"


@dataclass
class Peer:
    """The server's end of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int

    async def request(self) -> tuple[bytes, bytes]:
        """Head and body of the next request."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        return head, await self.reader.readexactly(length)

    async def send(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()
            await asyncio.sleep(0)


@dataclass
class Server:
    port: int = 0
    connections: int = 0


@asynccontextmanager
async def serving(
    handler: Handler, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncGenerator[Server]:
    told = Server()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(peer: Peer) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            try:
                await handler(peer)
            finally:
                peer.writer.close()
                await peer.writer.wait_closed()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told.connections += 1
        tasks.add(asyncio.create_task(serve(Peer(reader, writer, told.connections))))

    server = await asyncio.start_server(connected, host, 0, ssl=tls)
    told.port = server.sockets[0].getsockname()[1]
    try:
        yield told
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def opened(
    port: int, path: str = "/v1/chat", idle_seconds: float = 4.0, connect_seconds: float = 5.0
) -> AsyncGenerator[HttpClient]:
    async with open_client(
        f"http://127.0.0.1:{port}{path}",
        {"Content-Type": "application/json", "user-agent": "mine"},
        connect_seconds=connect_seconds,
        idle_seconds=idle_seconds,
    ) as client:
        yield client


async def whole(answer: Answer) -> bytes:
    body = bytearray()
    while part := await answer.read():
        body += part
    return bytes(body)


async def asked(client: HttpClient, body: bytes = b"{}") -> tuple[int, bytes]:
    answer = await client.post(body)
    try:
        return answer.status, await whole(answer)
    finally:
        answer.close()


def answers(*parts: bytes, close: bool = False) -> Handler:
    async def handler(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(*parts)
            if close:
                return

    return handler


SIZED = OK + b"Content-Length: 5\r\n\r\nhello"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"


async def test_the_request_is_what_a_server_expects() -> None:
    heads: list[bytes] = []

    async def handler(peer: Peer) -> None:
        heads.extend(await peer.request())
        await peer.send(SIZED)

    async with serving(handler) as server, opened(server.port, "/a b%20c?q=é&r=%25") as client:
        assert await asked(client, b'{"a":1}') == (200, b"hello")
    assert heads[0].decode().split("\r\n") == [
        "POST /a%20b%20c?q=%C3%A9&r=%25 HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        "Accept: */*",
        "User-Agent: mine",
        "Content-Type: application/json",
        "Content-Length: 7",
        "",
        "",
    ]
    assert heads[1] == b'{"a":1}'


@pytest.mark.parametrize("said", [SIZED, CHUNKED])
async def test_a_connection_serves_one_request_after_another(said: bytes) -> None:
    async with serving(answers(said)) as server, opened(server.port) as client:
        for _ in range(5):
            assert await asked(client) == (200, b"hello")
    assert server.connections == 1


@pytest.mark.parametrize(
    "said",
    [
        OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        SIZED + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nothers",
        SIZED + b"\r\nnoise",
    ],
    ids=["told", "old", "another answer", "noise"],
)
async def test_a_connection_that_may_carry_something_else_serves_nobody_after(said: bytes) -> None:
    async with serving(answers(said)) as server, opened(server.port) as client:
        for _ in range(3):
            assert await asked(client) == (200, b"hello")
    assert server.connections == 3


async def test_bytes_that_come_while_nobody_asks_are_no_answer() -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(SIZED)
        await asyncio.sleep(0.05)
        await peer.send(OK + b"Content-Length: 6\r\n\r\nothers")
        await peer.reader.read()

    async with serving(handler) as server, opened(server.port) as client:
        assert await asked(client) == (200, b"hello")
        await asyncio.sleep(0.15)
        assert await asked(client) == (200, b"hello")
    assert server.connections == 2


async def test_no_connection_is_kept_where_none_is_to_be() -> None:
    heads: list[bytes] = []

    async def handler(peer: Peer) -> None:
        heads.append((await peer.request())[0])
        await peer.send(SIZED)
        await peer.reader.read()

    async with serving(handler) as server, opened(server.port, idle_seconds=0) as client:
        await asked(client)
        await asked(client)
    assert server.connections == 2
    assert b"\r\nConnection: close\r\n" in heads[0]


async def test_an_idle_connection_is_closed_in_time() -> None:
    closed = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(SIZED)
        await peer.reader.read()
        closed.set()

    async with serving(handler) as server, opened(server.port, idle_seconds=0.1) as client:
        await asked(client)
        await asyncio.wait_for(closed.wait(), 2)
        await asked(client)
    assert server.connections == 2


async def test_a_connection_that_its_server_dropped_serves_nobody() -> None:
    async with serving(answers(SIZED, close=True)) as server, opened(server.port) as client:
        await asked(client)
        await asyncio.sleep(0.05)
        assert await asked(client) == (200, b"hello")
    assert server.connections == 2


async def test_an_answer_that_comes_before_the_request_was_sent_is_read() -> None:
    async def handler(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        await asyncio.sleep(0.1)

    async with serving(handler) as server, opened(server.port) as client:
        assert await asked(client, b"x" * 20_000_000) == (413, b"big")


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 20",
        OK,
        OK + b"Content-Length: 9\r\n\r\nhello",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
async def test_an_answer_that_is_cut_off_is_an_error(said: bytes) -> None:
    async with serving(answers(said, close=True)) as server, opened(server.port) as client:
        with pytest.raises(Disconnected):
            await asked(client)


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        OK + b"Content-Length: five\r\n\r\nhello",
        OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        OK + b"X-Long: " + b"x" * (MOST_AROUND_BODY + 300_000) + b"\r\n\r\n",
    ],
    ids=["no http", "two lengths", "no length", "no chunk", "upgrade", "long head"],
)
async def test_what_is_no_answer_in_http_is_an_error(said: bytes) -> None:
    async with serving(answers(said)) as server, opened(server.port) as client:
        with pytest.raises(HttpError):
            await asked(client)
        with pytest.raises(HttpError):
            await asked(client)
    assert server.connections == 2


async def test_trailers_without_end_are_an_error() -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n")
        while True:
            await peer.send(b"X: " + b"y" * 1_000 + b"\r\n")

    async with serving(handler) as server, opened(server.port) as client:
        with pytest.raises(NotHttp):
            await asked(client)


async def test_a_server_waits_for_a_reader_that_is_slow() -> None:
    sent = 0

    async def handler(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.send(OK + b"Content-Length: 100000000\r\n\r\n")
        for _ in range(1_000):
            await peer.send(b"x" * 100_000)
            sent += 100_000

    async with serving(handler) as server, opened(server.port) as client:
        answer = await client.post(b"{}")
        await asyncio.sleep(0.3)
        before, held = sent, answer.held
        await asyncio.sleep(0.3)
        assert sent == before < 50_000_000
        assert MOST_HELD < held < 8 * MOST_HELD
        assert len(await whole(answer)) == 100_000_000
        answer.close()


async def test_each_read_is_poured_until_it_is_enough() -> None:
    async with serving(answers(CHUNKED, close=True)) as server, opened(server.port) as client:
        answer = await client.post(b"{}")
        taken: list[bytes] = []

        def take(part: bytes) -> bool:
            taken.append(part)
            return False

        while not answer.read_out:
            await answer.pour(take)
        answer.close()
    assert b"".join(taken) == b"hello"


async def test_what_goes_wrong_in_taking_is_raised_to_who_waits() -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK + b"Content-Length: 5\r\n\r\n")
        await asyncio.sleep(0.02)
        await peer.send(b"hello")
        await peer.reader.read()

    def take(part: bytes) -> bool:
        raise ValueError(part)

    async with serving(handler) as server, opened(server.port) as client:
        answer = await client.post(b"{}")
        with pytest.raises(ValueError, match="hello"):
            await answer.pour(take)
        answer.close()


async def test_a_host_without_a_name_is_not_found() -> None:
    async with open_client(
        "http://nowhere.invalid/v1", {}, connect_seconds=5, idle_seconds=1
    ) as client:
        with pytest.raises(UnknownHost):
            await client.post(b"")


async def test_a_port_where_nobody_listens_takes_no_connection() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with opened(port) as client:
        with pytest.raises(ConnectFailed) as caught:
            await client.post(b"")
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


async def test_a_connection_that_is_not_taken_in_time_is_given_up() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        async with opened(full.getsockname()[1], connect_seconds=0.2) as client:
            with pytest.raises(ConnectTimeout):
                await client.post(b"")
        for each in waiting:
            each.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and its certificate for localhost, signed by itself."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    pem = serialization.Encoding.PEM
    file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(pem)
    )
    return file


def served_by(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


async def test_tls_with_a_server_of_a_known_name_carries_requests(certificate: Path) -> None:
    trusting = ssl.create_default_context(cafile=certificate)
    async with serving(answers(CHUNKED), served_by(certificate)) as server:
        client = HttpClient(
            f"https://localhost:{server.port}/", {}, connect_seconds=5, idle_seconds=4, tls=trusting
        )
        for _ in range(3):
            assert await asked(client, b"x" * 300_000) == (200, b"hello")
        client.close()
        assert server.connections == 1


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_tls_with_a_server_that_proves_nothing_sends_nothing(
    certificate: Path, host: str
) -> None:
    """Signed by nobody who is known, or, where it is, of another name."""
    heard: list[bytes] = []

    async def handler(peer: Peer) -> None:
        heard.append(await peer.reader.read())

    trusting = ssl.create_default_context(cafile=certificate if host == "127.0.0.1" else None)
    async with serving(handler, served_by(certificate)) as server:
        client = HttpClient(
            f"https://{host}:{server.port}/", {}, connect_seconds=5, idle_seconds=4, tls=trusting
        )
        with pytest.raises(NotSecure):
            await client.post(b"secret")
        client.close()
    assert not any(heard)


async def test_a_server_that_listens_at_one_of_its_addresses_is_reached() -> None:
    async with serving(answers(SIZED)) as server:
        client = HttpClient(
            f"http://localhost:{server.port}/", {}, connect_seconds=5, idle_seconds=4, tls=None
        )
        assert await asked(client) == (200, b"hello")
        client.close()


async def test_an_address_of_the_sixth_version_is_named_in_brackets() -> None:
    heads: list[bytes] = []

    async def handler(peer: Peer) -> None:
        heads.append((await peer.request())[0])
        await peer.send(SIZED)

    try:
        async with serving(handler, host="::1") as server:
            client = HttpClient(
                f"http://[::1]:{server.port}/", {}, connect_seconds=5, idle_seconds=4, tls=None
            )
            assert await asked(client) == (200, b"hello")
            client.close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    assert f"Host: [::1]:{server.port}\r\n".encode() in heads[0]


async def test_whoever_gives_up_at_any_moment_leaves_no_answer_to_another() -> None:
    """Each answer names its request: nobody ever reads another's."""
    chance = random.Random(7)

    async def handler(peer: Peer) -> None:
        pace = random.Random(peer.number)
        while True:
            _, body = await peer.request()
            said = body * 20
            await asyncio.sleep(pace.choice((0, 0, 0.001, 0.003)))
            await peer.send(OK + b"Transfer-Encoding: chunked\r\n\r\n")
            for at in range(0, len(said), 24):
                await peer.send(b"18\r\n%b\r\n" % said[at : at + 24].ljust(24))
                if pace.random() < 0.2:
                    await asyncio.sleep(0.001)
            await peer.send(b"0\r\n\r\n")

    async def one(client: HttpClient, number: int) -> bool:
        body = b"request %08d" % number
        try:
            async with asyncio.timeout(chance.choice((0.0005, 0.001, 0.002, 0.005, 5))):
                answer = await client.post(body)
                try:
                    taken: list[bytes] = []

                    def take(part: bytes) -> bool:
                        taken.append(part)
                        return chance.random() < 0.7

                    while not answer.read_out:
                        await answer.pour(take)
                finally:
                    answer.close()
        except TimeoutError:
            return False
        assert b"".join(taken).rstrip() == (body * 20).rstrip()
        return True

    async with serving(handler) as server, opened(server.port) as client:
        done = 0
        for start in range(0, 600, 12):
            got = await asyncio.gather(*(one(client, start + each) for each in range(12)))
            done += sum(got)
        assert 50 < done < 600
        assert server.connections < 600


class Wire(asyncio.Transport):
    """Takes what is written and remembers how it ended."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def abort(self) -> None:
        self.aborted = True


@st.composite
def said(draw: st.DrawFn) -> bytes:
    """An answer with everything that servers put around one."""
    body = draw(st.binary(max_size=60))
    status = draw(st.sampled_from((200, 201, 404, 500, 204, 304)))
    lines = [b"HTTP/1.1 %d Said" % status]
    ahead = draw(
        st.sampled_from(
            (b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n")
        )
    )
    if draw(st.booleans()):
        lines.append(
            draw(st.sampled_from((b"X-A: b", b"X-Empty:", b"X-Folded: a\r\n b", b"X-High: \xff")))
        )
    framing = draw(st.sampled_from(("sized", "chunked", "closed", "both", "twice", "differing")))
    if framing in ("sized", "both", "twice", "differing"):
        lines.append(b"Content-Length: %d" % len(body))
    if framing == "twice":
        lines.append(b"Content-Length: %d" % len(body))
    if framing == "differing":
        lines.append(b"Content-Length: %d" % (len(body) + 1))
    written = body
    if framing in ("chunked", "both"):
        lines.append(b"Transfer-Encoding: chunked")
        cuts = sorted(draw(st.sets(st.integers(1, max(1, len(body) - 1)), max_size=4)))
        parts = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
        extension = draw(st.sampled_from((b"", b";a=b", b' ;a="b"', b" ")))
        written = b"".join(b"%x%b\r\n%b\r\n" % (len(p), extension, p) for p in parts if p)
        written += b"0\r\n" + draw(st.sampled_from((b"", b"X-Trailer: t\r\n"))) + b"\r\n"
    if status in (204, 304):
        written = b""
    return ahead + b"\r\n".join(lines) + b"\r\n\r\n" + written


async def by_ours(parts: Sequence[bytes]) -> tuple[int, bytes] | None:
    connection = Connection(asyncio.get_running_loop(), lambda _: None, lambda _: None)
    connection.connection_made(Wire())
    answer = connection.ask(b"")
    for part in parts:
        connection.data_received(part)
    connection.connection_lost(None)
    try:
        async with asyncio.timeout(0.2):
            await answer.head()
            return answer.status, await whole(answer)
    except (HttpError, TimeoutError):
        return None


async def by_aiohttp(sent: bytes) -> tuple[int, bytes] | None:
    async with (
        serving(answers(sent, close=True)) as server,
        aiohttp.ClientSession(auto_decompress=False) as session,
    ):
        try:
            async with session.post(f"http://127.0.0.1:{server.port}/", data=b"{}") as response:
                return response.status, await response.read()
        except (aiohttp.ClientError, ValueError):
            return None


@given(data=st.data(), sent=said())
def test_an_answer_is_read_as_aiohttp_reads_it_however_it_is_cut(
    data: st.DataObject, sent: bytes
) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(sent) - 1), max_size=8)))
    parts = [sent[a:b] for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    each = [sent[at : at + 1] for at in range(len(sent))]

    async def compared() -> None:
        expected = await by_aiohttp(sent)
        for cut in (parts, [sent], each):
            assert await by_ours(cut) == expected

    asyncio.run(compared())
