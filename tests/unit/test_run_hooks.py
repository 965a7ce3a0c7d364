"""Posts that start a run are signed by whom the hook was given to, and are of now."""

import base64
import hashlib
import hmac
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.datastructures import Headers

from bedplate.api.run_hooks import signed_paths, unsigned
from bedplate.errors import ConfigError
from bedplate.run_sections import RunHookConfig

KEY = bytes(range(32))
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
NOW, BODY = 1_790_000_000, b'{"order": "A-17"}'


def sent(*, key: bytes = KEY, at: str = str(NOW), signed: bytes = BODY, id: str = "m1") -> Any:
    digest = hmac.new(key, f"{id}.{at}.".encode() + signed, hashlib.sha256).digest()
    signature = f"v1a,xx v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": id, "webhook-timestamp": at, "webhook-signature": signature}


def refused(headers: Any, body: bytes = BODY) -> str | None:
    answer = unsigned(Headers(headers), body, SECRET, name="order", now=NOW)
    return None if answer is None else bytes(answer.body).decode()


def test_a_signed_post_of_now_is_taken() -> None:
    assert refused(sent()) is None
    assert refused(sent(at=str(NOW - 299))) is None


def test_the_example_of_the_specification_is_taken() -> None:
    headers = Headers(
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        }
    )
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert unsigned(headers, b'{"test": 2432232314}', secret, name="x", now=1614265330) is None


@pytest.mark.parametrize(
    ("headers", "body", "why"),
    [
        (sent(key=b"x" * 32), BODY, "signatures"),
        (sent(), BODY + b" ", "signatures"),
        (sent() | {"webhook-id": "m2"}, BODY, "signatures"),
        (sent() | {"webhook-timestamp": str(NOW + 1)}, BODY, "signatures"),
        (sent() | {"webhook-signature": "v1,="}, BODY, "signatures"),
        (sent(at=str(NOW - 301)), BODY, "301 s from ours"),
        (sent(at=str(NOW + 301)), BODY, "301 s from ours"),
        (sent(at="soon"), BODY, "seconds since 1970"),
        (sent(id="m" * 201), BODY, "short text"),
        ({}, BODY, "webhook-signature"),
    ],
)
def test_any_other_is_not(headers: Any, body: bytes, why: str) -> None:
    told = refused(headers, body)
    assert told is not None
    assert why in told


@pytest.mark.parametrize("secret", ["short", "whsec_c2hvcnQ=", base64.b64encode(KEY).decode()])
def test_a_secret_that_is_none_is_an_error_at_the_start(secret: str) -> None:
    hook = RunHookConfig(assistant="a", goal="g", secret=SecretStr(secret))
    with pytest.raises(ConfigError, match="runs.hooks.order.secret"):
        signed_paths({"order": hook})
