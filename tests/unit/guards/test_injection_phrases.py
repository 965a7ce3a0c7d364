"""The templates that the injection model learns from (training/injection)."""

import random
import re

import pytest
from training.injection.held import held
from training.injection.injected import carried
from training.injection.phrases import LARGE, WHOLE, Phrases, filled, languages

FILLS = 8

TEMPLATES = [
    (language, section, template)
    for held in (False, True)
    for language, sections in languages(held=held).items()
    for section, lines in sections.items()
    for template in lines
]


def test_templates_leave_no_choice_open_when_they_are_filled() -> None:
    draw = random.Random(1)
    for language, section, template in TEMPLATES:
        for _ in range(FILLS):
            made = filled(template, draw)
            assert made, (language, section, template)
            assert not re.search(r"\{[^{}]*\|[^{}]*\}", made), (language, section, made)
            assert made.count("{") == made.count("}"), (language, section, made)
            assert "\\n" not in made, (language, section, made)


def test_only_carriers_hold_the_mark_of_a_place_and_each_holds_it_once() -> None:
    for language, section, template in TEMPLATES:
        assert template.count("§") == (section == "carrier"), (language, template)


def test_no_template_stands_twice() -> None:
    assert len(TEMPLATES) == len(set(TEMPLATES))


def test_no_text_of_the_whole_ones_is_both_harmless_and_an_attack() -> None:
    draw = random.Random(2)
    made: dict[str, set[str]] = {section: set() for section in WHOLE}
    for _, section, template in TEMPLATES:
        if section in WHOLE:
            made[section] |= {filled(template, draw).casefold() for _ in range(FILLS)}
    assert not made["asked"] & made["ordered"]
    assert not made["told"] & made["planted"]


@pytest.mark.parametrize("language", LARGE)
def test_large_languages_have_both_labels_to_learn_from_and_held_back(language: str) -> None:
    learnt, held = languages()[language], languages(held=True)[language]
    for section in WHOLE:
        assert len(learnt[section]) > 2 * len(held.get(section, ()))
        assert not set(learnt[section]) & set(held.get(section, ()))
    assert set(held) & {"asked", "told"}
    assert set(held) & {"ordered", "planted"}


@pytest.mark.parametrize("language", languages())
def test_each_language_makes_prompts_and_documents_of_both_labels(language: str) -> None:
    phrases = Phrases(language, random.Random(3))
    assert len({phrases.attack() for _ in range(100)}) > 30
    assert len({phrases.benign() for _ in range(100)}) > 30
    assert len({phrases.order() for _ in range(100)}) > 2
    assert len(list(phrases.mails(20))) == 20


def test_an_order_in_a_made_document_is_where_it_is_said_to_be() -> None:
    draw = random.Random(4)
    phrases = Phrases("en", draw)
    for _ in range(300):
        attacked, clean = (carried(phrases, draw, attack=attack) for attack in (True, False))
        assert attacked.attack is not None
        start, end = attacked.attack
        assert 0 <= start < end <= len(attacked.text)
        assert (attacked.label, clean.label, clean.attack) == (1, 0, None)
        assert "§" not in attacked.text + clean.text


def test_rows_held_back_are_of_templates_that_are_not_learnt_from() -> None:
    rows = list(held())
    learnt = {
        line for sections in languages().values() for own in sections.values() for line in own
    }
    assert not {row.group for row in rows} & learnt
    assert {(row.kind, row.label) for row in rows} == {
        (kind, label) for kind in ("prompt", "document") for label in (0, 1)
    }
    assert {row.part for row in rows} == {"level", "fit"}
    assert not any("§" in row.text for row in rows)
