"""Every guard that the configuration sets, opened, each in the form that its flow meets it in."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from bedplate.chat.accounted import Accounted
from bedplate.config import Config
from bedplate.domain.accounts import LOCAL, Account
from bedplate.domain.guard import TextKind
from bedplate.embedders.protocol import Embedder
from bedplate.errors import ConfigError, GuardFailed
from bedplate.guard_sections import (
    InjectionJudgeSlot,
    InjectionSlot,
    PiiPolicyConfig,
    PiiReading,
    PiiSlot,
)
from bedplate.guards import (
    DOCUMENT_GUARDS,
    INJECTION_GUARDS,
    INJECTION_JUDGES,
    INJECTION_MODELS,
    PII_GUARDS,
)
from bedplate.guards.answer_terms import AnswerTerms
from bedplate.guards.calls import PiiCalls
from bedplate.guards.closed import FailsClosed, InjectionFailsClosed
from bedplate.guards.injection_calls import Chained, InjectionCalls, InjectionPassages
from bedplate.guards.policy import Kept, Mode, Policy
from bedplate.guards.protocol import (
    CallGuard,
    DocumentGuard,
    InjectionGuard,
    PassageGuard,
    PiiGuard,
)
from bedplate.guards.protocol import (
    Judge as InjectionJudge,
)
from bedplate.guards.redaction import Redaction
from bedplate.guards.report import Report, reports
from bedplate.judges.protocol import Case, Judge
from bedplate.judging import open_judge
from bedplate.ledger.protocol import Ledger
from bedplate.models.protocol import MeteredModel
from bedplate.slots import open_optional, open_slot
from bedplate.telemetry.redacting import redacted_by


@dataclass(frozen=True, slots=True)
class Safeguards:
    """`finding` finds all personal data, `pii` what of it must not be in documents; None of either
    where it is switched off. `calls` stands around models, `passages` before what they are shown,
    `documents` before the index.
    """

    finding: PiiGuard | None
    pii: PiiGuard | None
    injection: InjectionGuard
    grounding: Judge
    calls: CallGuard | None
    passages: PassageGuard | None
    documents: tuple[DocumentGuard, ...]
    policy: Policy = field(default_factory=Policy)
    redact: Redaction | None = None
    """What takes personal data out of what is kept about the work; None where none is looked for."""
    in_traces: Redaction | None = None
    """The same by all that is found, names too: traces are redacted in threads."""

    async def reports(
        self, texts: Sequence[str], kind: TextKind, account: Account = LOCAL
    ) -> list[Report]:
        """What the guards find in texts of one kind, whatever they are set to do about it."""
        verdicts = await self.injection.check(texts, kind, account)
        return await asyncio.to_thread(reports, texts, verdicts, self.finding, self.policy)

    async def check(self) -> None:
        """Exercise each once; GuardFailed for one that does not work."""
        if self.finding is not None:
            await asyncio.to_thread(self.finding.find, "Ann Lee of Oslo writes to ann@example.com.")
        # As harmless as can be: what a scanner is unsure of would go on to a judge that costs.
        await self.injection.check(["How long do refunds take?"], "user")
        grounded = await self.grounding.check(Case("Ready?", ()), "All is ready.")
        if grounded.verdict == "failed":
            raise GuardFailed(f"guards.groundedness: {grounded.reason}")


@asynccontextmanager
async def open_safeguards(
    config: Config,
    models: Mapping[str, MeteredModel] | None = None,
    embedder: Embedder | None = None,
    ledger: Ledger | None = None,
) -> AsyncGenerator[Safeguards]:
    """`models` are the configured ones, of which judges may be some; `embedder` is the one that searches.
    In `ledger` is put what it costs to ask judges.

    Raises:
        ConfigError: an adapter that does not exist, options that it does not take, a model that is
            not there or is another file than it should be, a judge that is no configured model.
    """
    guards = config.guards
    asked = _paid(models or {}, ledger)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        opened = await enter(open_optional("guards.pii", guards.pii or None, PII_GUARDS.load))
        finding = opened and FailsClosed(opened, "guards.pii")
        model = await enter(
            open_optional(
                "guards.injection.model", guards.injection.model or None, INJECTION_MODELS.load
            )
        )
        scanner = await enter(
            open_slot(
                "guards.injection",
                guards.injection,
                INJECTION_GUARDS.load,
                actions=actions(guards.injection),
                model=model,
                judge=await enter(_judge(guards.injection.judge, asked)),
            )
        )
        injection = InjectionFailsClosed(scanner, "guards.injection")
        redact = _redaction(guards.pii, finding) if guards.pii and finding else None
        if redact is not None and redact.holds("logs"):
            stack.enter_context(redacted_by(partial(redact, direction="logs")))
        yield Safeguards(
            finding=finding,
            pii=_for_documents(guards.pii, finding) if guards.pii and finding else None,
            injection=injection,
            grounding=await enter(open_judge(config, asked, embedder)),
            calls=_around_calls(config, finding, injection),
            passages=InjectionPassages(injection) if "document" in guards.injection.on else None,
            policy=pii_policy(guards.pii) if guards.pii else Policy(),
            redact=redact,
            in_traces=_in_traces(guards.pii, finding) if guards.pii and finding else None,
            documents=tuple(
                [
                    await enter(DOCUMENT_GUARDS.load(name)(options, model=model))
                    for name, options in document_guards(config).items()
                ]
            ),
        )


def _paid(models: Mapping[str, MeteredModel], ledger: Ledger | None) -> Mapping[str, MeteredModel]:
    """What judges is no turn; it is held to budgets and counted all the same."""
    if ledger is None:
        return models
    return {name: Accounted(name, model, ledger) for name, model in models.items()}


@asynccontextmanager
async def _judge(
    slot: InjectionJudgeSlot | None, models: Mapping[str, MeteredModel]
) -> AsyncGenerator[InjectionJudge | None]:
    if slot is None:
        yield None
        return
    chat = models.get(slot.model)
    if chat is None:
        known = ", ".join(sorted(models)) or "none"
        raise ConfigError(
            f"guards.injection.judge.model is {slot.model!r}, which is none of [models]: {known}."
        )
    async with open_slot(
        "guards.injection.judge", slot, INJECTION_JUDGES.load, chat=chat
    ) as opened:
        yield InjectionJudge(opened, slot.above, slot.below)


def document_guards(config: Config) -> dict[str, Mapping[str, Any]]:
    """The guards that say which documents are held in quarantine, by name, with their options."""
    chosen: dict[str, Mapping[str, Any]] = {}
    if config.ingest.secrets == "quarantine":
        chosen["secrets"] = {}
    injection = config.guards.injection
    if "document" in injection.on and actions(injection)["document"] == "block":
        chosen["injection"] = injection.options
    return chosen


def actions(slot: InjectionSlot) -> Mapping[TextKind, Any]:
    """What becomes of an injection, by the kind of text."""
    kinds: tuple[TextKind, ...] = ("user", "document", "tool")
    return {kind: slot.actions.get(kind, slot.action) for kind in kinds}


def redaction(slot: PiiSlot | Literal[False]) -> object:
    """What of the settings shapes the text of a document; an empty one where nothing is replaced."""
    if not slot or "ingest" not in slot.on:
        return ()
    kept = sorted(type for type, mode in _modes(slot).items() if mode == "keep")
    read = "ingest" in slot.names
    return (slot.use, slot.options, read, slot.mode == "keep", kept, slot.allow)


def _for_documents(slot: PiiSlot, finding: PiiGuard) -> PiiGuard | None:
    policy = pii_policy(slot)
    return Kept(_reading(slot, finding, "ingest"), policy) if "ingest" in policy.on else None


def _reading(slot: PiiSlot, finding: PiiGuard, direction: PiiReading) -> PiiGuard:
    """The guard as it looks at one direction."""
    return finding if direction in slot.names else finding.shaped


def _redaction(slot: PiiSlot, finding: PiiGuard) -> Redaction:
    """Lines of a log are told on the event loop, and are no prose."""
    return Redaction(finding.shaped, pii_policy(slot), _of_tenants(slot))


def _in_traces(slot: PiiSlot, finding: PiiGuard) -> Redaction:
    return Redaction(finding, pii_policy(slot), _of_tenants(slot))


def _of_tenants(slot: PiiSlot) -> dict[str, Policy]:
    return {name: pii_policy(slot, own) for name, own in slot.tenants.items()}


def _around_calls(
    config: Config, finding: PiiGuard | None, injection: InjectionGuard
) -> CallGuard | None:
    """Orders are looked for before values are replaced; None where models are asked as they are."""
    chain: list[CallGuard] = []
    answers = config.guards.answers
    if answers.terms or answers.instruction_words:
        # The first to see a request is the last to see the answer, with its values put back.
        block = answers.action == "block"
        chain.append(AnswerTerms(answers.terms, answers.instruction_words, block=block))
    kinds = frozenset(config.guards.injection.on) & {"user", "tool"}
    if kinds:
        chain.append(InjectionCalls(injection, kinds))
    slot = config.guards.pii
    if slot and finding is not None:
        policy = pii_policy(slot)
        tenants = _of_tenants(slot)
        if any(each.on & {"input", "output"} for each in (policy, *tenants.values())):
            asked, answered = (_reading(slot, finding, each) for each in ("input", "output"))
            chain.append(PiiCalls(asked, answered, policy, tenants))
    return Chained(chain) if chain else None


def pii_policy(slot: PiiSlot, own: PiiPolicyConfig | None = None) -> Policy:
    """What the guard against personal data is to do, for a tenant with settings of its own or all."""
    own = own or PiiPolicyConfig()
    return Policy(
        on=frozenset(slot.on if own.on is None else own.on),
        mode=own.mode or slot.mode,
        modes=_modes(slot, own),
        allow=frozenset(v.casefold() for v in (slot.allow if own.allow is None else own.allow)),
        key=slot.hash_key.get_secret_value().encode() if slot.hash_key else b"",
    )


def _modes(slot: PiiSlot, own: PiiPolicyConfig | None = None) -> dict[str, Mode]:
    kept: dict[str, Mode] = dict.fromkeys(slot.keep, "keep")
    return {**kept, **slot.modes, **((own and own.modes) or {})}
