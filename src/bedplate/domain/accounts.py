"""Who a piece of work is done for, and so who may see it and who pays."""

from dataclasses import dataclass

from bedplate.domain.ids import DEFAULT_TENANT, TenantId


@dataclass(frozen=True, slots=True)
class Account:
    """A tenant and, where there are any, its access key, assistant and run, each by its id.

    Budgets and limits are kept for each of them; the narrowest that is exhausted ends the work.
    """

    tenant: TenantId = DEFAULT_TENANT
    key: str | None = None
    assistant: str | None = None
    run: str | None = None


LOCAL = Account()
"""Whoever works on this machine while there are no access keys."""
