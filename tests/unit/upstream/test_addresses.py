"""Which addresses are connected to, and that no way around the check is left."""

import asyncio
import socket
from collections.abc import AsyncIterator
from ipaddress import IPv4Address, IPv6Address, ip_address

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from bedplate.errors import InvalidInput
from bedplate.upstream.addresses import AddressRules, GuardedResolver, guarded_session, reach

TIMEOUT = aiohttp.ClientTimeout(total=10)

INWARD = ["127.0.0.1", "10.1.2.3", "172.31.255.255", "192.168.0.1", "100.64.0.1", "198.18.0.1", "::1",
          "fd12:3456::1", "::ffff:127.0.0.1", "64:ff9b::10.0.0.1"]  # fmt: skip
NEVER = ["0.0.0.0", "169.254.169.254", "224.0.0.1", "255.255.255.255", "240.0.0.1", "168.63.129.16",
         "100.100.100.200", "fd00:ec2::254", "fd20:ce::254", "::", "fe80::1", "fe80::1%eth0",
         "fd00::1%1", "ff02::1", "::127.0.0.1", "2002:7f00:1::", "2001:0:1::1", "64:ff9b:1::a00:1",
         "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fec0::1", "2001:db8::1"]  # fmt: skip
OUTWARD = ["1.1.1.1", "93.184.216.34", "172.32.0.1", "2606:4700:4700::1111", "64:ff9b::1.1.1.1"]


@pytest.mark.parametrize("address", INWARD)
def test_private_addresses_are_allowed_only_on_demand(address: str) -> None:
    assert reach(ip_address(address)) == "private"
    with pytest.raises(InvalidInput, match="allow_private"):
        AddressRules().check_address("wiki", address)
    AddressRules(allow_private=True).check_address("wiki", address)


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_never_allowed(address: str) -> None:
    assert reach(ip_address(address)) == "never"
    rules = AddressRules(allow_private=True, allow_hosts=("wiki", "0.0.0.0/0", "::/0"))
    with pytest.raises(InvalidInput, match="never"):
        rules.check_address("wiki", address)


@pytest.mark.parametrize("address", OUTWARD)
def test_public_addresses_are_allowed(address: str) -> None:
    AddressRules().check_address("example.org", address)


_v4 = st.integers(0, 2**32 - 1).map(IPv4Address)
_near = st.sampled_from([*INWARD, *NEVER, *OUTWARD]).map(ip_address)
_v6 = st.integers(0, 2**128 - 1).map(IPv6Address)
_global_v6 = st.integers(2**125, 2**126 - 1).map(IPv6Address)


@given(_v4 | _v6 | _global_v6 | _near)
def test_what_is_public_is_global_by_the_standard_library_too(
    address: IPv4Address | IPv6Address,
) -> None:
    if reach(address) == "public" and not str(address).startswith("64:ff9b::"):
        assert address.is_global
        assert not address.is_multicast


@given(_v4)
def test_an_address_inside_another_is_judged_as_itself(address: IPv4Address) -> None:
    assert reach(IPv6Address(0xFFFF << 32 | int(address))) == reach(address)
    assert reach(IPv6Address(int(IPv6Address("64:ff9b::")) | int(address))) == reach(address)


@pytest.mark.parametrize(
    ("allowed", "host", "fits"),
    [
        ("wiki.intern", "WIKI.intern.", True),
        ("wiki.intern", "evil-wiki.intern", False),
        ("wiki.intern", "wiki.intern.example.org", False),
        ("*.intern", "a.b.intern", True),
        ("*.intern", "intern", False),
        ("10.0.0.0/8", "anything", True),
        ("10.9.0.0/16", "anything", False),
        ("10.0.0.5", "anything", True),
    ],
)
def test_hosts_of_an_intranet_are_allowed_by_name_or_network(
    allowed: str, host: str, fits: bool
) -> None:
    rules = AddressRules(allow_hosts=(allowed,))
    if fits:
        rules.check_address(host, "10.0.0.5")
    else:
        with pytest.raises(InvalidInput):
            rules.check_address(host, "10.0.0.5")


