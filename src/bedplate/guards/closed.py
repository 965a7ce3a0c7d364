"""A guard that fails lets nothing pass, and says so."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from bedplate.domain.accounts import LOCAL, Account
from bedplate.domain.guard import Finding, Injection, Scrubbed, TextKind
from bedplate.errors import BedplateError, GuardFailed
from bedplate.guards.protocol import InjectionGuard, PiiGuard
from bedplate.guards.spans import Finder, Scan


class FailsClosed:
    """Whatever goes wrong in `guard` is a GuardFailed, so that nothing passes unseen."""

    def __init__(self, guard: PiiGuard, name: str) -> None:
        self._guard = guard
        self._name = name

    @property
    def slow(self) -> bool:
        return self._guard.slow

    @property
    def shaped(self) -> PiiGuard:
        return FailsClosed(self._guard.shaped, self._name)

    def find(self, text: str) -> tuple[Finding, ...]:
        # Without a context manager: this is done for each message of a request.
        try:
            return self._guard.find(text)
        except BedplateError:
            raise
        except Exception as error:
            raise _failed(self._name, error) from error

    def scan(self, text: str, start: int) -> list[Finding]:
        with closing(self._name):
            return self._guard.scan(text, start)

    def finder(self, scan: Scan, before: str = "") -> Finder:
        with closing(self._name):
            return _FinderFailsClosed(self._guard.finder(scan, before), self._name)

    def scrub(self, text: str) -> Scrubbed:
        with closing(self._name):
            return self._guard.scrub(text)


class _FinderFailsClosed:
    def __init__(self, finder: Finder, name: str) -> None:
        self._finder = finder
        self._name = name
        self.settled = finder.settled

    def push(self, text: str) -> list[Finding]:
        # Without a context manager: this is done for each piece of a stream.
        try:
            found = self._finder.push(text)
            self.settled = self._finder.settled
        except BedplateError:
            raise
        except Exception as error:
            raise _failed(self._name, error) from error
        return found

    def finish(self) -> list[Finding]:
        with closing(self._name):
            found = self._finder.finish()
            self.settled = self._finder.settled
            return found


class InjectionFailsClosed:
    """The same of a guard against injections."""

    def __init__(self, guard: InjectionGuard, name: str) -> None:
        self._guard = guard
        self._name = name

    async def check(
        self, texts: Sequence[str], kind: TextKind, account: Account = LOCAL
    ) -> list[Injection]:
        with closing(self._name):
            return await self._guard.check(texts, kind, account)


@contextmanager
def closing(name: str) -> Generator[None]:
    """Errors of a guard's own as one of ours; the message does not repeat what it was given."""
    try:
        yield
    except BedplateError:
        raise
    except Exception as error:
        raise _failed(name, error) from error


def _failed(name: str, error: Exception) -> GuardFailed:
    kind = type(error).__name__
    return GuardFailed(f"{name} failed ({kind}): nothing passes until it works again.")
