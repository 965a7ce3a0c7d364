"""What goes wrong between this machine and a server, before anything is known of its answer."""


class HttpError(Exception):
    """A connection that was not made, or that broke."""


class ConnectTimeout(HttpError):
    """No connection was made in the time for it."""


class UnknownHost(HttpError):
    """The name of the host has no address; the cause says why."""

    def __init__(self, host: str) -> None:
        super().__init__(host)
        self.host = host


class ConnectFailed(HttpError):
    """No address took a connection; the cause says why."""


class NotSecure(HttpError):
    """TLS was not agreed on; the cause says why."""


class Disconnected(HttpError):
    """The connection ended before the answer did."""


class NotHttp(HttpError):
    """What came is no answer in HTTP/1.1, or has a head that is too long."""
