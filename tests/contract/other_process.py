"""A second process with the same catalog and store: told what to do line by line, in JSON.

`{"write": N}` writes version N of the document; `{"read": "name"}` says which of its passages are
found. Each line out is the answer, once it is done.
"""

import asyncio
import json
import sys
from pathlib import Path

from tests.contract.shelf import Shelf, open_pair
from tests.contract.versions import seen, write


async def serve(catalog_name: str, store_name: str, folder: str) -> None:
    options = json.loads(sys.stdin.readline())
    async with open_pair(catalog_name, store_name, Path(folder), options) as (catalog, store):
        print(json.dumps("ready"), flush=True)
        for line in sys.stdin:
            match json.loads(line):
                case {"write": int(version), "document": str(document)}:
                    await write(Shelf(catalog, store), document, version)
                    answer: object = version
                case {"read": str(document)}:
                    answer = await seen(Shelf(catalog, store), document)
                case other:
                    raise AssertionError(other)
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
