"""A mailbox over its wire: what is sent, what is listed, and servers that refuse, hang or lie."""

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from tests.fixtures.imap_server import CLOSING, PASSWORD, TOKEN, Folder, ImapServer, imap_server
from tests.fixtures.serving import until

from bedplate.errors import (
    BedplateError,
    ConfigError,
    NotFound,
    TooLarge,
    Unavailable,
    Unreadable,
    UpstreamError,
    UpstreamTimeout,
)
from bedplate.sources.imap import open_imap
from bedplate.sources.imap_folders import shown
from bedplate.sources.protocol import Fetched, Gap, Item, Source

LIMIT = 1_000_000


@pytest.fixture
async def server() -> AsyncIterator[ImapServer]:
    async with imap_server() as opened:
        yield opened


@asynccontextmanager
async def imap_source(server: ImapServer, **options: Any) -> AsyncGenerator[Source]:
    async with open_imap({**server.options, **options}, name="mail") as source:
        yield source


async def listed(server: ImapServer, **options: Any) -> tuple[list[str], list[tuple[str, str]]]:
    """The keys of a listing, and its gaps."""
    async with imap_source(server, **options) as source:
        found = [each async for each in source.list(None)]
    keys = [each.key for each in found if isinstance(each, Item)]
    assert len(set(keys)) == len(keys)
    return keys, [(each.prefix, each.code) for each in found if isinstance(each, Gap)]


async def read(server: ImapServer, key: str, **options: Any) -> Fetched:
    async with imap_source(server, **options) as source:
        fetched = await source.read(Item(key), known=None, max_bytes=LIMIT)
    assert fetched is not None
    return fetched


def answering(start: bytes, answer: bytes | object):
    """Another answer to commands that begin so; "TAG" in it is the tag."""

    def instead(tag: bytes, command: bytes) -> bytes | object | None:
        if not command.startswith(start):
            return None
        return answer.replace(b"TAG", tag) if isinstance(answer, bytes) else answer

    return instead


async def test_messages_are_read_as_they_are_and_nothing_is_marked(server: ImapServer) -> None:
    message = b"Subject: x\r\n\r\n* 1 FETCH (UID 1) {3}\r\nb2 OK not this\r\n"
    server.inbox.add(message)
    async with imap_source(server) as source:
        (item,) = [each async for each in source.list(None)]
        assert item == Item("INBOX/7/1", str(len(message)), len(message))
        fetched = await source.read(item, known=None, max_bytes=LIMIT)
    assert fetched is not None
    assert fetched.blob.content == message
    assert fetched.blob.media_type == "message/rfc822"
    assert fetched.blob.source == "mail/INBOX/7/1"
    words = b" ".join(server.asked)
    assert b"SELECT" not in words
    assert b"STORE" not in words
    assert words.count(b"BODY[") == 0
    assert words.count(b"BODY.PEEK[]") == 1


async def test_one_connection_serves_many_reads_and_is_closed_in_the_end(
    server: ImapServer,
) -> None:
    for number in range(5):
        server.inbox.add(b"x" * number)
    async with imap_source(server) as source:
        async for item in source.list(None):
            assert isinstance(item, Item)
            await source.read(item, known=None, max_bytes=LIMIT)
    assert server.connections == 1
    async with imap_source(server, connections=2) as source:
        items = [each async for each in source.list(None) if isinstance(each, Item)]
        async with asyncio.TaskGroup() as tasks:
            for item in items * 3:
                tasks.create_task(source.read(item, known=None, max_bytes=LIMIT))
    assert server.connections <= 3
    await until(lambda: not server.open)


@pytest.mark.parametrize(
    ("capabilities", "options", "command"),
    [
        (b"IMAP4rev1 AUTH=PLAIN", {}, b"AUTHENTICATE PLAIN"),
        (b"IMAP4rev1", {"password": SecretStr('pa"ss\\word')}, b"LOGIN"),
        (b"IMAP4rev1", {"password": None, "token": SecretStr(TOKEN)}, b"AUTHENTICATE XOAUTH2"),
    ],
)
async def test_a_password_or_a_token_lets_in(
    server: ImapServer, capabilities: bytes, options: dict[str, Any], command: bytes
) -> None:
    server.capabilities = capabilities
    server.inbox.add(b"x")
    assert await listed(server, **options) == (["INBOX/7/1"], [])
    assert any(asked.startswith(command) for asked in server.asked)


