"""Personal data out of what is kept about the work: the lines of the log, the content of traces."""

from collections.abc import Mapping

from bedplate.domain.ids import TenantId
from bedplate.errors import GuardFailed
from bedplate.guards.policy import Direction, Policy
from bedplate.guards.protocol import PiiGuard

UNREADABLE = "[not shown: guards.pii failed]"


class Redaction:
    """`policy` is everybody's, `tenants` have their own.

    Whatever the mode, a finding is masked, or hashed where that is set: a log or a trace has nobody to
    put pseudonyms back for, and nothing that could be blocked.
    """

    def __init__(self, guard: PiiGuard, policy: Policy, tenants: Mapping[str, Policy]) -> None:
        self._guard = guard
        self._policy = policy
        self._tenants = tenants

    def holds(self, direction: Direction, tenant: TenantId | None = None) -> bool:
        """Whether the policy is about that direction."""
        return direction in self._of(tenant).on

    def _of(self, tenant: TenantId | None) -> Policy:
        return self._tenants.get(tenant, self._policy) if tenant else self._policy

    def __call__(self, text: str, direction: Direction, tenant: TenantId | None = None) -> str:
        """The text as it may be kept; as it is where the policy does not hold for the direction.

        A guard that fails lets nothing pass, and raises nothing: what is told about is not undone.
        """
        policy = self._of(tenant)
        if direction not in policy.on:
            return text
        try:
            findings = self._guard.find(text)
        except GuardFailed:
            return UNREADABLE
        parts: list[str] = []
        position = 0
        for found in findings:
            value = text[found.start : found.end]
            parts += (text[position : found.start], _put(policy, found.type, value))
            position = found.end
        return "".join((*parts, text[position:]))


def _put(policy: Policy, type: str, value: str) -> str:
    mode = policy.of(type, value)
    if mode == "keep":
        return value
    return policy.hash(type, value) if mode == "hash" else f"[{type}]"
