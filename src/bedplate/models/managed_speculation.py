"""Which mode of speculation a server runs in; for `auto`, by trials while nobody asks it."""

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bedplate.domain.chat import ChatRequest, Usage
from bedplate.errors import BedplateError
from bedplate.models.managed_finding import Finding, Findings
from bedplate.models.managed_options import Draft, ManagedOptions
from bedplate.models.managed_templates import template
from bedplate.models.managed_trial import Mode, Sample, Serve, shown, trial
from bedplate.models.protocol import ChatModel

logger = logging.getLogger(__name__)

LEAST_TOKENS = 8
"""A shorter answer leaves nothing to guess ahead."""

MOST_CHARACTERS = 100_000
TRIAL_SECONDS = 900.0
TRIED_AGAIN_AFTER = 500
"""Requests; what people ask changes."""

LOOKED_BACK = 32
LONGEST_QUIET = 3600.0


@dataclass(frozen=True, slots=True)
class SpeculationStatus:
    """`mode` is what the next start uses; `loaded`: it is `off` for now, for many ask at once."""

    setting: str
    mode: str
    loaded: bool
    prompts: int
    trying: bool
    finding: Finding | None


class Speculation:
    """Fixed, unless the options say `auto`: then off until a trial found that something pays.

    Prompts for trials are the last ones asked. They are kept in memory, for no other use.
    """

    def __init__(self, name: str, options: ManagedOptions, findings: Findings) -> None:
        self._name = name
        self._options = options
        self._findings = findings
        self._of = fingerprint(options)
        self.candidates = candidates(options)
        self.trying = False
        self.running: Mode | None = None
        """That of the server as it was started last."""
        self._samples: deque[Sample] = deque(maxlen=options.speculation_prompts)
        self._at_once: deque[int] = deque(maxlen=LOOKED_BACK)
        self._since = 0
        self._broken_off = 0
        self._trial_mode: Mode | None = None
        found = findings.read().get(name) if self.candidates else None
        self._finding = found if found is not None and found.of == self._of else None

    @property
    def mode(self) -> Mode:
        """What the server is to be started with."""
        if self._trial_mode is not None:
            return self._trial_mode
        setting = self._options.speculation
        if not self.candidates:
            return "off" if setting == "auto" else setting
        return "off" if self._plain_under_load else self._kept

    @property
    def due(self) -> bool:
        """Whether something is to be done once it is quiet."""
        if not self.candidates:
            return False
        return self._trial_due or (self.running is not None and self.running != self.mode)

    @property
    def quiet_seconds(self) -> float:
        """How long nobody must have asked; it grows with trials that were broken off."""
        grown = self._options.speculation_quiet_seconds * 2**self._broken_off
        return min(grown, LONGEST_QUIET)

    def status(self) -> SpeculationStatus:
        setting = self._options.speculation
        return SpeculationStatus(
            setting="auto" if self.candidates else shown(setting),
            mode=shown(self.mode),
            loaded=self._plain_under_load,
            prompts=len(self._samples),
            trying=self.trying,
            finding=self._finding,
        )

    def sent(self, request: ChatRequest, at_once: int) -> ChatRequest:
        """The request as the server gets it; `at_once` are under way, this one included."""
        if not self.candidates:
            return request
        self._at_once.append(at_once)
        plain = template(self._options).plain
        if self.running == "off" or at_once <= self._options.speculation_requests or not plain:
            return request
        return replace(request, extra={**plain, **request.extra})

    def answered(self, request: ChatRequest, usage: Usage) -> None:
        if not self.candidates:
            return
        self._since += 1
        length = sum(len(message.content) for message in request.messages)
        if usage.output_tokens >= LEAST_TOKENS and length <= MOST_CHARACTERS:
            self._samples.append(Sample(request, usage.output_tokens))

    async def settle(self, serve: Serve) -> None:
        """Does what is due, and leaves the server running in `mode`; may be cancelled.

        After a trial that failed the server is left as it is: it may have made way for another.
        """
        if self._trial_due and not await self._try(serve):
            return
        if self.running != self.mode:
            await serve(self.mode)

    async def _try(self, serve: Serve) -> bool:
        async def serve_mode(mode: Mode) -> ChatModel:
            self._trial_mode = mode
            return await serve(mode)

        self.trying, done = True, False
        try:
            async with asyncio.timeout(TRIAL_SECONDS):
                found = await trial(self._of, tuple(self._samples), self.candidates, serve_mode)
            done = True
            self._finding, self._since = found, 0
            await asyncio.to_thread(self._findings.write, self._name, found)
            logger.info("speculation tried", extra={"model": self._name, **_told(found)})
        except (BedplateError, TimeoutError, OSError) as error:
            logger.warning("speculation not tried", extra={"model": self._name, "what": str(error)})
        finally:
            self._broken_off = 0 if done else self._broken_off + 1
            self.trying, self._trial_mode = False, None
        return done

    @property
    def _trial_due(self) -> bool:
        enough = len(self._samples) == self._options.speculation_prompts
        return enough and (self._finding is None or self._since >= TRIED_AGAIN_AFTER)

    @property
    def _kept(self) -> Mode:
        kept = self._finding.kept if self._finding is not None else "off"
        return next((mode for mode in self.candidates if shown(mode) == kept), "off")

    @property
    def _plain_under_load(self) -> bool:
        if template(self._options).one_at_a_time or len(self._at_once) < LOOKED_BACK:
            return False
        return sum(self._at_once) / LOOKED_BACK > self._options.speculation_requests


def candidates(options: ManagedOptions) -> Sequence[Mode]:
    """What `auto` may choose besides `off`; empty where it is not set."""
    match options.speculation:
        case "auto":
            return ("ngram",)
        case Draft(auto=True) as draft:
            return ("ngram", draft.model_copy(update={"auto": False}))
        case _:
            return ()


def fingerprint(options: ManagedOptions) -> str:
    """Of what a finding holds for: the same model, served in the same way."""
    named = options.model_dump_json(
        include={"model", "server", "program", "args", "context_size", "gpu", "speculation"}
    )
    return hashlib.sha256(named.encode()).hexdigest()[:16]


def _told(found: Finding) -> dict[str, object]:
    gains = {each.mode: round(each.gain, 3) for each in found.tried}
    return {"kept": found.kept, "gains": gains, "spread": round(found.spread, 3)}
