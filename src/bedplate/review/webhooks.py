"""Decisions told to the URL that a request named, signed as Standard Webhooks has it
(https://www.standardwebhooks.com): `webhook-signature: v1,<HMAC-SHA256 of "id.timestamp.body">`.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import aiohttp
from yarl import URL

from bedplate.domain.ids import TenantId
from bedplate.domain.reviews import Review
from bedplate.errors import InvalidInput, NotFound
from bedplate.upstream.addresses import AddressRules, guarded_session

logger = logging.getLogger(__name__)

CONNECTIONS = 16
MOST_URL = 2_000
GONE = 410
OK = range(200, 300)

Told = Literal["told", "again", "never"]
"""What a call came to: it was taken, may be tried again, or is refused for good."""


@dataclass(frozen=True, slots=True)
class WebhookOptions:
    """`secret` is None where nothing is called. `seconds` is for one call."""

    secret: bytes | None = None
    rules: AddressRules = field(default_factory=AddressRules)
    seconds: float = 10.0


class Webhooks:
    """`session` keeps to the rules of `options`."""

    def __init__(self, options: WebhookOptions, session: aiohttp.ClientSession) -> None:
        self._options = options
        self._session = session

    def check(self, url: str) -> None:
        """InvalidInput for a URL that could never be called; a name is looked up only by a call."""
        if self._options.secret is None:
            raise InvalidInput(
                "webhook: none is called, as reviews.webhook_secret is not set.", param="webhook"
            )
        if len(url) > MOST_URL:
            raise InvalidInput(f"webhook has more than {MOST_URL:,} characters.", param="webhook")
        try:
            self._options.rules.check_url(URL(url))
        except ValueError as error:
            raise InvalidInput(f"webhook: {url!r} is no URL.", param="webhook") from error
        except InvalidInput as error:
            raise InvalidInput(f"webhook: {error.message}", param="webhook") from error

    def secret(self, tenant: TenantId) -> str:
        """The tenant's own, so that no other tenant can sign for it; NotFound without a secret."""
        return f"whsec_{base64.b64encode(self._key(tenant)).decode()}"

    async def tell(self, review: Review, at: datetime) -> Told:
        """Send the decision once."""
        body = json.dumps(told(review)).encode()
        stamp = str(int(at.timestamp()))
        signature = signed(self._key(review.request.tenant), review.id, stamp, body)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": review.id,
            "webhook-timestamp": stamp,
            "webhook-signature": signature,
        }
        outcome, why = await self._post(str(review.request.webhook), body, headers)
        if outcome != "told":
            logger.warning("webhook not told", extra={"review": review.id, "why": why})
        return outcome

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[Told, str]:
        try:
            async with asyncio.timeout(self._options.seconds):
                # A redirect would take the decision to where nobody asked for it.
                async with self._session.post(
                    url, data=body, headers=headers, allow_redirects=False
                ) as response:
                    if response.status in OK:
                        return "told", ""
                    gone = response.status == GONE
                    return "never" if gone else "again", f"it answered {response.status}"
        except InvalidInput as error:
            return "never", error.message
        except TimeoutError:
            return "again", f"no answer within {self._options.seconds:g} s"
        except (aiohttp.ClientError, OSError) as error:
            return "again", f"it cannot be reached ({type(error).__name__})"

    def _key(self, tenant: TenantId) -> bytes:
        if self._options.secret is None:
            raise NotFound("There are no webhooks: reviews.webhook_secret is not set.")
        return hmac.digest(self._options.secret, f"webhooks of {tenant}".encode(), hashlib.sha256)


def signed(key: bytes, id: str, stamp: str, body: bytes) -> str:
    """The signature's header."""
    digest = hmac.digest(key, b".".join((id.encode(), stamp.encode(), body)), hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def told(review: Review) -> Mapping[str, Any]:
    """What a webhook is told: the outcome, without what it was about."""
    decision = review.decision
    decided = review.decided_at
    return {
        "type": "review.decided",
        "timestamp": None if decided is None else decided.isoformat(),
        "data": {
            "id": review.id,
            "kind": review.request.kind,
            "state": review.state,
            "accepted": review.accepted,
            "reason": "" if decision is None else decision.reason,
            "value": review.value if review.accepted else None,
            "trace_id": review.request.trace,
        },
    }


@asynccontextmanager
async def open_webhooks(options: WebhookOptions) -> AsyncGenerator[Webhooks]:
    timeout = aiohttp.ClientTimeout(total=options.seconds)
    async with guarded_session(
        options.rules,
        timeout=timeout,
        headers={"User-Agent": "bedplate"},
        connections=CONNECTIONS,
    ) as session:
        yield Webhooks(options, session)
