"""How answers are checked, from the configuration: by the server's own settings or an assistant's."""

from collections.abc import Iterator

from bedplate.check_sections import CheckConfig
from bedplate.config import Config
from bedplate.domain.checks import Check, Contract, Hold
from bedplate.errors import ConfigError, InvalidInput
from bedplate.models import EXTRACTIVE
from bedplate.rag.checks.json_schema import AnswerSchema


def check_of(config: Config, assistant: str | None = None) -> Check:
    """Of an assistant, which may have settings of its own, or of questions without one."""
    own = config.assistants[assistant].check if assistant is not None else None
    return _read(own or config.check)


def checked(config: Config) -> Iterator[tuple[str, str, CheckConfig]]:
    """Every section of checks: its key, the model whose answers it checks, and itself."""
    yield "check", config.ask.model, config.check
    for name, assistant in config.assistants.items():
        if assistant.check is not None:
            yield f"assistants.{name}.check", assistant.model, assistant.check
        else:
            yield "check", assistant.model, config.check


def check_checks(config: Config) -> None:
    """
    Raises:
        ConfigError: a check that its model cannot meet, a grader that is no model that follows
            instructions, or a schema that is none.
    """
    for key, model, section in checked(config):
        quotes = config.models[model].use in EXTRACTIVE
        if section.below == "repair" and quotes:
            raise ConfigError(
                f"{key}.below is 'repair', but {model!r} follows no instructions: choose another "
                "policy or model."
            )
        if section.json_schema is not None:
            if quotes:
                raise ConfigError(
                    f"{key}.json_schema is set, but {model!r} writes no JSON: choose another model."
                )
            _check_schema(key, section)
        if section.grader is not None and not _follows(config, section.grader):
            able = [name for name in config.models if _follows(config, name)]
            raise ConfigError(
                f"{key}.grader is {section.grader!r}; it must be a configured model that follows "
                f"instructions: {', '.join(able) or 'there is none'}."
            )


def wants_sufficiency(config: Config) -> bool:
    """Whether any check asks whether passages suffice."""
    return any(section.sufficiency for _, _, section in checked(config))


def _check_schema(key: str, section: CheckConfig) -> None:
    try:
        AnswerSchema(section.json_schema or {}, param=f"{key}.json_schema")
    except InvalidInput as error:
        raise ConfigError(error.message) from error


def _follows(config: Config, model: str) -> bool:
    return model in config.models and config.models[model].use not in EXTRACTIVE


def _read(section: CheckConfig) -> Check:
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
            schema=section.json_schema,
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
