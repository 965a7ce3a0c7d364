"""Languages are named where they are plain, and left out where they are not."""

import json
import os
from pathlib import Path

import pytest

from bedplate.quality.language import Languages

TEXTS = {
    "en": "Refunds are paid within thirty days of the return of the goods to one of our shops.",
    "de": "Erstattungen werden innerhalb von dreißig Tagen nach der Rückgabe der Ware ausgezahlt.",
    "fr": "Les remboursements sont versés dans les trente jours suivant le retour de la marchandise.",
    "ru": "Возврат средств производится в течение тридцати дней после возвращения товара в магазин.",
    "el": "Οι επιστροφές χρημάτων καταβάλλονται εντός τριάντα ημερών από την επιστροφή των αγαθών.",
}


@pytest.fixture(scope="module")
def languages() -> Languages:
    return Languages()


@pytest.mark.parametrize("language", TEXTS)
def test_a_sentence_is_enough(languages: Languages, language: str) -> None:
    assert languages.of([TEXTS[language]]) == language


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Refunds are paid within thirty days.",
        "4711 0815 12.5 % 99 " * 50,
        "lkjasdf qwoeiru zmxncbv aslkdjf qpwoeiruty zmxnbc alskdjfh qpwoeiru zxmncbv laksjdhf",
    ],
)
def test_too_little_or_nothing_to_go_by_has_no_language(languages: Languages, text: str) -> None:
    assert languages.of([text]) is None


def test_only_the_first_thousand_letters_count(languages: Languages) -> None:
    texts = [TEXTS["en"]] * 60 + [TEXTS["de"]] * 600
    assert languages.of(texts) == "en"


@pytest.mark.data
@pytest.mark.parametrize("code", ["ar", "de", "en", "es", "zh"])
def test_paragraphs_of_xquad_have_their_language_or_none(languages: Languages, code: str) -> None:
    folder = os.environ.get("EVAL_DATA")
    if folder is None:
        pytest.skip("EVAL_DATA does not name the evaluation sets")
    lines = (Path(folder) / "qa_xquad" / f"xquad_{code}.jsonl").read_text(encoding="utf-8")
    found = [languages.of([json.loads(line)["context"]]) for line in lines.splitlines()[:300]]
    assert set(found) <= {code, None}
    assert found.count(code) > 0.85 * len(found)
