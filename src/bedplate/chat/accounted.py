"""A model that is asked beside turns: its calls are held to budgets and counted all the same."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from bedplate.chat.accounting import Accounting, Asked
from bedplate.domain.chat import ChatEvent, ChatRequest
from bedplate.ledger.protocol import Ledger
from bedplate.models.protocol import Bound, MeteredModel


class Accounted:
    """`name` is the configured one. Requests have deadlines and name who pays."""

    def __init__(self, name: str, model: MeteredModel, ledger: Ledger) -> None:
        self.inner = model
        self._name = name
        self._ledger = ledger

    @property
    def name(self) -> str:
        return self.inner.name

    def bound(self, request: ChatRequest) -> Bound:
        return self.inner.bound(request)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        """Blocked where a budget or rate does not allow the call, before the model is asked."""
        call = Accounting(self._ledger, Asked(self._name, self.inner, request))
        async with call, aclosing(self.inner.stream(call.request)) as events:
            async for event in events:
                await call.saw(event)
                yield event
