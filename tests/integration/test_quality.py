"""How a document came in can be seen afterwards, in counts and never in values."""

import io
import zipfile
from pathlib import Path

from tests.fixtures.serving import serving

DOCUMENTS = "/api/collections/c/documents"
WORDS = " ".join(f"word{n} of the rain report" for n in range(40))


async def test_a_document_tells_how_it_came_in(tmp_path: Path) -> None:
    text = "Süße Grüße aus München, schöne Straßen und große Häuser. " * 2 + "jo@example.com"
    async with serving(tmp_path) as served:
        sent = await served.request("PUT", f"{DOCUMENTS}/a.txt", data=text.encode("cp1252"))
        assert sent.status == 200
        shown = (await served.get(f"{DOCUMENTS}/a.txt")).json
        quality = shown["quality"]
        assert quality["language"] == "de"
        assert quality["encoding"] == {"guessed": "cp1252", "repaired": 0, "unreadable": 0}
        assert quality["warnings"] == ["The encoding was guessed to be cp1252."]
        assert quality["redactions"] == {"EMAIL": 1}
        assert quality["characters"] == len(text) - len("jo@example.com") + len("[EMAIL]")
        assert (quality["blocks"], quality["unreadable"], quality["repeated"]) == (1, 0.0, 0.0)
        assert (shown["duplicate_of"], shown["likeness"]) == (None, None)


async def test_repaired_lines_are_counted(tmp_path: Path) -> None:
    twice = "Süße Grüße aus München, schöne Straßen und große Häuser.".encode().decode("cp1252")
    text = f"{twice}\nEin Café in Zürich.\n{twice}".encode("cp1252")
    async with serving(tmp_path) as served:
        await served.request("PUT", f"{DOCUMENTS}/a.txt", data=text)
        quality = (await served.get(f"{DOCUMENTS}/a.txt")).json["quality"]
        assert quality["encoding"]["repaired"] == 2
        summary = (await served.get("/api/collections/c/quality")).json
        assert (summary["repaired"], summary["warned"]) == (1, 1)
        assert summary["encodings"] == {quality["encoding"]["guessed"]: 1}


async def test_copies_are_told_apart_from_near_copies(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        for name, text in (("a", WORDS), ("b", WORDS), ("c", f"{WORDS} And more.")):
            await served.post(DOCUMENTS, {"id": name, "text": text, "title": f"Report {name}"})
        shown = [(await served.get(f"{DOCUMENTS}/{name}")).json for name in "abc"]
        assert [(each["duplicate_of"], each["likeness"]) for each in shown] == [
            (None, None),
            ("a", "exact"),
            ("a", "near"),
        ]
        summary = (await served.get("/api/collections/c/quality")).json
        assert (summary["copies"], summary["exact_copies"]) == (2, 1)


async def test_a_collection_is_summed(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await served.post(DOCUMENTS, {"id": "a", "text": "Call +1 202 555 0143 or jo@example.com."})
        await served.post(DOCUMENTS, {"id": "b", "text": "Write to ann@example.com.", "by": "x"})
        await served.post(DOCUMENTS, {"id": "c", "text": "Write to ann@example.com for boots."})
        summary = (await served.get("/api/collections/c/quality")).json
        assert summary["documents"] == summary["measured"] == 2
        assert summary["redactions"] == {"EMAIL": 2, "PHONE": 1}
        assert summary["redacted"] == 2
        assert (await served.get("/api/collections/none/quality")).status == 404


async def test_a_warning_that_quotes_the_document_is_scrubbed(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        body = b'{"text": "Boots.", "jo@example.com": 1, "jo@example.com": 2}'
        await served.request("PUT", f"{DOCUMENTS}/a.json", data=body)
        shown = (await served.get(f"{DOCUMENTS}/a.json")).json
        assert ["[EMAIL]" in each for each in shown["quality"]["warnings"]] == [True]
        assert "jo@example.com" not in str(shown["quality"])


async def test_of_an_archive_each_document_has_its_own_warnings(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("old.txt", "Grüße aus Zürich.".encode("cp1252"))
        archive.writestr("new.txt", "Grüße aus Bern.")
    async with serving(tmp_path) as served:
        params = {"name": "letters.zip"}
        await served.request("POST", DOCUMENTS, data=packed.getvalue(), params=params)
        old = (await served.get(f"{DOCUMENTS}/letters.zip!/old.txt")).json["quality"]
        new = (await served.get(f"{DOCUMENTS}/letters.zip!/new.txt")).json["quality"]
    assert (old["encoding"]["guessed"], new["encoding"]["guessed"]) == ("cp1252", None)
    assert (len(old["warnings"]), new["warnings"]) == (1, [])