@pytest.mark.parametrize(
    "url",
    ["ftp://example.org/", "file:///etc/passwd", "gopher://example.org/", "http://u:p@example.org/",
     "http://127.0.0.1/", "http://[::1]/", "http://[::ffff:10.0.0.1]/", "http://169.254.169.254/",
     "http://2130706433/", "http://127.1/", "//example.org/", "http://[fe80::1%25eth0]/"],
)  # fmt: skip
def test_urls_that_lead_inwards_or_elsewhere_are_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        AddressRules().check_url(URL(url))


class Changing(AbstractResolver):
    """A name server that gives another answer every time, as for DNS rebinding."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = iter(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=each, port=port, family=socket.AF_INET,
                          proto=0, flags=0)
            for each in next(self._answers)
        ]  # fmt: skip

    async def close(self) -> None: ...


async def test_one_private_address_among_several_is_enough_to_refuse_a_name() -> None:
    resolver = GuardedResolver(AddressRules(), Changing(["1.1.1.1", "127.0.0.1"]))
    with pytest.raises(InvalidInput, match=r"'x\.example' is at 127\.0\.0\.1"):
        await resolver.resolve("x.example", 80)


async def test_each_answer_of_a_name_server_is_checked_anew() -> None:
    resolver = GuardedResolver(AddressRules(), Changing(["1.1.1.1"], ["10.0.0.1"]))
    assert [each["host"] for each in await resolver.resolve("x.example", 80)] == ["1.1.1.1"]
    with pytest.raises(InvalidInput):
        await resolver.resolve("x.example", 80)


class Inside:
    """A server on this machine that must not be reached, with what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.port = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        if request.path == "/to":
            raise web.HTTPFound(request.query["url"])
        return web.Response(text="secret")


@pytest.fixture
async def inside() -> AsyncIterator[Inside]:
    found = Inside()
    app = web.Application()
    app.router.add_get("/{path:.*}", found.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.port = runner.addresses[0][1]
    yield found
    await runner.cleanup()


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0.0.0.0",
             "[::ffff:127.0.0.1]"]
)  # fmt: skip
async def test_no_spelling_of_this_machine_is_connected_to(inside: Inside, host: str) -> None:
    async with guarded_session(
        AddressRules(), timeout=TIMEOUT, headers={}, connections=4
    ) as session:
        with pytest.raises((InvalidInput, aiohttp.ClientError)):
            await session.get(f"http://{host}:{inside.port}/")
    assert inside.asked == []


async def test_an_allowed_host_is_connected_to_and_redirects_are_checked(inside: Inside) -> None:
    rules = AddressRules(allow_hosts=("localhost",))
    async with guarded_session(rules, timeout=TIMEOUT, headers={}, connections=4) as session:
        async with session.get(f"http://localhost:{inside.port}/ok") as response:
            assert await response.text() == "secret"
        for target in (f"http://127.0.0.1:{inside.port}/no", "http://169.254.169.254/no"):
            with pytest.raises(InvalidInput):
                await session.get(f"http://localhost:{inside.port}/to", params={"url": target})
    assert inside.asked == ["/ok", "/to", "/to"]


def test_the_socket_is_the_last_to_refuse() -> None:
    for where in ("127.0.0.1", "169.254.169.254", "2130706433", "localhost"):
        with pytest.raises(OSError, match="not allowed"):
            AddressRules().socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", (where, 80)))
    AddressRules().socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("1.1.1.1", 80))).close()


async def test_the_resolver_of_the_system_is_asked_by_default(inside: Inside) -> None:
    rules = AddressRules(allow_private=True)
    async with (
        asyncio.timeout(10),
        guarded_session(
            rules, timeout=TIMEOUT, headers={"User-Agent": "x"}, connections=1
        ) as session,
        session.get(f"http://localhost:{inside.port}/") as response,
    ):
        assert response.status == 200
