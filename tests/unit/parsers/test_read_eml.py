"""Mails as mail programs write them, and as they should not."""

import email.policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedplate.domain.documents import Blob, Document, Parsed
from bedplate.errors import BedplateError, Unreadable
from bedplate.parsers.detect import read_blob
from bedplate.parsers.protocol import ParseLimits

HEAD = b"From: Ann <ann@example.org>\nTo: bob@example.org\nSubject: Rain\n"


def read(content: bytes | EmailMessage, source: str = "m.eml") -> Parsed:
    if isinstance(content, EmailMessage):
        content = content.as_bytes()
    return read_blob(Blob(content, source), ParseLimits())


def mail(text: str = "Hello.", **fields: str) -> EmailMessage:
    message = EmailMessage(policy=email.policy.SMTP)
    given = {"From": "Ann <ann@example.org>", "To": "bob@example.org", "Subject": "Rain", **fields}
    for name, value in given.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message


def outline(document: Document) -> list[tuple[str | None, str]]:
    return [(block.heading, block.text) for block in document.blocks if block.kind != "heading"]


def body(content: bytes | EmailMessage) -> list[tuple[str | None, str]]:
    """The blocks below the header fields."""
    return outline(read(content).documents[0])[1:]


def test_fields_become_metadata_and_a_first_block() -> None:
    message = mail(
        Cc="C <c@example.org>, d@example.org",
        Date="Mon, 04 Mar 2024 10:30:00 +0100",
        Message_ID="<m3@example.org>",
        In_Reply_To="<m2@example.org>",
        References="<m1@example.org> <m2@example.org>",
    )
    (document,) = read(message).documents
    assert document.title == "Rain"
    thread = document.metadata["thread"]
    assert document.metadata == {
        "from": "Ann <ann@example.org>",
        "to": ["bob@example.org"],
        "cc": ["C <c@example.org>", "d@example.org"],
        "date": "2024-03-04T10:30:00+01:00",
        "subject": "Rain",
        "message_id": "m3@example.org",
        "in_reply_to": "m2@example.org",
        "references": ["m1@example.org", "m2@example.org"],
        "thread": thread,
    }
    assert outline(document)[0] == (
        "Rain",
        "From: Ann <ann@example.org>\nTo: bob@example.org\n"
        "Cc: C <c@example.org>, d@example.org\nDate: Mon, 04 Mar 2024 10:30:00 +0100",
    )


def test_all_mails_of_a_conversation_share_its_thread() -> None:
    first = read(mail(Message_ID="<m1@example.org>")).documents[0]
    answer = read(mail(Message_ID="<m2@example.org>", In_Reply_To="<m1@example.org>"))
    later = read(mail(Message_ID="<m3@x>", References="<m1@example.org> <m2@example.org>"))
    other = read(mail(Message_ID="<m9@example.org>")).documents[0]
    threads = {first.metadata["thread"]} | {
        p.documents[0].metadata["thread"] for p in (answer, later)
    }
    assert len(threads) == 1
    assert other.metadata["thread"] not in threads


def test_encoded_and_raw_fields_are_decoded() -> None:
    content = (
        b"From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>\nSubject: =?iso-8859-1?Q?Gr=FC=DFe?= "
        b"=?utf-8?b?4piU?=\nTo: \xc3\xa9t\xc3\xa9 <e@example.org>, \xe9 <f@example.org>\n\nhi"
    )
    (document,) = read(content).documents
    assert document.title == "Grüße☔"
    assert document.metadata["from"] == "Jürgen <j@example.org>"


@pytest.mark.parametrize(
    "date", ["yesterday", "32 Foo 2024", "Mon, 99 Mar 2024 99:99:99 +0000", ""]
)
def test_a_date_that_is_none_is_left_out_of_the_metadata(date: str) -> None:
    (document,) = read(HEAD + b"Date: " + date.encode() + b"\n\nhi").documents
    assert "date" not in document.metadata


def test_plain_text_is_preferred_to_html() -> None:
    message = mail("All of the words.")
    message.add_alternative("<p>All of the <b>words</b>.</p>", subtype="html")
    assert body(message) == [("Rain", "All of the words.")]


