"""Every error Bedplate raises on purpose, as one tree.

    BedplateError
    ├── ConfigError              the set-up is wrong; found at start-up
    │   ├── UnknownAdapter       a name that no adapter has
    │   └── MissingExtra         an optional dependency is not installed
    ├── InvalidInput             the caller sent something that cannot be used
    │   ├── BadFilter            a filter that does not parse or fit the schema
    │   ├── ContextOverflow      more than a model takes at once
    │   ├── UnknownParameter     a field that the request does not have
    │   ├── PreviousNotFound     a request goes on from a response that is not stored
    │   ├── Unreadable           a document that cannot be read
    │   └── TooLarge             over a limit
    ├── NotFound
    ├── Conflict
    ├── Blocked                  allowed by its form, stopped by a budget, a limit or a guard
    │   ├── BudgetExceeded
    │   ├── RateLimited
    │   ├── GuardBlocked         a guard found what must not go further
    │   └── PriceUnknown         a budget in dollars concerns a call of unknown price
    ├── Unavailable              not ready, shutting down, or too busy
    │   ├── Busy                 a queue is full
    │   └── GuardFailed          a guard does not work, so that nothing may pass it
    ├── WorkFailed               a step of durable work failed for good
    ├── StorageError             the disk or database refused
    └── UpstreamError            a provider failed
        ├── UpstreamTimeout
        └── UpstreamRateLimited

`code` is stable and meant for programs; the message is for people: what happened, which value,
what to do. `retryable` says whether the same call may succeed later.
"""

from datetime import datetime
from typing import ClassVar

from bedplate.domain.chat import Usage


class BedplateError(Exception):
    code: ClassVar[str] = "internal_error"

    @property
    def retryable(self) -> bool:
        return False

    @property
    def message(self) -> str:
        return str(self)


class ConfigError(BedplateError):
    code = "config_error"


class UnknownAdapter(ConfigError):
    code = "unknown_adapter"


class MissingExtra(ConfigError):
    code = "missing_extra"

    def __init__(self, extra: str, needed_for: str) -> None:
        super().__init__(
            f"{needed_for} needs an optional dependency: pip install 'bedplate[{extra}]'"
        )


class InvalidInput(BedplateError):
    """`param` names the field at fault, where there is one."""

    code = "invalid_input"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class BadFilter(InvalidInput):
    """`position` counts characters from 1 in the expression, where it was written as one."""

    code = "bad_filter"

    def __init__(self, message: str, *, position: int | None = None, param: str = "filter") -> None:
        super().__init__(message, param=param)
        self.position = position


class ContextOverflow(InvalidInput):
    """`tokens` is what the request comes to and `limit` what the model takes; None if not known."""

    code = "context_length_exceeded"

    def __init__(
        self, message: str, *, tokens: int | None = None, limit: int | None = None
    ) -> None:
        super().__init__(message, param="messages")
        self.tokens = tokens
        self.limit = limit


class UnknownParameter(InvalidInput):
    code = "unknown_parameter"


class PreviousNotFound(InvalidInput):
    code = "previous_response_not_found"


class Unreadable(InvalidInput):
    """A document that cannot be read; `reason` is a short stable word, e.g. "encrypted"."""

    code = "unreadable"

    def __init__(self, message: str, *, reason: str = "unreadable") -> None:
        super().__init__(message)
        self.reason = reason


class TooLarge(InvalidInput):
    code = "too_large"


class NotFound(BedplateError):
    code = "not_found"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class Conflict(BedplateError):
    code = "conflict"


class Blocked(BedplateError):
    code = "blocked"


class BudgetExceeded(Blocked):
    """`budget` names it, `left` is what it still allows, in its unit, None where that is not told.

    `renews_at` is the end of its period, None of one without. `retry_after` is in seconds. Where
    calls under way hold what is missing, the same call may succeed once they end.
    """

    code = "budget_exceeded"

    def __init__(
        self,
        message: str,
        *,
        budget: str = "",
        left: int | None = None,
        renews_at: datetime | None = None,
        retry_after: float | None = None,
        held: bool = False,
    ) -> None:
        super().__init__(message)
        self.budget = budget
        self.left = left
        self.renews_at = renews_at
        self.retry_after = retry_after
        self.held = held

    @property
    def retryable(self) -> bool:
        return self.held


class RateLimited(Blocked):
    """`retry_after` is in seconds; None for a call that is too large for the limit at any time."""

    code = "rate_limited"

    def __init__(self, message: str, *, limit: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.limit = limit
        self.retry_after = retry_after

    @property
    def retryable(self) -> bool:
        return self.retry_after is not None


class PriceUnknown(Blocked):
    code = "price_unknown"


class GuardBlocked(Blocked):
    """`guard` is its name, `found` the types of what it found, never the values."""

    code = "guard_blocked"

    def __init__(self, message: str, *, guard: str = "", found: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.guard = guard
        self.found = found


class Unavailable(BedplateError):
    """`retry_after` is when to try again, in seconds, where that is known."""

    code = "unavailable"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after

    @property
    def retryable(self) -> bool:
        return True


class Busy(Unavailable):
    code = "busy"


class GuardFailed(Unavailable):
    code = "guard_failed"


class WorkFailed(BedplateError):
    """`failure` is the code of the error that the step ended with."""

    code = "work_failed"

    def __init__(self, message: str, *, failure: str) -> None:
        super().__init__(message)
        self.failure = failure


class StorageError(BedplateError):
    code = "storage_error"

    @property
    def retryable(self) -> bool:
        return True


class UpstreamError(BedplateError):
    """`status` is the provider's HTTP status and `reason` its own code for what happened, where it
    gave them; `usage` what the failed call used, where that was reported.
    """

    code = "upstream_error"

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        status: int | None = None,
        reason: str | None = None,
        usage: Usage | None = None,
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.status = status
        self.reason = reason
        self.usage = usage

    @property
    def retryable(self) -> bool:
        """Not where the provider refused the request itself: it would refuse it again."""
        return self.status is None or self.status >= 500 or self.status in {408, 425, 429}


class UpstreamTimeout(UpstreamError):
    code = "upstream_timeout"


class UpstreamRateLimited(UpstreamError):
    """`retry_after` is the provider's advice in seconds, where it gave any."""

    code = "upstream_rate_limited"

    def __init__(
        self, message: str, *, provider: str, status: int = 429, retry_after: float | None = None
    ) -> None:
        super().__init__(message, provider=provider, status=status)
        self.retry_after = retry_after
