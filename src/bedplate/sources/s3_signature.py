"""Signed requests to S3: AWS Signature Version 4
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlsplit

from pydantic import SecretStr

ALGORITHM = "AWS4-HMAC-SHA256"
NOTHING = hashlib.sha256(b"").hexdigest()
"""The hash of a request without a body."""


@dataclass(frozen=True, slots=True)
class Keys:
    access: str
    secret: SecretStr
    session: SecretStr | None = None


def query(parameters: Mapping[str, str]) -> str:
    """A query as it is signed and sent."""
    return "&".join(f"{_quoted(name)}={_quoted(parameters[name])}" for name in sorted(parameters))


def path(key: bytes) -> str:
    """An object's key as it is signed and sent: nothing in it is resolved."""
    return quote(key, safe="/~")


def signed(url: str, keys: Keys, region: str, now: datetime) -> dict[str, str]:
    """The headers of a GET; the URL is in the form that `query` and `path` give."""
    parts = urlsplit(url)
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    headers = {"host": parts.netloc, "x-amz-content-sha256": NOTHING, "x-amz-date": moment}
    if keys.session is not None:
        headers["x-amz-security-token"] = keys.session.get_secret_value()
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = "\n".join(["GET", parts.path, parts.query, lines, names, NOTHING])
    digest = hashlib.sha256(request.encode()).hexdigest()
    key = b"AWS4" + keys.secret.get_secret_value().encode()
    for part in (*scope.split("/"), "\n".join([ALGORITHM, moment, scope, digest])):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    given = f"Credential={keys.access}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
    return headers | {"authorization": f"{ALGORITHM} {given}"}


def _quoted(text: str) -> str:
    return quote(text, safe="~")