async def test_a_server_that_knows_us_asks_for_nothing(server: ImapServer) -> None:
    server.greeting = b"* PREAUTH hello\r\n"
    server.inbox.add(b"x")
    assert await listed(server) == (["INBOX/7/1"], [])
    assert b"CAPABILITY" not in server.asked


@pytest.mark.parametrize(
    "options",
    [{"password": SecretStr("wrong-password")}, {"password": None, "token": SecretStr("wrong-token")}],
)  # fmt: skip
async def test_a_wrong_secret_is_a_fault_of_the_set_up_and_is_not_told(
    server: ImapServer, options: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match="AUTHENTICATIONFAILED") as raised:
        await listed(server, **options)
    assert "wrong-" not in str(raised.value)


async def test_a_password_is_not_sent_where_logins_are_disabled(server: ImapServer) -> None:
    server.capabilities = b"IMAP4rev1 LOGINDISABLED"
    with pytest.raises(ConfigError, match="tls"):
        await listed(server)
    assert server.asked == [b"CAPABILITY"]


async def test_a_server_that_echoes_the_secret_does_not_reach_a_message(server: ImapServer) -> None:
    server.instead = answering(b"AUTHENTICATE", b"TAG NO bad " + PASSWORD.encode() + b"\r\n")
    with pytest.raises(ConfigError) as raised:
        await listed(server)
    assert PASSWORD not in str(raised.value)


# Folders


async def test_folders_are_chosen_by_the_names_that_people_see(server: ImapServer) -> None:
    for name in (b"Inbox", b"Entw&APw-rfe", b"R&-D/2026", b"Trash", b'a "b" \\c', b"All"):
        server.folders[name] = Folder()
        server.folders[name].add(b"x")
    server.folders[b"All"].flags = r"\Noselect"
    del server.folders[b"INBOX"]
    server.folders[b"INBOX"] = server.folders.pop(b"Inbox")
    keys, gaps = await listed(server, folders=["*"], exclude=["Tr*"])
    assert keys == ["Entw&APw-rfe/7/1", "R&-D/2026/7/1", 'a "b" \\c/7/1', "INBOX/7/1"]
    assert gaps == []
    assert (await listed(server, folders=["Entwürfe"]))[0] == ["Entw&APw-rfe/7/1"]
    for key in keys:
        assert (await read(server, key)).blob.content == b"x"
    assert (await read(server, keys[0])).blob.source == "mail/Entwürfe/7/1"


async def test_a_folder_that_cannot_be_opened_is_a_gap_and_others_go_on(
    server: ImapServer,
) -> None:
    server.folders |= {
        b"Board": Folder(closed="NOPERM"),
        b"Old": Folder(validity=None),
        b"line\nbreak": Folder(),
    }
    server.inbox.add(b"x")
    keys, gaps = await listed(server, folders=["*"])
    assert keys == ["INBOX/7/1"]
    assert gaps == [
        ("Board/", "closed_folder"),
        ("Old/", "no_uids"),
        ("line%0Abreak/", "closed_folder"),
    ]
    with pytest.raises(Unreadable) as raised:
        await read(server, "Board/7/1")
    assert raised.value.reason == "forbidden"


async def test_a_folder_that_was_named_and_is_not_there_is_a_gap(server: ImapServer) -> None:
    assert await listed(server, folders=["Sent", "Archive*"]) == ([], [("", "no_folder")])


async def test_new_numbers_for_a_folder_make_all_its_messages_new(server: ImapServer) -> None:
    server.inbox.add(b"x")
    async with imap_source(server) as source:
        (before,) = [each async for each in source.list(None)]
        server.inbox.validity = 8
        (after,) = [each async for each in source.list(None)]
        assert (before.key, after.key) == ("INBOX/7/1", "INBOX/8/1")  # type: ignore[union-attr]
        with pytest.raises(NotFound):
            await source.read(before, known=None, max_bytes=LIMIT)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "key", ["INBOX/7/2", "INBOX/8/1", "Nowhere/7/1", "INBOX", "x", "INBOX/7/x", "INBOX/7/1 (UID)"]
)
async def test_what_is_not_there_is_not_found(server: ImapServer, key: str) -> None:
    server.inbox.add(b"x")
    with pytest.raises(NotFound):
        await read(server, key)


