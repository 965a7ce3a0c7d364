"""A guard that fails lets nothing pass, and says so."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from bedplate.domain.guard import Finding, Injection, Scrubbed, TextKind
from bedplate.errors import BedplateError, GuardFailed
from bedplate.guards.protocol import InjectionGuard, PiiGuard


class FailsClosed:
    """Whatever goes wrong in `guard` is a GuardFailed, so that nothing passes unseen."""

    def __init__(self, guard: PiiGuard, name: str) -> None:
        self._guard = guard
        self._name = name

    def find(self, text: str) -> tuple[Finding, ...]:
        with closing(self._name):
            return self._guard.find(text)

    def scan(self, text: str, start: int) -> list[Finding]:
        with closing(self._name):
            return self._guard.scan(text, start)

    def scrub(self, text: str) -> Scrubbed:
        with closing(self._name):
            return self._guard.scrub(text)


class InjectionFailsClosed:
    """The same of a guard against injections."""

    def __init__(self, guard: InjectionGuard, name: str) -> None:
        self._guard = guard
        self._name = name

    async def check(self, texts: Sequence[str], kind: TextKind) -> list[Injection]:
        with closing(self._name):
            return await self._guard.check(texts, kind)


@contextmanager
def closing(name: str) -> Generator[None]:
    """Errors of a guard's own as one of ours; the message does not repeat what it was given."""
    try:
        yield
    except BedplateError:
        raise
    except Exception as error:
        kind = type(error).__name__
        raise GuardFailed(
            f"{name} failed ({kind}): nothing passes until it works again."
        ) from error
