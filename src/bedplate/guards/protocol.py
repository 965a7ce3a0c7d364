"""What a guard is: text in, findings out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from bedplate.domain.accounts import LOCAL, Account
from bedplate.domain.chat import ChatEvent, ChatRequest, Passage
from bedplate.domain.guard import Action, Finding, Injection, Reason, Scrubbed, TextKind
from bedplate.guards.spans import Finder, Scan
from bedplate.models.protocol import ChatModel


class PiiGuard(Protocol):
    """Finds personal data. Pure, and linear in the text."""

    @property
    def slow(self) -> bool:
        """Whether a page takes more than a few milliseconds, so that threads must do it."""
        ...

    @property
    def shaped(self) -> "PiiGuard":
        """The part of it that is quick, and looks for what has a shape; itself where that is all."""
        ...

    def find(self, text: str) -> tuple[Finding, ...]:
        """Findings that do not overlap, in order."""
        ...

    def scan(self, text: str, start: int) -> list[Finding]:
        """Those of one block (guards/blocks.py), which begins at `start`; what is before tells what
        it is. Of a guard that reads more than blocks only what it finds there.
        """
        ...

    def finder(self, scan: Scan, before: str = "") -> Finder:
        """One for a text that comes in pieces, folded (guards/pii.py). `find` is this over the whole,
        so that a text that streams is found alike. `scan` is the guard's own, or one that also finds
        something else; `before` was said ahead of the text.
        """
        ...

    def scrub(self, text: str) -> Scrubbed:
        """The text with each finding replaced by its type in brackets, e.g. "[EMAIL]"."""
        ...


class DocumentGuard(Protocol):
    """Says what in a text speaks against putting its document into an index."""

    def reasons(self, text: str) -> Counter[str]:
        """How often each reason was found; empty where nothing speaks against it."""
        ...


class PassageGuard(Protocol):
    """Looks at what was retrieved before a model is shown it."""

    async def cleaned(self, passages: Sequence[Passage], account: Account = LOCAL) -> list[Passage]:
        """Those that may be shown, by their former numbers, without what must not be. `account` pays
        for a judge that is asked.
        """
        ...


class InjectionGuard(Protocol):
    """Tells orders to a model from what a text may say. Linear in the texts."""

    async def check(
        self, texts: Sequence[str], kind: TextKind, account: Account = LOCAL
    ) -> list[Injection]:
        """One verdict a text. `account` pays for a judge that is asked."""
        ...


class InjectionModel(Protocol):
    """A trained scorer beside the rules, or one that is asked where they are in doubt."""

    async def score(
        self, texts: Sequence[str], kind: TextKind, account: Account = LOCAL
    ) -> Sequence[Sequence[Reason]]:
        """Where each text looks like an injection and how likely, strongest first, at least one; a
        text is flagged from 0.5 on. Texts of any length. `account` pays for one that costs money.
        """
        ...


class LocalInjectionModel(InjectionModel, Protocol):
    """One that runs here, and may be asked by a thread that waits."""

    def look(self, texts: Sequence[str], kind: TextKind) -> Sequence[Sequence[Reason]]:
        """As `score`."""
        ...


class GuardedCall(Protocol):
    """One model call from its request to its end."""

    @property
    def request(self) -> ChatRequest:
        """What the model may see."""
        ...

    @property
    def stopped(self) -> str | None:
        """Why the answer ends here; None as long as it goes on."""
        ...

    @property
    def slow(self) -> bool:
        """Whether `take` may be more than a moment's work, so that a thread must do it."""
        ...

    def passes(self, text: str) -> bool:
        """Whether `text`, as the whole text of the answer, leaves as it is; False too where that is
        not told at a glance. Nothing was taken before, and it is not taken after.
        """
        ...

    def take(self, event: ChatEvent) -> Sequence[ChatEvent]:
        """What may leave now that this has come, in order; with the last event all that was held."""
        ...

    def take_text(self, text: str) -> str | None:
        """As `take` of a piece of text where nothing but text can leave for it, which is most of a
        stream; None, and nothing is taken, where `take` must be asked.
        """
        ...


class CallGuard(Protocol):
    """Stands around every model call."""

    async def open(self, model: str, request: ChatRequest) -> GuardedCall:
        """`model` is the configured name.

        Raises:
            GuardBlocked: the request holds what must not reach a model.
            InvalidInput: it asks for something that cannot be guarded.
        """
        ...


class OpenPiiGuard(Protocol):
    def __call__(self, options: Mapping[str, Any]) -> AbstractAsyncContextManager[PiiGuard]: ...


@dataclass(frozen=True, slots=True)
class Judge:
    """A model that is asked about texts with a score from `above` to less than `below`. Its own
    score takes the place of theirs.
    """

    model: InjectionModel
    above: float = 0.2
    below: float = 0.9


class OpenInjectionModel(Protocol):
    def __call__(
        self, options: Mapping[str, Any]
    ) -> AbstractAsyncContextManager[LocalInjectionModel]: ...


class OpenInjectionJudge(Protocol):
    """`chat` is the language model that is asked."""

    def __call__(
        self, options: Mapping[str, Any], *, chat: ChatModel
    ) -> AbstractAsyncContextManager[InjectionModel]: ...


class OpenInjectionGuard(Protocol):
    def __call__(
        self,
        options: Mapping[str, Any],
        *,
        actions: Mapping[TextKind, Action],
        model: InjectionModel | None = None,
        judge: Judge | None = None,
    ) -> AbstractAsyncContextManager[InjectionGuard]: ...


class OpenDocumentGuard(Protocol):
    """`model` is the one that runs here beside the rules of `guards.injection`, if any."""

    def __call__(
        self, options: Mapping[str, Any], *, model: LocalInjectionModel | None = None
    ) -> AbstractAsyncContextManager[DocumentGuard]: ...
