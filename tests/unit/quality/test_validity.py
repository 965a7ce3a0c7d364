"""From when a document is valid, and which documents are versions of one: rules with reasons."""

from datetime import date

import pytest

from bedplate.domain.documents import Metadata
from bedplate.quality.family import family
from bedplate.quality.validity import Validity, validity

TODAY = date(2026, 6, 1)


def of(
    *, metadata: Metadata | None = None, text: str = "", title: str = "", name: str = "a.txt"
) -> tuple[str, str] | None:
    found = validity(metadata or {}, text, title, name, today=TODAY)
    return None if found is None else (found.day, found.by)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("Effective 1 January 2026. Refunds take thirty days.", "2026-01-01"),
        ("Effective date: January 15, 2026", "2026-01-15"),
        ("In force from 1st March 2022", "2022-03-01"),
        ("This policy is effective as of 2026-02-03.", "2026-02-03"),
        ("Gültig ab 1. März 2024", "2024-03-01"),
        ("Gültig ab dem 01.04.2024", "2024-04-01"),
        ("| Valid from | 2024-05-06 |", "2024-05-06"),
        ("Applies from May 2024.", "2024-05-01"),
        ("Effective 1 May 2024. It replaces the policy effective 1 May 2022.", "2024-05-01"),
    ],
)
def test_a_text_says_when_it_comes_into_force(text: str, day: str) -> None:
    assert of(text=text) == (day, "text")


@pytest.mark.parametrize(
    "text",
    [
        "Founded in 1998, the shop moved in March 2020.",
        "Valid until 31 December 2026.",
        "No longer valid from 1 May 2026.",
        "Effective 1 May 2024 in the UK. Effective 1 June 2024 in France.",
        "Effective 31 February 2024.",
        "An effective cure was found in 2019.",
        "x" * 2_000 + " Effective 1 May 2024.",
    ],
)
def test_a_text_that_leaves_it_open_gives_no_day(text: str) -> None:
    assert of(text=text) is None


@pytest.mark.parametrize(
    ("title", "day"),
    [
        ("Refund policy 2026", "2026-01-01"),
        ("2026 refund policy", "2026-01-01"),
        ("Refund policy (2024), UK", "2024-01-01"),
        ("Price list March 2025", "2025-03-01"),
        ("Price list 2025-03", "2025-03-01"),
        ("The attacks of 2001 in films", None),
        ("Events in 2012", None),
        ("2012", None),
        ("Blade Runner 2049", None),
        ("Plan 2024-2026", None),
        ("Season 2023/24", None),
        ("From 2019 to 2022", None),
        ("Room 2017b", None),
    ],
)
def test_a_title_dates_a_document_where_the_date_stands_apart(title: str, day: str | None) -> None:
    assert of(title=title) == (None if day is None else (day, "title"))


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("policies/refund-policy-2022.md", "2022-01-01"),
        ("2022/refund-policy.md", "2022-01-01"),
        ("refund_20240131.pdf", "2024-01-31"),
        ("2024-01-31 refund.pdf", "2024-01-31"),
        ("refund-final.pdf", None),
        ("IMG2022.pdf", None),
        ("2022-2024.pdf", None),
        ("files from 2022/a.txt", None),
    ],
)
def test_a_file_name_dates_a_document(name: str, day: str | None) -> None:
    assert of(name=name) == (None if day is None else (day, "file name"))


def test_what_is_declared_comes_first_and_what_was_touched_last() -> None:
    text, title = "Effective 1 May 2024.", "Policy 2023"
    touched = {"modified": "2026-01-01T10:00:00Z"}
    metadata = {"date": "2022-02-02", **touched}
    assert of(metadata={"valid_from": 2021, **metadata}, text=text, title=title) == (
        "2021-01-01",
        "metadata valid_from",
    )
    assert of(metadata=metadata, text=text, title=title) == ("2024-05-01", "text")
    assert of(metadata=metadata, title=title) == ("2022-02-02", "metadata date")
    assert of(metadata=touched, title=title) == ("2023-01-01", "title")
    assert of(metadata=touched) == ("2026-01-01", "metadata modified")
    assert validity({"date": "soon"}, "", "", "", today=TODAY) is None
    assert validity({"date": True}, "", "", "", today=TODAY) is None
    assert isinstance(validity(touched, "", "", "", today=TODAY), Validity)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Refund policy 2022", "p/a.md"), ("Refund Policy (2026)", "p/b.md")),
        (("", "p/refund-policy-v1.pdf"), ("", "p/refund_policy_v2_final.pdf")),
        (("", "2022/refund.pdf"), ("", "2026/refund.pdf")),
        (("", "archive/refund-2022.pdf"), ("", "refund-2026 (1).pdf")),
        (("Refund policy, version 1.2", "a"), ("Refund policy, version 1.10", "b")),
        (("Price list March 2025", "a"), ("Price list 2026-04-01", "b")),
        (("Copy of Price list", "a"), ("Price list", "b")),
    ],
)
def test_versions_are_of_one_family(one: tuple[str, str], other: tuple[str, str]) -> None:
    first, second = family(*one), family(*other)
    assert first is not None
    assert second is not None
    assert first.key == second.key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Refund policy", "berlin/a.md"), ("Refund policy", "paris/a.md")),
        (("Form 12", "a"), ("Form 13", "a")),
        (("Refund policy", "a"), ("Return policy", "a")),
        (("Warranty 2 years", "a"), ("Warranty 5 years", "a")),
    ],
)
def test_other_places_names_and_numbers_are_of_another_family(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    first, second = family(*one), family(*other)
    assert first is not None
    assert second is not None
    assert first.key != second.key


@pytest.mark.parametrize(
    "title",
    ["Minutes 2024-05-01", "Annual report 2023", "Invoice 2024-01", "Newsletter May 2025", "2024",
     "Untitled", "v2"],
)  # fmt: skip
def test_what_has_no_name_or_appears_from_time_to_time_is_no_version(title: str) -> None:
    assert family(title, f"{title}.pdf") is None


def test_versions_sort_by_number() -> None:
    found = [family("Refund policy", f"refund-v{number}.pdf") for number in ("1.2", "1.10", "2")]
    versions = [each.version for each in found if each is not None and each.version]
    assert versions == sorted(versions)
    assert len(versions) == 3
