"""A model as others are made of it: what it answers is in its own budgets too."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from bedplate.chat.accounting import Accounting, Asked
from bedplate.domain.chat import ChatEvent, ChatRequest
from bedplate.ledger.protocol import Ledger
from bedplate.models.protocol import Bound, MeteredModel


class Budgeted:
    """Holds its calls to the limits of the model `name`, and to no others.

    Those of tenant, key, assistant, run and of the model that was asked for were reserved for the
    whole call before it came here.
    """

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
        """Blocked where a limit of this model does not allow the call, before it is asked."""
        call = Accounting(self._ledger, Asked(self._name, self.inner, request), part=True)
        async with call, aclosing(self.inner.stream(call.request)) as events:
            async for event in events:
                await call.saw(event)
                yield event
