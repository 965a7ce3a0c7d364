import pytest
from starlette.types import Receive, Scope, Send
from tests.fixtures.asgi import Call

from bedplate.api.gates import Addressed, Loopback, check_exposure
from bedplate.errors import ConfigError


async def says_ok(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


async def status(method: str = "POST", **headers: str) -> int:
    call = Call(method=method, headers=headers)
    await call.run(Loopback(says_ok))
    return call.status


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "LOCALHOST", "127.1.2.3"])
def test_loopback_addresses_may_be_served(host: str):
    check_exposure(host, has_keys=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.2", "example.com", "127.0.0.1.x"])
def test_any_other_address_is_refused_while_there_are_no_keys(host: str):
    with pytest.raises(ConfigError, match=r"no access keys.*bedplate keys create"):
        check_exposure(host, has_keys=False)
    check_exposure(host, has_keys=True)


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8420", "127.0.0.1:1", "[::1]:8420", "[::1]", "Localhost"]
)
async def test_requests_addressed_to_this_machine_come_in(host: str):
    assert await status(host=host) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8420",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "localhost@evil.example",
        "x@localhost",
        "",
        "localhost:x",
        "localhost/",
        "[::1",
        "192.168.0.1",
        "0.0.0.0",
    ],
)
async def test_a_rebound_or_broken_host_name_is_refused(host: str):
    assert await status("GET", host=host) == 403


async def test_a_request_without_a_host_is_refused():
    assert await status("GET") == 403


@pytest.mark.parametrize(
    ("version", "hosts", "status"),
    [("1.1", 1, 200), ("1.1", 0, 400), ("1.1", 2, 400), ("1.0", 0, 200), ("1.0", 2, 400)],
)
async def test_a_request_of_http_1_1_names_its_host_once(version: str, hosts: int, status: int):
    headers = [(b"host", b"localhost")] * hosts
    call = Call(fields={"http_version": version, "headers": headers})
    await call.run(Addressed(says_ok))

    assert call.status == status
    if status == 400:
        assert call.error["code"] == "invalid_http"


@pytest.mark.parametrize(
    "origin", ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:8420"]
)
async def test_pages_of_this_machine_may_post(origin: str):
    assert await status(host="localhost", origin=origin) == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost.evil.example", "file://"]
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_pages_of_other_sites_may_not_write(origin: str, method: str):
    assert await status(method, host="localhost", origin=origin) == 403


async def test_the_refusal_is_an_error_envelope_that_names_the_host():
    call = Call(headers={"host": "evil.example"})

    await call.run(Loopback(says_ok))

    assert call.error == {
        "message": "The Host header is 'evil.example': only localhost, 127.0.0.1 and [::1] are "
        "answered.",
        "type": "permission_error",
        "param": None,
        "code": "host_not_allowed",
    }
