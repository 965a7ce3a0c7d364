"""What the assistant may do with the shop's database."""

import sqlite3
from contextlib import closing
from typing import Annotated

from pydantic import Field

from bedplate.tools.protocol import ToolContext


def find_order(order: str, database: str) -> dict[str, object]:
    """Look up an order by its number: who it is for, its state, its total in dollars, where it goes."""
    with closing(_opened(database)) as db:
        return {**_order(db, order), "refunded": _refunded(db, order)}


def find_refund(key: str, database: str) -> dict[str, object]:
    """Look up a refund by its key."""
    with closing(_opened(database)) as db:
        row = db.execute("SELECT order_id, amount FROM refunds WHERE key = ?", (key,)).fetchone()
    if row is None:
        raise LookupError(f"there is no refund {key!r}")
    return {"order": row["order_id"], "refunded": row["amount"]}


def refund_order(
    order: str, amount: Annotated[float, Field(gt=0)], database: str, context: ToolContext
) -> dict[str, object]:
    """Refund an amount in dollars of an order to the card it was paid with."""
    with closing(_opened(database)) as db, db:
        db.execute("BEGIN IMMEDIATE")
        left = _order(db, order)["total"] - _refunded(db, order)
        if amount > left:
            raise ValueError(f"only {left:.2f} dollars of {order} can still be refunded")
        db.execute("INSERT INTO refunds VALUES (?, ?, ?)", (context.key, order, amount))
    return {"order": order, "refunded": amount}


def change_address(order: str, street: str, city: str, database: str) -> dict[str, object]:
    """Send an order that is still pending to another address."""
    with closing(_opened(database)) as db, db:
        db.execute("BEGIN IMMEDIATE")
        if (status := _order(db, order)["status"]) != "pending":
            raise ValueError(f"{order} is {status}: its address cannot be changed any more")
        db.execute("UPDATE orders SET street = ?, city = ? WHERE id = ?", (street, city, order))
    return {"order": order, "street": street, "city": city}


def _opened(database: str) -> sqlite3.Connection:
    db = sqlite3.connect(f"file:{database}?mode=rw", uri=True, isolation_level=None)
    db.row_factory = sqlite3.Row
    return db


def _order(db: sqlite3.Connection, order: str) -> dict[str, object]:
    row = db.execute("SELECT * FROM orders WHERE id = ?", (order,)).fetchone()
    if row is None:
        raise LookupError(f"there is no order {order!r}")
    return dict(row)


def _refunded(db: sqlite3.Connection, order: str) -> float:
    [total] = db.execute(
        "SELECT coalesce(sum(amount), 0) FROM refunds WHERE order_id = ?", (order,)
    ).fetchone()
    return total
