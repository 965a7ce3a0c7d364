"""Whether an assistant's settings can work here, whoever wrote them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from bedplate.assistant_sections import ANSWER, AssistantConfig
from bedplate.rag.checks.settings import check_problem


@dataclass(frozen=True, slots=True)
class House:
    """What there is: models by name, whether each only quotes; stages; tables of memory tools."""

    models: Mapping[str, bool]
    stages: Collection[str]
    memories: Collection[str] = ()


def problem(settings: AssistantConfig, house: House) -> str | None:
    """The first thing that is wrong: the field, its value, and what would be right."""
    models = ", ".join(house.models)
    if settings.model not in house.models:
        return f"model is {settings.model!r}; configured models: {models}."
    summary = settings.memory.summary
    if summary is not None and house.models.get(summary) is not False:
        return f"memory.summary is {summary!r}; it must be a model that follows instructions."
    recall = settings.memory.recall
    if recall is not None and recall not in house.memories:
        known = ", ".join(house.memories) or "none"
        return f"memory.recall is {recall!r}; tables of tools that use memory: {known}."
    if recall is not None and "recall" not in settings.stages:
        return f"memory.recall is {recall!r}, but stages leaves out 'recall'."
    for stage in settings.stages:
        if stage != ANSWER and stage not in house.stages:
            known = ", ".join([*house.stages, ANSWER])
            return f"stages names {stage!r}, which is not there. Known: {known}."
    if settings.check is not None:
        wrong = check_problem(settings.check, settings.model, house.models)
        if wrong is not None:
            return f"check.{wrong}"
    if house.models[settings.model] and (settings.tools or not settings.collections):
        what = "calls no tools" if settings.tools else "answers from collections alone"
        return f"model is {settings.model!r}, a model that quotes: it {what}. Name another model."
    return None
