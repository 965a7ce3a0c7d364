import pytest

from bedplate.domain.tools import ToolSpec
from bedplate.errors import ConfigError
from bedplate.tools.approval import check_condition, needs_approval
from bedplate.tools.protocol import ToolPolicy

SPEC = ToolSpec(
    "refund",
    parameters={
        "type": "object",
        "properties": {
            "amount": {"type": "number"},
            "currency": {"type": "string", "default": "EUR"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "address": {"$ref": "#/$defs/Address"},
            "on": {"type": "string", "format": "date"},
            "express": {"type": "boolean"},
        },
        "$defs": {"Address": {"properties": {"country": {"type": "string"}}}},
    },
)


def asks(condition: bool | str, **arguments: object) -> bool:
    return needs_approval(SPEC, ToolPolicy(approve=condition), arguments)


@pytest.mark.parametrize(
    ("condition", "arguments", "asked"),
    [
        (True, {}, True),
        (False, {"amount": 10**9}, False),
        ("amount > 100", {"amount": 100}, False),
        ("amount > 100", {"amount": 100.01}, True),
        ("amount > 100 and currency == 'EUR'", {"amount": 500}, True),
        ("amount > 100 and currency == 'EUR'", {"amount": 500, "currency": "NOK"}, False),
        ("amount > 100 or currency != 'EUR'", {"amount": 5, "currency": "NOK"}, True),
        ("not amount <= 100", {"amount": 5}, False),
        ("address.country not in ('NO', 'SE')", {"address": {"country": "NO"}}, False),
        ("address.country not in ('NO', 'SE')", {"address": {"country": "US"}}, True),
        ("tags contains 'vip'", {"tags": ["new", "vip"]}, True),
        ("tags contains 'vip'", {"tags": ["new"]}, False),
        ("on >= 2026-02-01", {"on": "2026-01-31"}, False),
        ("on >= 2026-02-01", {"on": "2026-02-01"}, True),
        ("express == true", {"express": False}, False),
        ("express exists", {}, False),
    ],
)
def test_a_condition_says_which_calls_a_human_confirms(
    condition: bool | str, arguments: dict[str, object], asked: bool
) -> None:
    assert asks(condition, **arguments) is asked


@pytest.mark.parametrize(
    ("condition", "arguments"),
    [
        ("amount > 100", {}),
        ("amount > 100", {"amount": None}),
        ("amount > 100", {"amount": "5"}),
        ("amount > 100", {"amount": {"value": 5}}),
        ("not amount > 100", {"amount": "5"}),
        ("amount > 100", {"amount": True}),
        ("address.country == 'US'", {"address": "US"}),
        ("tags contains 'vip'", {"tags": [["vip"]]}),
    ],
)
def test_where_it_cannot_be_told_a_human_is_asked(
    condition: str, arguments: dict[str, object]
) -> None:
    assert asks(condition, **arguments)


def test_a_condition_that_can_be_told_without_the_missing_argument_is() -> None:
    assert not asks("amount > 100 and express == true", amount=5)
    assert asks("amount > 100 or express == true", amount=500)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("amout > 100", "no argument 'amout'. Did you mean 'amount'"),
        ("address.land == 'US'", "no argument 'address.land'"),
        ("amount >", "is no condition"),
        ("amount in (1, 'a')", "mixes kinds"),
    ],
)
def test_a_condition_that_could_never_hold_is_an_error(condition: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check_condition(condition, SPEC)
