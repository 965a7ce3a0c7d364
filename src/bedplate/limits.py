"""The ledger as the configuration places it, with the limits that it declares."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager

from bedplate.config import Config
from bedplate.domain.budgets import EACH, EVERYONE, MEASURES, Kind, Limit, Subject
from bedplate.domain.ids import TenantId
from bedplate.domain.money import to_micro
from bedplate.errors import ConfigError, InvalidInput, NotFound
from bedplate.ledger import LEDGERS
from bedplate.ledger.protocol import Ledger, LedgerOptions
from bedplate.ledger.subjects import check_subject
from bedplate.sections import LimitsConfig
from bedplate.spelling import did_you_mean

LEDGER_FILE = "ledger.db"


def open_ledger(config: Config) -> AbstractAsyncContextManager[Ledger]:
    """The ledger beside the catalog: a file in the data folder, or tables in its database.

    Raises:
        ConfigError: a declared limit of an assistant or model that is not configured.
    """
    database = config.data.database
    options = LedgerOptions(
        place=config.data.dir / LEDGER_FILE if database is None else database.get_secret_value(),
        declared=tuple(declared(config)),
        unknown_price=config.budgets.unknown_price,
        keep_days=config.budgets.keep_days,
    )
    return LEDGERS.load("sqlite" if database is None else "postgres")(options)


def declared(config: Config) -> Iterator[Limit]:
    """The limits of `[budgets]`."""
    settings = config.budgets
    tables: tuple[tuple[Kind, str, Mapping[str, LimitsConfig]], ...] = (
        ("tenant", "tenants", settings.tenants),
        ("key", "keys", settings.keys),
        ("assistant", "assistants", settings.assistants),
        ("run", "runs", settings.runs),
        ("model", "models", settings.models),
    )
    known: Mapping[Kind, Mapping[str, object]] = {
        "assistant": config.assistants,
        "model": config.models,
    }
    for kind, table, named in tables:
        for name, limits in named.items():
            key = f"budgets.{table}.{name}"
            if kind in known and name != EACH and name not in known[kind]:
                raise ConfigError(
                    f"{key}: there is no {kind} {name!r}.{did_you_mean(name, known[kind])} "
                    f"Configured: {', '.join(known[kind]) or 'none'}."
                )
            subject = subject_of(kind, name)
            try:
                check_subject(subject)
            except InvalidInput as error:
                raise ConfigError(f"{key}: {error.message}") from error
            yield from _limits(subject, limits)


def check_known(kind: Kind, name: str, config: Config) -> None:
    """NotFound for a model that is not configured: its limit would bound nothing.

    Keys, runs and assistants come and go, so a limit may be there before them.
    """
    if kind == "model" and name != EACH and name not in config.models:
        hint = did_you_mean(name, config.models)
        raise NotFound(f"There is no model {name!r}.{hint} Configured: {', '.join(config.models)}.")


def subject_of(kind: Kind, name: str) -> Subject:
    """As operators name it: a tenant's own is in that tenant, all else over all tenants."""
    own = kind == "tenant" and name != EACH
    return Subject(kind, name, TenantId(name) if own else EVERYONE)


def _limits(subject: Subject, limits: LimitsConfig) -> Iterator[Limit]:
    for name, measure in MEASURES.items():
        value = getattr(limits, name)
        if value is not None:
            amount = to_micro(value) if measure.unit == "usd" else value
            yield Limit(subject, measure, amount, declared=True)
