"""Checks as the configuration has them, and what of it cannot work."""

from collections.abc import Mapping

from bedplate.check_sections import CheckConfig
from bedplate.domain.checks import Check, Contract, Hold


def read_check(section: CheckConfig) -> Check:
    return Check(
        below=section.below,
        then=section.then,
        tries=section.tries,
        release=section.released,
        seconds=section.seconds,
        contract=Contract(
            citations=section.citations,
            language=section.language,
            least_words=section.least_words,
            most_words=section.most_words,
            terms=section.terms,
            tone=section.tone,
            topics=section.topics,
            relevance=section.relevance,
        ),
        grader=section.grader,
        sufficiency=section.sufficiency,
        short=section.short,
        conflicts=section.conflicts,
        hold=Hold(
            wait=section.wait_seconds,
            seconds=section.review_seconds,
            priority=section.review_priority,
            default=section.review_default,
            webhook=section.review_webhook,
        ),
    )


def check_problem(section: CheckConfig, model: str, quotes: Mapping[str, bool]) -> str | None:
    """The first thing that cannot work: the field, its value, and what would be right. `quotes` are
    the configured models by name, and whether each only quotes.
    """
    if section.below == "repair" and quotes.get(model):
        return (
            f"below is 'repair', but {model!r} follows no instructions: choose another policy or "
            "model."
        )
    if section.grader is not None and quotes.get(section.grader) is not False:
        able = ", ".join(name for name, only in quotes.items() if not only) or "there is none"
        return (
            f"grader is {section.grader!r}; it must be a configured model that follows "
            f"instructions: {able}."
        )
    return None
