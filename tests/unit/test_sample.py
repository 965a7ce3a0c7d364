"""The packaged sample: its files are what their names say and show what they are meant to."""

import csv
import io
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import docx
import pypdfium2 as pdfium
import pytest
from selectolax.lexbor import LexborHTMLParser

from bedplate.sample import PERSONAL_DATA, SHOWCASE, sample_path
from bedplate.terms import analyse

ROOT = Path(__file__).resolve().parents[2]
BINARY = {".pdf", ".docx"}


@pytest.fixture(scope="module")
def sample() -> Iterator[Path]:
    with sample_path() as folder:
        yield folder


def products(sample: Path) -> list[dict[str, object]]:
    lines = (sample / "products.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def pdf_pages(path: Path) -> list[str]:
    with pdfium.PdfDocument(path) as document:
        return [page.get_textpage().get_text_bounded() for page in document]


def docx_texts(path: Path) -> list[str]:
    document = docx.Document(str(path))
    cells = (cell.text for table in document.tables for row in table.rows for cell in row.cells)
    return [*(paragraph.text for paragraph in document.paragraphs), *cells]


def all_text(sample: Path) -> str:
    parts = [
        path.read_text(encoding="utf-8")
        for path in sorted(sample.rglob("*"))
        if path.is_file() and path.suffix not in BINARY
    ]
    return "\n".join(
        [
            *parts,
            *pdf_pages(sample / "support-handbook.pdf"),
            *docx_texts(sample / "warranty-and-repair.docx"),
        ]
    )


def front_matter(path: Path) -> dict[str, str]:
    _, head, _ = path.read_text(encoding="utf-8").split("---\n", 2)
    return dict(line.split(": ", 1) for line in head.splitlines())


def test_sample_is_small_and_holds_every_format(sample: Path) -> None:
    found = [path for path in sample.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in found) < 400_000
    assert {path.suffix for path in found} == {
        ".md",
        ".jsonl",
        ".csv",
        ".pdf",
        ".docx",
        ".txt",
        ".html",
    }


def test_products_are_typed_rows_with_unique_ids(sample: Path) -> None:
    rows = products(sample)
    assert len({row["id"] for row in rows}) == len(rows) >= 25
    for row in rows:
        assert list(row) == list(rows[0])
        assert isinstance(row["price"], float)
        assert isinstance(row["in_stock"], bool)
        assert date(2022, 1, 1) < date.fromisoformat(str(row["added"])) < date(2027, 1, 1)


def test_rain_question_shares_no_term_with_umbrellas_and_trench_coats(sample: Path) -> None:
    question = set(analyse("rainy weather gear"))
    assert len(question) == 3
    wet = [row for row in products(sample) if str(row["id"]).startswith(("umbrella-", "trench-"))]
    assert len(wet) == 5
    for row in wet:
        text = f"{row['title']} {row['text']}"
        assert not question & set(analyse(text))
        assert not re.search("rain|weather|gear", text, re.IGNORECASE)


def test_no_other_paper_holds_the_words_of_the_rain_question(sample: Path) -> None:
    assert not set(analyse("rainy weather gear")) & set(analyse(all_text(sample)))


def test_stores_have_dates_and_the_columns_of_the_header(sample: Path) -> None:
    text = (sample / "stores.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text), strict=True))
    assert len(rows) == 6
    for row in rows:
        assert all(isinstance(value, str) and value for value in row.values())
        date.fromisoformat(row["opened"])


@pytest.mark.parametrize(
    ("year", "days", "fee"),
    [
        (2022, 14, "a restocking fee of 15 %"),
        (2024, 30, "a restocking fee of 5 %"),
        (2026, 60, "no restocking fee"),
    ],
)
def test_refund_policies_contradict_each_other(
    sample: Path, year: int, days: int, fee: str
) -> None:
    path = sample / "policies" / f"refund-policy-{year}.md"
    assert date.fromisoformat(front_matter(path)["date"]).year == year
    text = path.read_text(encoding="utf-8")
    assert f"You have {days} days from delivery to return an item for a refund." in text
    assert fee in text


def test_handbook_has_a_chapter_on_every_page(sample: Path) -> None:
    pages = pdf_pages(sample / "support-handbook.pdf")
    assert len(pages) == 6
    assert "Express delivery" in pages[1]
    assert "Complaints and safety" in pages[5]


def test_manual_has_headings_and_tables(sample: Path) -> None:
    document = docx.Document(str(sample / "warranty-and-repair.docx"))
    styles = [p.style.name for p in document.paragraphs if p.style is not None]
    assert styles.count("Heading 1") == 3
    assert styles.count("Heading 2") == 10
    rows = [[cell.text for cell in row.cells] for table in document.tables for row in table.rows]
    assert ["Umbrellas", "10 years", "none"] in rows


def test_web_page_keeps_scripts_and_navigation_apart_from_its_article(sample: Path) -> None:
    tree = LexborHTMLParser((sample / "care-guide.html").read_bytes())
    article = tree.css_first("article")
    assert article is not None
    assert "Never put waxed cotton in a washing machine" in article.text()
    for noise in ("pageViews", "Basket (0)", "newsletter", "cookies"):
        assert noise in (tree.html or "")
        assert noise not in article.text()


def test_personal_data_is_planted_in_the_emails_and_nowhere_else(sample: Path) -> None:
    emails = [path.read_text(encoding="utf-8") for path in (sample / "emails").glob("*.txt")]
    assert all(re.match(r"From: .+\nTo: .+\nDate: .+\nSubject: .+\n\n", text) for text in emails)
    everything = all_text(sample)
    for value in PERSONAL_DATA:
        inside = sum(text.count(value) for text in emails)
        assert inside >= 1, value
        assert everything.count(value) == inside, value


def test_addresses_use_names_reserved_for_examples(sample: Path) -> None:
    """RFC 2606: nobody can own example.com or a name under .example."""
    hosts = set(re.findall(r"[\w.]+@([\w.]+\w)", all_text(sample)))
    assert hosts == {"example.com", "fjellvik.example"}


def test_showcase_expects_what_the_sample_holds() -> None:
    with sample_path() as folder:
        text = all_text(folder)
    for case in SHOWCASE:
        assert bool(case.expected) != case.refused, case.question
        for wanted in case.expected:
            assert wanted in text or wanted.startswith("["), wanted
        for unwanted in case.forbidden:
            assert unwanted in text, unwanted
    assert len({case.feature for case in SHOWCASE}) == 8


def test_script_rebuilds_the_binary_files_with_the_same_content(
    sample: Path, tmp_path: Path
) -> None:
    script = ROOT / "scripts" / "build_sample.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True)
    built, kept = tmp_path / "support-handbook.pdf", sample / "support-handbook.pdf"
    assert pdf_pages(built) == pdf_pages(kept)
    built, kept = tmp_path / "warranty-and-repair.docx", sample / "warranty-and-repair.docx"
    with zipfile.ZipFile(built) as new, zipfile.ZipFile(kept) as old:
        assert new.namelist() == old.namelist()
        assert all(new.read(name) == old.read(name) for name in old.namelist())
