"""A request through the stages of its assistant, each a span of the trace."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace

from bedplate.assistant_sections import ANSWER
from bedplate.assistants.answering import Answering, Ended, done
from bedplate.assistants.protocol import AssistantEvent, Stage, Work
from bedplate.assistants.rounds import Fit
from bedplate.domain.answers import Retrieved
from bedplate.domain.bills import Bill
from bedplate.domain.chat import Finished, ReasoningDelta, TextDelta, ToolCallDelta, Usage
from bedplate.evaluation.protocol import WatchAnswers
from bedplate.rag.told import asking, told, watched
from bedplate.telemetry.conventions import AGENT_VERSION
from bedplate.telemetry.trace import Span, span


class Pipeline:
    def __init__(
        self,
        stages: Mapping[str, Stage],
        answering: Answering,
        watch: WatchAnswers | None = None,
    ) -> None:
        """`stages` are those that assistants may name, opened once; `watch` is told of answers as they
        leave.
        """
        self._watch = watch
        self._stages = stages
        self._answering = answering

    async def stream(self, work: Work, fit: Fit) -> AsyncGenerator[AssistantEvent]:
        """Text as it is final, then Done. Where a stage after the answer may change the text, it
        leaves whole, once that stage has seen it.

        Raises:
            Blocked: a guard, or a budget, the assistant's own among them.
            InvalidInput, NotFound, Unavailable, UpstreamError: of stages and models.
        """
        bill = Bill()
        loop = asyncio.get_running_loop()
        latest = loop.time() + work.settings.budget.seconds
        deadline = min(work.request.deadline or latest, latest)
        account = replace(work.account, bill=bill)
        work = replace(
            work,
            request=replace(work.request, account=account, deadline=deadline),
            asking=replace(work.asking, account=account, deadline=deadline),
        )
        with asking(work.question, work.model, account) as step:
            step.set(AGENT_VERSION, work.assistant.version)
            async with aclosing(self._told(work, fit, step)) as events:
                async for event in events:
                    yield event

    async def _told(self, work: Work, fit: Fit, step: Span) -> AsyncGenerator[AssistantEvent]:
        names = work.settings.stages
        at = names.index(ANSWER)
        for name in names[:at]:
            work = await self._staged(name, work)
        if work.tell_retrieved and work.gathered is not None:
            gathered = work.gathered
            yield Retrieved(gathered.rewritten.text, tuple(gathered.found.hits))
        after = names[at + 1 :]
        end = Finished("stop", Usage(), work.model)
        if work.answer is not None:
            held, after = True, ()
        else:
            held = any(self._stages[name].holds(work) for name in after)
            async with aclosing(self._answered(work, fit)) as events:
                async for event in events:
                    if isinstance(event, Ended):
                        work, end = event.work, event.end
                    elif not (held and isinstance(event, TextDelta)):
                        yield event
        for name in after:
            work = await self._staged(name, work)
        last = done(work, end)
        if held and last.answer.text:
            # Whoever asked for JSON learns by the wire's own word that this is none.
            refuses = last.answer.refused and work.schema is not None
            yield TextDelta(last.answer.text, refusal=refuses)
        watched(self._watch, work.asking, work.passages, last.answer)
        told(step, last.answer)
        yield last

    async def _answered(
        self, work: Work, fit: Fit
    ) -> AsyncGenerator[TextDelta | ReasoningDelta | ToolCallDelta | Ended]:
        with span("stage answer"):
            async with aclosing(self._answering.stream(work, fit)) as events:
                async for event in events:
                    yield event

    async def _staged(self, name: str, work: Work) -> Work:
        if work.answer is not None and name not in self._stages:
            return work
        with span(f"stage {name}"):
            return await self._stages[name].run(work)