@pytest.mark.parametrize("stub", ["", "Your program cannot show this mail."])
def test_html_is_read_where_plain_text_says_next_to_nothing(stub: str) -> None:
    message = mail(stub)
    rich = "<h2>Offer</h2><p>" + "Good umbrellas for little money. " * 20 + "</p>"
    message.add_alternative(rich, subtype="html")
    ((heading, text),) = body(message)
    assert heading == "Rain > Offer"
    assert text.startswith("Good umbrellas")


def test_quotations_stand_under_who_wrote_them() -> None:
    text = (
        "I agree.\n\nOn Mon, 4 Mar 2024 at 10:30, Bob <bob@example.org>\nwrote:\n"
        "> Shall we?\n>\n> On Sunday Cid wrote:\n> > It rains.\n\nSee you.\n-- \nAnn\nSales"
    )
    top = "Rain > Quoted: On Mon, 4 Mar 2024 at 10:30, Bob <bob@example.org> wrote"
    assert body(mail(text)) == [
        ("Rain", "I agree."),
        (top, "Shall we?"),
        (f"{top} > Quoted: On Sunday Cid wrote", "It rains."),
        ("Rain > Reply", "See you."),
        ("Rain > Signature", "Ann\nSales"),
    ]


def test_answers_between_quotations_keep_their_order() -> None:
    text = "> When?\nOn Monday.\n> Where?\nAt home."
    assert body(mail(text)) == [
        ("Rain > Quoted", "When?"),
        ("Rain > Reply", "On Monday."),
        ("Rain > Quoted", "Where?"),
        ("Rain > Reply", "At home."),
    ]


def test_what_follows_a_forwarded_head_is_quoted() -> None:
    text = (
        "FYI\n\n-----Original Message-----\nFrom: Bob\nSent: Monday\nTo: Ann\nSubject: Rain\n\n"
        "It will rain.\n\nFrom: Cid\nSent: Sunday\nTo: Bob\nSubject: Rain\n\nReally?"
    )
    found = body(mail(text))
    assert found[0] == ("Rain", "FYI")
    assert found[1:3] == [
        ("Rain > Quoted: Bob", "From: Bob\nSent: Monday\nTo: Ann\nSubject: Rain"),
        ("Rain > Quoted: Bob", "It will rain."),
    ]
    assert found[-1] == ("Rain > Quoted: Bob > Quoted: Cid", "Really?")


def test_a_sentence_that_begins_with_from_is_no_quotation() -> None:
    text = "From: here to there\nis a long way.\n\nShe wrote:\nnothing"
    assert body(mail(text)) == [("Rain", "From: here to there\nis a long way."),
                                ("Rain", "She wrote:\nnothing")]  # fmt: skip


@pytest.mark.parametrize(
    "quote",
    [
        '<div class="gmail_quote"><div>On Monday Bob wrote:</div><p>Shall we?</p></div>',
        '<blockquote type="cite"><div>On Monday Bob wrote:</div><p>Shall we?</p></blockquote>',
    ],
)
def test_quotations_in_html_stand_apart(quote: str) -> None:
    message = EmailMessage()
    message["Subject"] = "Rain"
    message.set_content(f"<p>I agree.</p>{quote}", subtype="html")
    found = outline(read(message).documents[0])
    assert found[0] == ("Rain", "I agree.")
    assert found[-1] == ("Rain > Quoted: On Monday Bob wrote", "Shall we?")


def test_what_outlook_quotes_in_html_stands_apart() -> None:
    message = EmailMessage()
    message["Subject"] = "Rain"
    html = '<p>I agree.</p><div id="divRplyFwdMsg"><b>From:</b> Bob</div><p>Shall we?</p>'
    message.set_content(html, subtype="html")
    assert outline(read(message).documents[0]) == [
        ("Rain", "I agree."), ("Rain > Quoted", "From: Bob"), ("Rain > Quoted", "Shall we?")
    ]  # fmt: skip


def test_flowed_lines_are_put_together() -> None:
    content = (
        HEAD + b"Content-Type: text/plain; format=flowed\n\n"
        b"One long \nline.\n\n> quoted \n> words\n\n From here\n-- \nAnn"
    )
    assert body(content) == [
        ("Rain", "One long line."),
        ("Rain > Quoted", "quoted words"),
        ("Rain > Reply", "From here"),
        ("Rain > Signature", "Ann"),
    ]


def test_flowed_lines_in_scripts_without_spaces_lose_theirs() -> None:
    content = (
        HEAD + b"Content-Type: text/plain; format=flowed; delsp=yes\n\n" + "雨が \n降る".encode()
    )
    assert body(content) == [("Rain", "雨が降る")]