async def test_many_messages_are_listed_in_steps_and_no_more_than_allowed(
    server: ImapServer,
) -> None:
    for _ in range(4_500):
        server.inbox.add(b"x")
    keys, gaps = await listed(server)
    assert len(keys) == 4_500
    assert gaps == []
    assert len([asked for asked in server.asked if asked.startswith(b"FETCH")]) == 3
    keys, gaps = await listed(server, max_messages=10)
    assert keys == [f"INBOX/7/{uid}" for uid in range(4_491, 4_501)]
    assert gaps == [("INBOX/", "too_many_messages")]


# Servers that mean no good

FETCHED = b"* 1 FETCH (UID 1 BODY[]<0> "


@pytest.mark.parametrize(
    ("answer", "content"),
    [
        (b'"quoted \\"text\\"")\r\nTAG OK\r\n', b'quoted "text"'),
        (b"{0}\r\n)\r\nTAG OK\r\n", b""),
        (b"{2}\r\nhi FLAGS ())\r\n* 3 EXISTS\r\n* 1 FETCH (FLAGS ())\r\nTAG OK\r\n", b"hi"),
    ],
)
async def test_a_message_may_come_in_several_forms(
    server: ImapServer, answer: bytes, content: bytes
) -> None:
    server.inbox.add(b"x")
    server.instead = answering(b"UID FETCH 1 (BODY", FETCHED + answer)
    assert (await read(server, "INBOX/7/1")).blob.content == content


async def test_the_number_may_come_after_the_message(server: ImapServer) -> None:
    server.inbox.add(b"x")
    answer = b"* 1 FETCH (BODY[]<0> {2}\r\nhi UID 1)\r\nTAG OK\r\n"
    server.instead = answering(b"UID FETCH 1 (BODY", answer)
    assert (await read(server, "INBOX/7/1")).blob.content == b"hi"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (FETCHED + b"{99999999999}\r\n", TooLarge),
        (FETCHED + b"{1000001}\r\n", TooLarge),
        (FETCHED + b"{10}\r\nshort", UpstreamTimeout),
        (b"* 5 EXISTS\r\n" * 300_000, UpstreamError),
        (b"x" * 200_000 + b"\r\n", UpstreamError),
        (b"TAG NO [SERVERBUG] sorry\r\n", UpstreamError),
        (b"TAG OK\r\n", NotFound),
        (b"* 1 FETCH (UID 2 BODY[]<0> {1}\r\nx)\r\nTAG OK\r\n", NotFound),
        (CLOSING, UpstreamError),
    ],
)
async def test_a_message_that_never_ends_or_lies_is_given_up(
    server: ImapServer, answer: bytes | object, error: type[BedplateError]
) -> None:
    server.inbox.add(b"x")
    server.instead = answering(b"UID FETCH 1 (BODY", answer)
    with pytest.raises(error):
        await read(server, "INBOX/7/1", seconds=1)


async def test_a_message_is_not_asked_for_when_it_is_too_large(server: ImapServer) -> None:
    server.inbox.add(b"x" * (LIMIT + 1))
    with pytest.raises(TooLarge):
        await read(server, "INBOX/7/1")
    assert not any(b"BODY" in asked for asked in server.asked)


@pytest.mark.parametrize(
    "greeting", [b"SSH-2.0-OpenSSH\r\n", b"220 smtp\r\n", b"x" * 100_000, b"* OK", b""]
)
async def test_a_server_of_another_kind_or_a_silent_one_is_given_up(
    server: ImapServer, greeting: bytes
) -> None:
    server.greeting = greeting
    with pytest.raises(UpstreamError):
        await listed(server, seconds=0.3)


@pytest.mark.parametrize("greeting", [b"* BYE too many\r\n", b"* bye\r\n"])
async def test_a_server_that_takes_nobody_is_away(server: ImapServer, greeting: bytes) -> None:
    server.greeting = greeting
    with pytest.raises(Unavailable):
        await listed(server)


async def test_a_server_that_is_too_busy_to_log_in_is_away(server: ImapServer) -> None:
    server.instead = answering(b"AUTHENTICATE", b"TAG NO [LIMIT] too many connections\r\n")
    with pytest.raises(Unavailable, match="too many connections"):
        await listed(server)


