"""The passages of a document, page by page."""

from pathlib import Path

from tests.fixtures.serving import serving

TEXT = "\n\n".join(f"# Part {n}\n\n" + f"Sentence {n} of the 🏕 handbook. " * 40 for n in range(12))


async def test_passages_come_in_order_in_pages_and_lie_where_they_say(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        sent = {"id": "guides/camp.md", "title": "Camp", "text": TEXT}
        await served.post("/api/collections/shop/documents", sent)
        base = "/api/collections/shop/chunks/guides/camp.md"
        first = (await served.get(f"{base}?limit=2")).json
        rest = (await served.get(f"{base}?offset=2&limit=200")).json
        beyond = (await served.get(f"{base}?offset=9999")).json
        missing = await served.get("/api/collections/shop/chunks/nothing")
        refused = await served.get(f"{base}?limit=201")

    assert (first["title"], first["offset"], len(first["chunks"])) == ("Camp", 0, 2)
    chunks = first["chunks"] + rest["chunks"]
    assert len(chunks) == first["total"] > 3
    assert [each["id"] for each in chunks] == [f"guides/camp.md#{n}" for n in range(len(chunks))]
    # Offsets count characters, where some take two units in a browser's strings.
    assert all(each["end"] - each["start"] == len(each["text"]) for each in chunks)
    assert [each["start"] for each in chunks] == sorted(each["start"] for each in chunks)
    assert beyond["chunks"] == []
    assert (missing.status, refused.status) == (404, 400)
