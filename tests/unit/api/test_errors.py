import json

import pytest

from bedplate import errors
from bedplate.api.errors import STATUSES, answer, unexpected


def leaves(kind: type[errors.BedplateError]) -> list[type[errors.BedplateError]]:
    return [kind, *(leaf for child in kind.__subclasses__() for leaf in leaves(child))]


def made(kind: type[errors.BedplateError]) -> errors.BedplateError:
    if issubclass(kind, errors.UpstreamError):
        return kind("it broke", provider="p")
    if kind is errors.MissingExtra:
        return errors.MissingExtra("qdrant", "it")
    if kind is errors.WorkFailed:
        return errors.WorkFailed("it broke", failure="timeout")
    return kind("it broke")


@pytest.mark.parametrize("kind", leaves(errors.BedplateError))
def test_every_error_of_the_tree_has_a_status_and_a_full_envelope(kind: type[errors.BedplateError]):
    response = answer(made(kind))

    assert response.status_code in {status for status, _ in STATUSES.values()}
    assert set(json.loads(response.body)["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("error", "status", "type", "code"),
    [
        (errors.InvalidInput("x"), 400, "invalid_request_error", "invalid_input"),
        (errors.BadFilter("x", position=3), 400, "invalid_request_error", "bad_filter"),
        (errors.Unreadable("x", reason="encrypted"), 422, "invalid_request_error", "encrypted"),
        (errors.TooLarge("x"), 413, "invalid_request_error", "too_large"),
        (errors.NotFound("x"), 404, "invalid_request_error", "not_found"),
        (errors.NotFound("x", param="model"), 404, "invalid_request_error", "model_not_found"),
        (errors.Conflict("x"), 409, "invalid_request_error", "conflict"),
        (errors.BudgetExceeded("x"), 429, "insufficient_quota", "insufficient_quota"),
        (errors.RateLimited("x"), 429, "rate_limit_error", "rate_limit_exceeded"),
        (errors.PriceUnknown("x"), 403, "permission_error", "price_unknown"),
        (errors.Unavailable("x"), 503, "server_error", "unavailable"),
        (errors.StorageError("x"), 503, "server_error", "storage_error"),
        (errors.UpstreamError("x", provider="p"), 502, "server_error", "upstream_error"),
        (errors.UpstreamTimeout("x", provider="p"), 504, "server_error", "upstream_timeout"),
        (
            errors.UpstreamRateLimited("x", provider="p"),
            429,
            "rate_limit_error",
            "upstream_rate_limited",
        ),
        (errors.ConfigError("x"), 500, "server_error", "config_error"),
    ],
)
def test_an_error_becomes_its_status_type_and_code(
    error: errors.BedplateError, status: int, type: str, code: str
):
    response = answer(error)
    body = json.loads(response.body)["error"]

    assert (response.status_code, body["type"], body["code"]) == (status, type, code)
    assert body["message"] == "x"


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (errors.UpstreamRateLimited("x", provider="p", retry_after=2.1), "3"),
        (errors.UpstreamRateLimited("x", provider="p", retry_after=0.0), "0"),
        (errors.UpstreamRateLimited("x", provider="p"), "1"),
        (errors.BudgetExceeded("x", retry_after=3600.2), "3601"),
        (errors.BudgetExceeded("x"), None),
        (errors.RateLimited("x", retry_after=0.2), "1"),
        (errors.RateLimited("x"), None),
        (errors.Unavailable("x"), "1"),
        (errors.StorageError("x"), None),
        (errors.NotFound("x"), None),
    ],
)
def test_waiting_is_advised_where_it_helps(error: errors.BedplateError, seconds: str | None):
    assert answer(error).headers.get("retry-after") == seconds


def test_clients_are_told_not_to_repeat_what_cannot_succeed():
    assert answer(errors.Conflict("x")).headers["x-should-retry"] == "false"
    assert "x-should-retry" not in answer(errors.Unavailable("x")).headers


def test_an_unexpected_error_names_its_trace_and_nothing_else():
    response = unexpected("4bf9")

    assert response.status_code == 500
    assert json.loads(response.body)["error"] == {
        "message": "Something went wrong in the server; its log tells more under 4bf9.",
        "type": "server_error",
        "param": None,
        "code": "internal_error",
    }
