from collections.abc import Iterator

import pytest

from bedplate.cli.exits import Exit, exit_of, exit_of_batch
from bedplate.errors import (
    BadFilter,
    BedplateError,
    BudgetExceeded,
    ConfigError,
    Conflict,
    InvalidInput,
    NotFound,
    PriceUnknown,
    RateLimited,
    StorageError,
    Unavailable,
    UpstreamError,
    UpstreamRateLimited,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("x"), 2),
        (InvalidInput("x"), 2),
        (BadFilter("x"), 2),
        (NotFound("x"), 2),
        (Conflict("x"), 2),
        (BudgetExceeded("x"), 3),
        (RateLimited("x"), 3),
        (PriceUnknown("x"), 3),
        (UpstreamError("x", provider="p"), 5),
        (UpstreamRateLimited("x", provider="p"), 5),
        (StorageError("x"), 1),
        (Unavailable("x"), 1),
        (BedplateError("x"), 1),
    ],
)
def test_each_error_has_the_exit_code_of_its_kind(error: BedplateError, code: int) -> None:
    assert exit_of(error) == code


def test_no_error_of_the_tree_is_without_a_code() -> None:
    def tree(kind: type[BedplateError]) -> Iterator[type[BedplateError]]:
        yield kind
        for below in kind.__subclasses__():
            yield from tree(below)

    for kind in tree(BedplateError):
        error = kind.__new__(kind)
        assert exit_of(error) in {Exit.UNEXPECTED, Exit.BAD_INPUT, Exit.BLOCKED, Exit.UPSTREAM}


@pytest.mark.parametrize(
    ("done", "failed", "code"), [(3, 0, 0), (0, 0, 0), (3, 1, 4), (1, 9, 4), (0, 2, 5)]
)
def test_work_in_parts_is_partly_done_only_if_some_of_it_was(
    done: int, failed: int, code: int
) -> None:
    assert exit_of_batch(done, failed, Exit.UPSTREAM) == code
