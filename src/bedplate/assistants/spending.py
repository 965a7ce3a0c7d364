"""What one request may still use of its assistant's budget."""

from decimal import Decimal

from bedplate.assistant_sections import RunBudgetConfig
from bedplate.domain.accounts import Account
from bedplate.domain.chat import ChatRequest
from bedplate.errors import BudgetExceeded
from bedplate.models.tokens import request_tokens


class Spending:
    """Looked at before each model call and before each round of tools.

    Tokens and dollars are those on the account's bill, so calls that rewrote the question count.
    """

    def __init__(self, assistant: str, budget: RunBudgetConfig, account: Account) -> None:
        self._assistant = assistant
        self._budget = budget
        self._bill = account.bill
        self.rounds = 0
        self.tool_calls = 0

    @property
    def last_round(self) -> bool:
        """Whether the model must answer now: after this call there is none."""
        budget = self._budget
        return (
            self.rounds + 1 >= min(budget.steps, budget.model_calls)
            or self.tool_calls >= budget.tool_calls
        )

    def begin(self, request: ChatRequest) -> None:
        """One more model call; BudgetExceeded where the budget does not allow it."""
        budget = self._budget
        for name, limit in (("steps", budget.steps), ("model_calls", budget.model_calls)):
            if self.rounds >= limit:
                raise self._exceeded(name, limit)
        self.rounds += 1
        if self._bill is None:
            return
        usage = self._bill.usage
        if usage.total_tokens + request_tokens(request) > budget.tokens:
            raise self._exceeded("tokens", budget.tokens)
        if usage.cost_usd is not None and usage.cost_usd >= Decimal(str(budget.usd)):
            raise self._exceeded("usd", budget.usd)

    def take(self, calls: int) -> int:
        """How many of so many calls of tools may be made."""
        allowed = min(calls, self._budget.tool_calls - self.tool_calls)
        self.tool_calls += allowed
        return allowed

    def _exceeded(self, name: str, limit: float) -> BudgetExceeded:
        return BudgetExceeded(
            f"assistants.{self._assistant}.budget.{name} is {limit:g}, and this request would need "
            "more: ask for less, or raise it.",
            budget=f"assistants.{self._assistant}.budget.{name}",
        )
