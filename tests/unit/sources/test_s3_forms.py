"""Signatures against the examples that AWS publishes, and answers that are no answers."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bedplate.sources.s3_signature import Keys, path, query, signed
from bedplate.sources.s3_wire import error_code, read_page

KEYS = Keys("AKIAIOSFODNN7EXAMPLE", SecretStr("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"))


@pytest.mark.parametrize(
    ("asked", "signature"),
    [
        (
            {"lifecycle": ""},
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            {"prefix": "J", "max-keys": "2"},
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)
def test_requests_are_signed_as_in_the_examples_of_aws(
    asked: dict[str, str], signature: str
) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html"""
    url = f"https://examplebucket.s3.amazonaws.com/?{query(asked)}"
    headers = signed(url, KEYS, "us-east-1", datetime(2013, 5, 24, tzinfo=UTC))
    assert headers["x-amz-date"] == "20130524T000000Z"
    assert headers["authorization"].endswith(f"Signature={signature}")
    assert (
        "us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date"
        in (headers["authorization"])
    )


def test_nothing_in_a_key_is_resolved() -> None:
    assert path(b"a//b/../c d+%41~\n\xff") == "a//b/../c%20d%2B%2541~%0A%FF"


ROW = "<Contents><Key>a</Key><Size>1</Size></Contents>"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no xml",
        "<html/>",
        "<Error><Code>AccessDenied</Code></Error>",
        '<!DOCTYPE x [<!ENTITY a "aaaa">]><ListBucketResult><Name>&a;</Name></ListBucketResult>',
        "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents></ListBucketResult>",
        f"<ListBucketResult>{ROW}<IsTruncated>true</IsTruncated></ListBucketResult>",
        f"<ListBucketResult>{ROW}",
        "<a>" * 1_000,
        "".join(["<ListBucketResult>", *(f"<x{n}>x</x{n}>" for n in range(2_000))]),
    ],
    ids=range(12),
)
def test_what_is_no_listing_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="it|object"):
        read_page(text.encode())


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_no_listing(content: bytes) -> None:
    with pytest.raises(ValueError, match="it"):
        read_page(content)


def test_an_error_has_a_code_that_is_fit_for_a_message() -> None:
    assert error_code(b"<Error><Code>SlowDown</Code></Error>") == "SlowDown"
    assert error_code(b"<Error><Code>a b\n</Code></Error>") == ""
    assert error_code(b"<html>") == ""
