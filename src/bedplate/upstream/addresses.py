"""Where a URL that somebody else wrote may lead: never inwards, unless the set-up says so.

Against server-side request forgery (https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html)
each address that a name resolves to is checked, and the connection goes to an address that was: a
name that resolves to another one the next time (DNS rebinding) changes nothing. The ranges are those
of IANA's special-purpose registries (RFC 6890).
"""

import errno
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Literal

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from bedplate.errors import InvalidInput

Reach = Literal["public", "private", "never"]

_METADATA = frozenset(
    # Azure, Alibaba; AWS, Google and Oracle over IPv6. The usual 169.254.169.254 is link-local.
    map(ip_address, ["168.63.129.16", "100.100.100.200", "fd00:ec2::254", "fd20:ce::254",
                     "fd00:c1::a9fe:a9fe"])
)  # fmt: skip
_PRIVATE = tuple(
    map(ip_network, ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8",
                     "100.64.0.0/10", "198.18.0.0/15", "::1/128", "fc00::/7"])
)  # fmt: skip
_NEVER = tuple(
    map(ip_network, ["0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24",
                     "192.88.99.0/24", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
                     "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"])
)  # fmt: skip
_NAT64 = ip_network("64:ff9b::/96")
_UNICAST = ip_network("2000::/3")


def reach(address: IPv4Address | IPv6Address) -> Reach:
    """`private`: of a network of one's own, or this machine. `never`: link-local, multicast, a
    cloud's metadata, a tunnel into IPv4, or of no use on any network.

    An IPv4 address inside an IPv6 one (mapped, or by NAT64, RFC 6052) is judged as itself.
    """
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return reach(inner)
        # "fe80::1%eth0", or any other with a zone: it names an interface of this machine.
        if address.scope_id is not None:
            return "never"
    if address in _METADATA or _within(address, _NEVER):
        return "never"
    if _within(address, _PRIVATE):
        return "private"
    # IPv6 is handed out from 2000::/3 alone.
    return "public" if address.version == 4 or address in _UNICAST else "never"


def _within(address: IPv4Address | IPv6Address, networks: tuple[object, ...]) -> bool:
    return any(address in network for network in networks)  # type: ignore[operator]


@dataclass(frozen=True, slots=True)
class AddressRules:
    """Public addresses are allowed; private ones where `allow_private` is set, or for
    `allow_hosts`: names, names below one ("*.intern.example"), or networks ("10.1.0.0/16").
    `settings` names what a refusal says would allow it.
    """

    allow_private: bool = False
    allow_hosts: tuple[str, ...] = ()
    settings: str = "allow_hosts or allow_private"

    def check_url(self, url: URL) -> None:
        """Raises InvalidInput for another scheme than http and https, for credentials in the URL,
        and for a host that is an address which is not allowed.
        """
        if url.scheme not in {"http", "https"} or not url.host:
            raise InvalidInput(f"{str(url)!r} is no http or https URL.", param="url")
        if url.user is not None or url.password is not None:
            raise InvalidInput(f"The URL of {url.host!r} holds credentials.", param="url")
        # What looks like an address is one to aiohttp, and its resolver is not asked.
        if ":" in url.host or url.host.replace(".", "").isdigit():
            self.check_address(url.host, url.host)

    def check_address(self, host: str, address: str) -> None:
        """Raises InvalidInput where `host` is at an address that is not allowed."""
        try:
            found = ip_address(address)
        except ValueError as error:
            raise InvalidInput(
                f"{host!r} is at {address!r}, which is no address.", param="url"
            ) from error
        match reach(found):
            case "public":
                return
            case "private" if self.allow_private or self._named(host, found):
                return
            case "private":
                raise InvalidInput(
                    f"{host!r} is at {address}, a private address; {self.settings} would allow it.",
                    param="url",
                )
            case "never":
                raise InvalidInput(
                    f"{host!r} is at {address}, which is never connected to.", param="url"
                )

    def _named(self, host: str, address: IPv4Address | IPv6Address) -> bool:
        name = host.lower().rstrip(".")
        for allowed in self.allow_hosts:
            try:
                if address in ip_network(allowed, strict=False):
                    return True
            except ValueError:
                wanted = allowed.lower().rstrip(".")
                if name == wanted or (wanted.startswith("*.") and name.endswith(wanted[1:])):
                    return True
        return False

    def socket(
        self,
        info: tuple[
            int | socket.AddressFamily,
            int | socket.SocketKind,
            int,
            str,
            tuple[object, ...],
        ],
    ) -> socket.socket:
        """A socket for an address; OSError for one that no rule here could have let through."""
        family, kind, protocol, _, where = info
        try:
            found = reach(ip_address(str(where[0])))
        except ValueError:
            found = "never"
        if found == "never" or (
            found == "private" and not (self.allow_private or self.allow_hosts)
        ):
            raise OSError(errno.EACCES, f"{where[0]} is an address that is not allowed")
        return socket.socket(family, kind, protocol)


class GuardedResolver(AbstractResolver):
    """Resolves by the system; fails for a name of which any address is not allowed."""

    def __init__(self, rules: AddressRules, inner: AbstractResolver) -> None:
        self._rules = rules
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises InvalidInput, besides what the system raises."""
        found = await self._inner.resolve(host, port, family)
        for each in found:
            self._rules.check_address(host, each["host"])
        return found

    async def close(self) -> None:
        await self._inner.close()


def guarded_session(
    rules: AddressRules,
    *,
    timeout: aiohttp.ClientTimeout,
    headers: Mapping[str, str],
    connections: int,
) -> aiohttp.ClientSession:
    """A session whose every request, redirects included, keeps to the rules.

    Such a request raises InvalidInput. It takes no proxy from the environment, keeps no cookies, and
    hands bodies out as they were sent: who reads one bounds what it expands to.
    """

    async def guard(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        rules.check_url(request.url)
        return await handler(request)

    connector = aiohttp.TCPConnector(
        resolver=GuardedResolver(rules, aiohttp.ThreadedResolver()),
        socket_factory=rules.socket,
        limit=connections,
    )
    return aiohttp.ClientSession(
        connector=connector,
        timeout=timeout,
        headers=headers,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        middlewares=(guard,),
    )