@pytest.mark.parametrize("charset", ["utf-8", "x-unknown", "utf-7", "iso-8859-1", '"'])
def test_a_wrong_charset_costs_no_text(charset: str) -> None:
    content = HEAD + f"Content-Type: text/plain; charset={charset}\n\n".encode() + "Grüße".encode()
    assert body(content) == [("Rain", "Grüße")]


def test_attachments_are_documents_of_their_own() -> None:
    message = mail()
    message.add_attachment("# Plan\n\nWords.", subtype="markdown", filename="../Plan für Mai.md")
    message.add_attachment(b"a,b\n1,2\n", maintype="text", subtype="csv", filename="t.csv")
    own, plan, row = read(message).documents
    assert own.source == "m.eml"
    assert plan.source == "m.eml!/Plan für Mai.md"
    assert plan.metadata == {"attachment": "Plan für Mai.md", "part_of": "m.eml"}
    assert plan.title == "Plan"
    assert row.metadata == {"attachment": "t.csv", "part_of": "m.eml", "a": 1, "b": 2}
    assert {document.origin for document in (own, plan, row)} == {"m.eml"}


def test_an_attachment_that_cannot_be_read_stops_nothing() -> None:
    message = mail()
    message.add_attachment(b"\x7fELF" + bytes(9), maintype="application", subtype="x", filename="p")
    message.add_attachment("good words", filename="g.txt")
    parsed = read(message)
    assert [document.source for document in parsed.documents] == ["m.eml", "m.eml!/g.txt"]
    assert [(f.source, f.code) for f in parsed.failures] == [("m.eml!/p", "unsupported")]


def test_a_picture_in_the_text_that_cannot_be_read_is_a_remark() -> None:
    message = mail()
    message.add_attachment(
        b"RIFF1234WEBP" + bytes(9), maintype="image", subtype="webp", filename="logo.webp",
        disposition="inline", cid="<1@x>",
    )  # fmt: skip
    parsed = read(message)
    assert parsed.failures == ()
    assert len(parsed.warnings) == 1
    assert parsed.warnings[0].startswith("logo.webp: ")


def test_attached_mails_are_read_with_their_attachments() -> None:
    inner = mail("Inner words.", Subject="Inner")
    inner.add_attachment("deep words", filename="d.txt")
    outer = mail("See below.")
    outer.add_attachment(inner)
    parsed = read(outer)
    assert [document.source for document in parsed.documents] == [
        "m.eml", "m.eml!/Inner.eml", "m.eml!/Inner.eml!/d.txt",
    ]  # fmt: skip
    assert parsed.documents[2].metadata["part_of"] == "m.eml!/Inner.eml"


def test_mails_in_mails_in_mails_end_somewhere() -> None:
    message = mail("Core.")
    for number in range(12):
        outer = mail(Subject=f"{number}")
        outer.add_attachment(message)
        message = outer
    parsed = read(message)
    assert len(parsed.documents) == 5
    assert [failure.code for failure in parsed.failures] == ["nested"]


def test_parts_nested_beyond_reason_are_refused() -> None:
    head = b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(3000)
    )
    with pytest.raises(Unreadable, match="nested too deeply"):
        read(HEAD + head + b"\nhi")


