"""Another process with the same ledger.

`spend NAME PLACE` waits for a line, makes 100 calls at once and says what they spent, in
millionths. `hold NAME PLACE` reserves, says so, and waits to be killed.
"""

import asyncio
import json
import random
import sys
from decimal import Decimal
from pathlib import Path

from tests.contract.ledgers import ACCOUNT, reserve, usd, used

from bedplate.domain.money import to_micro
from bedplate.errors import BudgetExceeded
from bedplate.ledger import LEDGERS
from bedplate.ledger.protocol import Ledger, LedgerOptions

CALLS = 100
BOUND = "0.03"


async def spend(ledger: Ledger, seed: int) -> int:
    """So many calls at once, each costing up to its bound; what the granted ones cost."""
    chance = random.Random(seed)

    async def call(cost: str) -> int:
        try:
            held = await ledger.reserve(ACCOUNT, "m", usd(BOUND), seconds=60)
        except BudgetExceeded:
            return 0
        assert held is not None
        await asyncio.sleep(0.001)
        await ledger.settle(held, used(cost))
        return to_micro(Decimal(cost))

    costs = [str(Decimal(chance.randrange(15_000, 30_001)) / 1_000_000) for _ in range(CALLS)]
    return sum(await asyncio.gather(*map(call, costs)))


async def main(what: str, name: str, place: str) -> None:
    where = Path(place) if name == "sqlite" else place
    async with LEDGERS.load(name)(LedgerOptions(where)) as ledger:
        print(json.dumps("ready"), flush=True)
        sys.stdin.readline()
        if what == "spend":
            print(json.dumps(await spend(ledger, seed=2)), flush=True)
        else:
            await reserve(ledger, "0.4")
            print(json.dumps("held"), flush=True)
            await asyncio.sleep(600)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
