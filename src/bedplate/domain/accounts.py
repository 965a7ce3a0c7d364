"""Who a piece of work is done for, and so who may see it and who pays."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bedplate.domain.ids import DEFAULT_TENANT, TenantId

if TYPE_CHECKING:
    from bedplate.domain.bills import Bill


@dataclass(frozen=True, slots=True)
class Account:
    """A tenant and, where there are any, its access key, assistant and run, each by its id.

    Budgets and limits are kept for each of them; the narrowest that is exhausted ends the work.
    `user` is the end user that the caller names: no budget is theirs, but what is kept in mind of
    them is.
    On the `bill`, where there is one, every model call made for the account is put as it ends.
    """

    tenant: TenantId = DEFAULT_TENANT
    key: str | None = None
    assistant: str | None = None
    run: str | None = None
    user: str | None = field(default=None, compare=False)
    bill: "Bill | None" = field(default=None, compare=False, repr=False)


LOCAL = Account()
"""Whoever works on this machine while there are no access keys."""
