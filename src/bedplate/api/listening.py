"""The socket that the server listens on."""

import math
import socket

from bedplate.api.gates import check_exposure, is_loopback
from bedplate.config import ServerConfig
from bedplate.errors import ConfigError

BACKLOG = 2048


def listen(settings: ServerConfig, *, has_keys: bool) -> socket.socket:
    """Bound and listening.

    Raises:
        ConfigError: an address that others can reach while there are no access keys, or a port
            that cannot be had.
    """
    check_exposure(settings.host, has_keys=has_keys)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    where = f"{settings.host}:{settings.port}"
    try:
        listener = socket.create_server(
            (settings.host, settings.port), family=family, backlog=BACKLOG
        )
    except OSError as error:
        raise ConfigError(
            f"The server cannot listen on {where}: {error.strerror}. Stop what holds the port, or "
            "set server.port."
        ) from error
    # Connections inherit it. asyncio's own loop forgets it, and each answer would wait 40 ms for
    # the client's acknowledgement of its head.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # A client that takes nothing of its answer for so long is gone, or means to hold it here.
        waits = math.ceil(1000 * settings.request_seconds)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, waits)
    if is_loopback(settings.host) and not is_loopback(listener.getsockname()[0]):
        listener.close()
        raise ConfigError(f"server.host {settings.host!r} does not lead to this machine alone.")
    return listener


def url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
