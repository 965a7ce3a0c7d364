"""Adapters by kind and name.

A kind's package declares its table once: name -> "module:factory". The strings keep start-up
lazy. Others publish the same factory under the entry-point group `bedplate.<kind>`; they cannot
shadow a built-in name.
"""

import importlib
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from typing import Generic, TypeVar, cast

from bedplate.errors import MissingExtra, UnknownAdapter
from bedplate.spelling import did_you_mean

F = TypeVar("F")


def unknown(kind: str, name: str, known: Iterable[str]) -> UnknownAdapter:
    """For a name that no adapter of that kind has, with the nearest that one has."""
    names = tuple(known)
    hint = did_you_mean(name, names)
    return UnknownAdapter(f"There is no {kind} adapter {name!r}.{hint} Known: {', '.join(names)}.")


class Registry(Generic[F]):
    """The factories of one kind. `F` is the factory's type, from the kind's protocol."""

    def __init__(
        self, kind: str, table: Mapping[str, str], extras: Mapping[str, str] | None = None
    ) -> None:
        """`extras` names the optional dependency set that an adapter needs, by adapter name."""
        self.kind = kind
        self._table = dict(table)
        self._extras = dict(extras or {})

    def names(self) -> tuple[str, ...]:
        """Every usable name, built-in ones first."""
        return (*self._table, *sorted(self._published().keys() - self._table.keys()))

    def load(self, name: str) -> F:
        """The factory called `name`; UnknownAdapter with the nearest name, or MissingExtra."""
        target = self._table.get(name) or self._published().get(name)
        if target is None:
            raise unknown(self.kind, name, self.names())
        module, _, attribute = target.partition(":")
        try:
            return cast(F, getattr(importlib.import_module(module), attribute))
        except ModuleNotFoundError as error:
            if name in self._extras:
                raise MissingExtra(
                    self._extras[name], f"The {self.kind} adapter {name!r}"
                ) from error
            raise

    def _published(self) -> dict[str, str]:
        return {point.name: point.value for point in entry_points(group=f"bedplate.{self.kind}")}
