"""Whose call it is that a program makes by MCP."""

from dataclasses import dataclass

from bedplate.api.mcp_notices import Notices
from bedplate.app import App
from bedplate.domain.accounts import Account


@dataclass(frozen=True, slots=True)
class Call:
    """Whose call it is, until when it is waited for, on the event loop's clock, and what of it is told."""

    app: App
    account: Account
    deadline: float
    notices: Notices
