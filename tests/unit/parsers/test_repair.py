"""Text that was decoded wrongly before it reached us is set right, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.parsers.decode import decode, repair

SENTENCES = (
    "Die Rückgabe der Ware an ein Geschäft genügt.", "À bientôt, où êtes-vous né ?",
    "Él pidió más piñas; ¿cuántas habrá mañana?", "São Paulo está à distância de um avião.",
    "Zażółć gęślą jaźń, proszę bardzo.", "Příliš žluťoučký kůň úpěl ďábelské ódy.",
    "Árvíztűrő tükörfúrógép", "Blåbærsyltetøy på brød, takk så mye.", "Þórður ætlar út í búð á Íslandi.",
    "İstanbul'da ışık ve gölge çok güzel.", "Việt Nam đẹp lắm, tôi rất thích ăn phở.",
    "Возврат средств в течение тридцати дней.", "Повернення коштів їхнім ґаздам.",
    "Επιστροφές χρημάτων εντός τριάντα ημερών.", "שלום עולם, מה שלומך היום?",
    "مرحبا بالعالم، كيف حالك؟", "नमस्ते दुनिया", "สวัสดีชาวโลก", "退款在三十天内支付。",
    "返金は三十日以内に行われます。", "환불은 삼십 일 이내에 지급됩니다.", "Æblegrød ½ · 20 °C – “quoted” … €5 £3",
    "CAFÉ À LA CARTE, ÎLE DE RÉ", "L’été, c’est « fini »…",
)  # fmt: skip


@given(st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=6), st.sampled_from(["\n", " "]))
def test_sound_text_of_many_scripts_is_unchanged(sentences: list[str], separator: str) -> None:
    text = separator.join(sentences)
    assert repair(text) == (text, 0)


@pytest.mark.parametrize(
    "sentence",
    [
        "Die Rückgabe der Ware an ein Geschäft genügt.",
        "Él pidió más piñas mañana.",
        "L’été « fini »…",
    ],
)
def test_utf_8_that_was_read_as_a_code_page_is_set_right(sentence: str) -> None:
    broken = sentence.encode().decode("cp1252")
    assert repair(f"plain\n{broken}") == (f"plain\n{sentence}", 1)


def test_a_file_that_mixes_encodings_is_repaired_with_a_warning() -> None:
    # A code page, with one line that was converted twice.
    content = "Ümlaute äöü über alles\n".encode("cp1252") * 20 + "Ärger übrig größer\n".encode()
    decoded = decode(content, "a.txt", most_characters=10_000)
    assert decoded.text.endswith("Ärger übrig größer\n")
    assert decoded.text.startswith("Ümlaute äöü über alles\n")
    assert "1 lines had been decoded wrongly before and were repaired." in decoded.warnings


def test_sound_utf_8_is_left_as_it_is_even_where_it_looks_broken() -> None:
    decoded = decode("the sequence Ã¼ means ü".encode(), "a.txt", most_characters=100)
    assert (decoded.text, decoded.warnings) == ("the sequence Ã¼ means ü", ())