def test_a_clear_signature_is_passed_over() -> None:
    content = HEAD + (
        b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary=b\n\n'
        b"--b\nContent-Type: text/plain\n\nSigned words.\n--b\n"
        b'Content-Type: application/pkcs7-signature; name="smime.p7s"\n\nAAAA\n--b--\n'
    )
    parsed = read(content)
    assert outline(parsed.documents[0])[-1] == ("Rain", "Signed words.")
    assert parsed.warnings == ("It is signed; the signature was not checked.",)
    assert parsed.failures == ()


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("application/pkcs7-mime; smime-type=signed-data", "unsupported"),
        ("application/pkcs7-mime; smime-type=enveloped-data", "encrypted"),
        ("application/x-pkcs7-mime", "encrypted"),
        ("multipart/encrypted; boundary=b", "encrypted"),
    ],
)
def test_a_sealed_mail_is_refused_with_its_reason(kind: str, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(HEAD + f"Content-Type: {kind}\n\n--b\n\nAAAA\n--b--".encode())
    assert caught.value.reason == reason


def test_a_delivery_report_is_read() -> None:
    content = HEAD + (
        b"Content-Type: multipart/report; boundary=b\n\n--b\n\nNot delivered.\n--b\n"
        b"Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\n"
        b"Final-Recipient: rfc822; bob@example.org\nStatus: 5.1.1\n--b--"
    )
    assert body(content) == [
        ("Rain", "Not delivered."),
        ("Rain", "Reporting-MTA: dns; x\nFinal-Recipient: rfc822; bob@example.org\nStatus: 5.1.1"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        HEAD + b'Content-Type: multipart/mixed; boundary="AAA"\n\n--BBB\n\nhello\n--BBB--',
        HEAD + b"Content-Type: multipart/mixed\n\nhello",
        HEAD + b"Content-Transfer-Encoding: base64\n\nhello",
        HEAD + b"Content-Type: ;;;\n\nhello",
        HEAD.decode().encode("utf-16") + "\n\nhello".encode("utf-16")[2:],
        HEAD.decode().encode("utf-16-le") + "\n\nhello".encode("utf-16-le"),
        HEAD.replace(b"\n", b"\r\n") + b"\r\nhello",
    ],
)
def test_a_mail_against_the_rules_keeps_its_text(content: bytes) -> None:
    parsed = read(content)
    if b"base64" not in content:
        assert "hello" in parsed.documents[0].text
    assert parsed.documents[0].title == "Rain"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"no mail at all", "malformed"),
        (bytes(99) + b"x", "binary"),
    ],
)
def test_what_is_no_mail_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(content)
    assert caught.value.reason == reason


def test_a_mailbox_is_its_mails_under_names_that_stay() -> None:
    def boxed(*messages: bytes) -> bytes:
        return b"\n".join(b"From a@x.org Mon Jan  1 10:00:00 2024\n" + m + b"\n" for m in messages)

    one = HEAD + b"Message-ID: <1@x>\n\nFirst.\n>From here on\n\nFrom the start."
    two = HEAD.replace(b"Rain", b"Sun") + b"\nSecond."
    parsed = read(boxed(one, two), "in.mbox")
    assert [document.title for document in parsed.documents] == ["Rain", "Sun"]
    assert "From here on" in parsed.documents[0].text
    assert "From the start." in parsed.documents[0].text
    assert {document.metadata["part_of"] for document in parsed.documents} == {"in.mbox"}
    (later,) = read(boxed(two), "in.mbox").documents
    assert later.id == parsed.documents[1].id
    assert later.id.startswith("in.mbox!/")


def test_a_mailbox_without_mails_is_refused() -> None:
    with pytest.raises(Unreadable, match="no mailbox"):
        read(b"just text", "in.mbox")


FIELD_VALUES = st.text(st.characters(exclude_characters="\r\n"), max_size=80)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["From", "To", "Cc", "Date", "Subject", "Message-ID", "References",
                         "Content-Type", "Content-Disposition", "Content-Transfer-Encoding"]),
        st.one_of(FIELD_VALUES, st.sampled_from([
            "multipart/mixed; boundary=b", "multipart/alternative; boundary=b", "message/rfc822",
            "message/delivery-status", "base64", "quoted-printable", "text/html", "x-uuencode",
            "attachment; filename*=utf-8''%ff", "text/plain; charset=idna", "(((((", "<a@b> <c",
            "=?utf-8?b?/w==?=", "=?x?q?=FF?=", 'text/plain; name*0="a"; name*1*=%zz',
        ])),
        min_size=1,
    ),
    st.lists(st.sampled_from([b"--b\n", b"--b--\n", b"\n", b"> hi\n", b"-- \n", b"=FF\n", b"\xff",
                              b"From: x\nSent: y\nTo: z\n", b"Content-Type: text/html\n\n",
                              b"begin 644 x\n", b"<blockquote type=cite>", b"Bob wrote:\n"]),
             max_size=20),
)  # fmt: skip
def test_no_mail_raises_anything_but_our_errors(
    fields: dict[str, Any], pieces: list[bytes]
) -> None:
    head = "".join(f"{name}: {value}\n" for name, value in fields.items())
    try:
        parsed = read(head.encode("utf-8", "surrogatepass") + b"\n" + b"".join(pieces))
    except BedplateError:
        return
    assert parsed.documents or parsed.failures
