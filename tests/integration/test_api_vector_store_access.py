"""Whose vector stores are whose, and what a key may do with them."""

from pathlib import Path

from tests.fixtures.access import headers_of
from tests.fixtures.serving import serving


async def test_keys_of_another_tenant_see_nothing_and_readers_change_nothing(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, work=True) as served:
        writer = await headers_of(served, "ours", "read", "write")
        reader = await headers_of(served, "ours", "read")
        other = await headers_of(served, "theirs", "read", "write")
        store = (await served.post("/v1/vector_stores", {"name": "n"}, headers=writer)).json["id"]
        path = f"/v1/vector_stores/{store}"
        query = {"query": "x"}
        assert (await served.post(f"{path}/search", query, headers=reader)).status == 200
        assert (await served.post(path, {"name": "m"}, headers=reader)).status == 403
        assert (await served.post(f"{path}/search", query, headers=other)).status == 404
        assert (await served.request("DELETE", path, headers=other)).status == 404
        assert (await served.get("/v1/vector_stores", headers=other)).json["data"] == []
        assert (await served.get(path, headers=reader)).json["name"] == "n"
