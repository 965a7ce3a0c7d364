"""What is attached to a mail of Outlook."""

import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fixtures.compound_files import ROOT, Tree, container, file, forwarded, mail
from tests.fixtures.workbooks import xlsx

from bedplate.domain.documents import Blob, Parsed
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.compound import CompoundFile
from bedplate.parsers.detect import read_blob
from bedplate.parsers.msg_attachments import attached
from bedplate.parsers.parts import Budget
from bedplate.parsers.protocol import ParseLimits

pytest.importorskip("kreuzberg", reason="the extra wide is not installed")


def read(tree: Tree, limits: ParseLimits | None = None) -> Parsed:
    return read_blob(Blob(container(tree), "m.msg"), limits or ParseLimits())


def test_attachments_are_read_as_files_of_their_format() -> None:
    book = xlsx({"Stock": [["name", "price"], ["Tent", 300]]})
    assert len(book) > 4096
    parsed = read(
        mail("Offer", "See below.", [file("a.md", b"# Terms\n\nNet."), file("stock.xlsx", book)])
    )
    assert [(d.source, d.text) for d in parsed.documents][1:] == [
        ("m.msg!/a.md", "Terms\n\nNet."),
        ("m.msg!/stock.xlsx", "Stock\n\nname: Tent; price: 300"),
    ]
    assert parsed.documents[0].blocks[0].text == "Offer"
    assert parsed.documents[1].metadata == {"attachment": "a.md", "part_of": "m.msg"}
    assert parsed.failures == ()


def test_a_mail_in_a_mail_is_read_as_e_mail_with_what_it_holds() -> None:
    sent = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    inner = mail(
        "Größe", "Die Maße.", [file("in.txt", b"Innermost.")],
        embedded=True, sender="ann@example.org", sent=sent,
    )  # fmt: skip
    parsed = read(mail("Fwd", "Look.", [forwarded(inner, "Größe")]))
    sources = [document.source for document in parsed.documents]
    assert sources == ["m.msg", "m.msg!/Größe.eml", "m.msg!/Größe.eml!/in.txt"]
    facts = parsed.documents[1].metadata
    assert (facts["from"], facts["subject"]) == ("ann@example.org", "Größe")
    assert str(facts["date"]).startswith("2026-03-01T09:30:00")
    assert "Die Maße." in parsed.documents[1].text
    assert parsed.documents[2].text == "Innermost."


def test_mails_in_mails_in_mails_end_somewhere() -> None:
    message = mail("0", "Core.", embedded=True)
    for number in range(1, 9):
        message = mail(str(number), "Level.", [forwarded(message, str(number))], embedded=True)
    parsed = read(mail("Outer", "Top.", [forwarded(message, "9")]))
    assert 3 <= len(parsed.documents) <= 6
    assert parsed.failures


def test_mails_that_hold_each_other_many_times_over_are_given_up() -> None:
    blob = Blob(container(mail("Outer", "Top.", [forwarded(ROOT, "x")] * 60)), "m.msg")
    with pytest.raises(TooLarge, match="more than 500 parts"):
        list(attached(blob, Budget(blob, ParseLimits(expanded=10**9, parts=500))))


def test_a_picture_in_the_text_is_a_remark_and_a_program_fails_alone() -> None:
    logo = file("logo.png", b"\x89PNG\r\n\x1a\n" + bytes(40), "image/png", "logo@x")
    parsed = read(
        mail("A", "Text.", [logo, file("tool.exe", b"MZ\x90" + bytes(200)), file("b.txt", b"B.")])
    )
    assert [document.source for document in parsed.documents] == ["m.msg", "m.msg!/b.txt"]
    assert [failure.source for failure in parsed.failures] == ["m.msg!/tool.exe"]
    assert any(warning.startswith("logo.png: ") for warning in parsed.warnings)


def test_an_encrypted_file_does_not_make_its_mail_encrypted() -> None:
    secret = container({"EncryptedPackage": bytes(600), "EncryptionInfo": bytes(100)})
    parsed = read(mail("A", "Text.", [file("secret.docx", secret), file("b.txt", b"B.")]))
    assert [document.source for document in parsed.documents] == ["m.msg", "m.msg!/b.txt"]
    assert [(f.source, f.code) for f in parsed.failures] == [("m.msg!/secret.docx", "encrypted")]


def test_a_sealed_mail_says_so() -> None:
    sealed = file("smime.p7m", b"0\x82" + bytes(300), "application/pkcs7-mime")
    parsed = read(mail("A", " ", [sealed]))
    assert [failure.code for failure in parsed.failures] == ["encrypted"]


def test_a_name_leads_nowhere_else() -> None:
    parsed = read(mail("A", "Text.", [file("../../etc/pass\x07wd.txt", b"root")]))
    assert parsed.documents[1].source == "m.msg!/etc/passwd.txt"


def test_all_that_is_attached_counts_against_one_limit() -> None:
    files = [file(f"{n}.txt", b"x" * 3_000) for n in range(9)]
    parsed = read(mail("A", "Text.", files), ParseLimits(expanded=10_000))
    assert len(parsed.documents) < 6
    assert [failure.code for failure in parsed.failures] == ["too_large"]


def test_streams_come_back_as_they_were_small_and_large() -> None:
    tree = {"small": b"s" * 100, "none": b"", "large": bytes(range(256)) * 300, "sub": {"in": b"x"}}
    root = CompoundFile(Blob(container(tree), "a")).root
    assert sorted(root.streams()) == ["large", "none", "small"]
    assert {name: root.read(name) for name in ("small", "none", "large")} == {
        name: tree[name] for name in ("small", "none", "large")
    }
    below = root.storage("sub")
    assert below is not None
    assert (below.read("in"), below.read("out"), root.read("sub"), root.storage("small")) == (
        b"x", None, None, None,
    )  # fmt: skip


GOOD = container(mail("A", "Text.", [file("a.txt", b"a" * 5_000), file("b.txt", b"b")]))


@settings(deadline=None, max_examples=300)
@given(changes=st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=8)), max_size=8), cut=st.integers(0, len(GOOD)))  # fmt: skip
def test_a_damaged_container_gives_what_it_can_or_is_refused(
    changes: list[tuple[int, bytes]], cut: int
) -> None:
    content = bytearray(GOOD)
    for at, new in changes:
        content[at : at + len(new)] = new
    whole = bytes(content)
    for each in (whole, whole[:cut]):
        blob = Blob(each, "m.msg")
        try:
            found = list(attached(blob, Budget(blob, ParseLimits())))
        except (Unreadable, TooLarge):
            continue
        assert sum(len(getattr(part, "content", b"")) for part in found) <= 50 * len(GOOD)


def test_a_chain_and_a_tree_that_go_in_circles_end() -> None:
    content = bytearray(GOOD)
    (table,) = struct.unpack_from("<I", content, 76)
    at = (table + 1) * 512
    for number in range(20):
        struct.pack_into("<I", content, at + 4 * number, number)
    with pytest.raises(Unreadable, match="chain of its sectors"):
        list(attached(Blob(bytes(content), "m.msg"), Budget(Blob(b"", "m"), ParseLimits())))
