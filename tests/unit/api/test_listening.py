"""The socket that the server listens on."""

import socket
import sys
import time

import pytest

from bedplate.api.listening import listen
from bedplate.sections import ServerConfig


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has TCP_USER_TIMEOUT")
def test_a_client_that_takes_nothing_of_its_answer_is_cut_off():
    with (
        listen(ServerConfig(port=0, request_seconds=0.5), has_keys=False) as listener,
        socket.socket() as client,
    ):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(listener.getsockname())
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(10)
            began = time.monotonic()
            with pytest.raises(TimeoutError, match="Connection timed out"):
                connection.sendall(bytes(50_000_000))
            assert time.monotonic() - began < 5