@pytest.mark.parametrize(
    ("start", "answer"),
    [
        (b"LIST", b"TAG NO no\r\n"),
        (b"LIST", b'* LIST () "/" "x"\r\n' * 1_500_000),
        (b"LIST", b'* LIST () "/" {99999999}\r\n'),
        (b"FETCH", b"TAG OK nothing\r\n"),
        (b"FETCH", b"* 1 FETCH (FLAGS ())\r\nTAG OK\r\n"),
        (b"FETCH", CLOSING),
    ],
)
async def test_a_listing_that_fails_is_not_an_empty_mailbox(
    server: ImapServer, start: bytes, answer: bytes | object
) -> None:
    server.inbox.add(b"x")
    server.instead = answering(start, answer)
    with pytest.raises(UpstreamError):
        await listed(server)


async def test_messages_that_the_server_leaves_out_are_not_taken_for_gone(
    server: ImapServer,
) -> None:
    for _ in range(3):
        server.inbox.add(b"x")
    rows = b"* 1 FETCH (UID 1 RFC822.SIZE 1)\r\n* 1 FETCH (UID 1 RFC822.SIZE 1)\r\n"
    server.instead = answering(b"FETCH", rows + b"TAG NO some are gone\r\n")
    assert await listed(server) == (["INBOX/7/1"], [("INBOX/", "incomplete")])


async def test_a_connection_that_died_meanwhile_is_made_anew(server: ImapServer) -> None:
    server.inbox.add(b"x")
    async with imap_source(server) as source:
        (item,) = [each async for each in source.list(None)]
        turns = iter([CLOSING])
        server.instead = lambda tag, command: next(turns, None)
        fetched = await source.read(item, known=None, max_bytes=LIMIT)  # type: ignore[arg-type]
    assert fetched is not None
    assert server.connections == 2


# TLS and options


def certificate(folder: Path, host: str) -> tuple[ssl.SSLContext, Path]:
    """A server's context with a certificate of its own, and the file to trust it by."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "mail.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context, file


async def test_tls_is_used_and_the_certificate_is_checked(tmp_path: Path) -> None:
    context, file = certificate(tmp_path, "127.0.0.1")
    async with imap_server(context) as server:
        server.inbox.add(b"x")
        assert (await listed(server, tls=True, ca_file=file))[0] == ["INBOX/7/1"]
        with pytest.raises(ConfigError, match="ca_file"):
            await listed(server, tls=True)
        with pytest.raises(ConfigError, match="not trusted"):
            await listed(server, tls=True, ca_file=file, host="localhost")


@pytest.mark.parametrize("host", ["169.254.169.254", "fd00:ec2::254", "0.0.0.0"])
async def test_a_clouds_metadata_is_no_mail_server(server: ImapServer, host: str) -> None:
    with pytest.raises(ConfigError, match="never"):
        await listed(server, host=host)


@pytest.mark.parametrize("host", ["localhost", "nowhere.invalid"])
async def test_a_mail_server_is_found_by_its_name(server: ImapServer, host: str) -> None:
    if host == "localhost":
        assert await listed(server, host=host) == ([], [])
    else:
        with pytest.raises(Unavailable, match=r"nowhere\.invalid"):
            await listed(server, host=host)


async def test_a_server_without_tls_is_not_talked_to_in_the_clear(server: ImapServer) -> None:
    with pytest.raises(UpstreamError, match="secure"):
        await listed(server, tls=True, connect_seconds=1)
    assert all(b"AUTHENTICATE" not in asked for asked in server.asked)


async def test_a_file_of_certificates_that_is_none_is_told(
    server: ImapServer, tmp_path: Path
) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    for file in (tmp_path / "empty.pem", tmp_path / "missing.pem"):
        with pytest.raises(ConfigError, match="ca_file"):
            await listed(server, tls=True, ca_file=file)


@pytest.mark.parametrize(
    "change",
    [
        {"password": None},
        {"token": SecretStr("x")},
        {"password": "plain"},
        {"password": SecretStr("a\r\nb")},
        {"user": "a\r\nb LOGOUT"},
        {"host": "mail.example/x"},
        {"folders": []},
    ],
)
async def test_options_that_cannot_be_meant_are_refused(
    server: ImapServer, change: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError) as raised:
        await listed(server, **change)
    assert "plain" not in str(raised.value)


def test_names_that_are_not_in_modified_utf_7_stay_as_they_are() -> None:
    assert shown(b"&AOQ-/&-/&U,BTFw-") == "ä/&/台北"
    assert shown(b"&broken/&A-") == "&broken/&A-"
    assert shown("Entwürfe".encode()) == "Entwürfe"
