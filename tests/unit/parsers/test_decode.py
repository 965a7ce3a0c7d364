import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedplate.errors import BedplateError, TooLarge, Unreadable
from bedplate.parsers.decode import clean, decode, looks_binary

SENTENCE = "Größe, naïve café, 12 €: the umbrella keeps you dry in rainy weather.\n" * 5


def decoded(content: bytes, **options: str) -> str:
    return decode(content, "a.txt", most_characters=10_000, declared=options.get("declared")).text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_with_a_mark_or_in_utf8_is_read_without_a_warning(encoding: str) -> None:
    result = decode(SENTENCE.encode(encoding), "a.txt", most_characters=10_000)
    assert result.text == SENTENCE
    assert result.warnings == ()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_recognised_and_said_to_be_guessed(encoding: str) -> None:
    result = decode(b"" + "plain words here\n".encode(encoding) * 5, "a.txt", most_characters=999)
    assert result.text == "plain words here\n" * 5
    assert result.warnings == (f"The encoding was guessed to be {encoding}.",)


def test_a_legacy_encoding_is_guessed_with_a_warning() -> None:
    result = decode("Füße müßten grün sein".encode("cp1252"), "a.txt", most_characters=999)
    assert result.text == "Füße müßten grün sein"
    assert result.warnings == ("The encoding was guessed to be cp1252.",)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "Зонт защищает от дождя, а плащ согревает на холодном ветру у моря. "),
        ("shift_jis", "傘は雨の日にあなたを濡らさないようにし、コートは風から守ります。"),
        ("cp1253", "Η ομπρέλα σε κρατά στεγνό στη βροχή και το παλτό ζεστό στον άνεμο. "),
        ("cp1250", "Zażółć gęślą jaźń: parasolka chroni nas przed deszczem, płaszcz zaś grzeje. "),
    ],
)
def test_longer_texts_of_other_code_pages_are_guessed(encoding: str, text: str) -> None:
    result = decode((text * 8).encode(encoding), "a.txt", most_characters=9_999)
    assert result.text == text * 8
    assert len(result.warnings) == 1


def test_a_declared_encoding_is_used_when_the_bytes_are_not_utf8() -> None:
    assert decoded("Привет, мир".encode("koi8-r"), declared="koi8-r") == "Привет, мир"


def test_declared_latin1_is_read_as_windows_1252() -> None:
    assert decoded("10 €".encode("cp1252"), declared="ISO-8859-1") == "10 €"


@pytest.mark.parametrize("declared", ["no-such", "utf-16", "hex", "unicode_escape", "idna"])
def test_an_unusable_declared_encoding_falls_back_to_a_guess(declared: str) -> None:
    assert decoded("Füße müßten".encode("cp1252"), declared=declared) == "Füße müßten"


def test_a_few_bad_bytes_in_utf8_are_marked_and_counted() -> None:
    content = ("ü" * 300).encode() + b"\xff" + ("ä" * 300).encode()
    result = decode(content, "a.txt", most_characters=9_999)
    assert result.text == "ü" * 300 + "\ufffd" + "ä" * 300
    assert result.warnings == ("1 places could not be read as utf-8 and are marked U+FFFD.",)


@pytest.mark.parametrize("content", [b"", b" \n\t ", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n"])
def test_nothing_but_space_is_empty(content: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        decoded(content)
    assert caught.value.reason == "empty"


@pytest.mark.parametrize(
    "content", [bytes(range(256)) * 8, b"text\0\0\0\0more\0", b"\x01\x02" * 40]
)
def test_binary_data_is_refused(content: bytes) -> None:
    assert looks_binary(content)
    with pytest.raises(Unreadable) as caught:
        decoded(content)
    assert caught.value.reason == "binary"


def test_more_characters_than_allowed_are_too_large() -> None:
    with pytest.raises(TooLarge, match=r"'a\.txt' holds more than 10"):
        decode(b"x" * 11, "a.txt", most_characters=10)


def test_clean_makes_text_regular() -> None:
    assert clean("a\r\nb\rc\u2028d\x0ce") == "a\nb\nc\nd\ne"
    assert clean("e\u0301\x00\x1b[1m\ufeffso\u00adft\x85") == "é[1msoft\n"
    assert clean("\ud800x") == "\ufffdx"


@given(st.text())
def test_clean_is_done_after_once_and_leaves_no_controls(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert not any(ord(c) < 32 and c not in "\n\t" for c in once)
    once.encode()


@given(st.binary(max_size=400))
def test_any_bytes_give_clean_text_or_an_error_of_ours(content: bytes) -> None:
    try:
        text = decoded(content)
    except BedplateError:
        return
    assert clean(text) == text
