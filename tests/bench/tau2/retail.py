# ruff: noqa: A002, PLR0917 - the names and arguments are those of the data set
"""What an agent of tau2-bench's shop may do."""

from typing import Any, Literal

from tests.bench.tau2.records import Document, Records, opened

from bedplate.tools.protocol import ToolContext

Reason = Literal["no longer needed", "ordered by mistake"]


def find_user_id_by_email(email: str, folder: str, context: ToolContext) -> str:
    """Find a user's id by an e-mail address."""
    with opened(folder, context.run) as records:
        for user in records.all("users"):
            if user["email"].casefold() == email.casefold():
                return user["user_id"]
    raise LookupError("there is no such user")


def find_user_id_by_name_zip(
    first_name: str, last_name: str, zip: str, folder: str, context: ToolContext
) -> str:
    """Find a user's id by name and zip code."""
    wanted = (first_name.casefold(), last_name.casefold(), zip)
    with opened(folder, context.run) as records:
        for user in records.all("users"):
            name = user["name"]
            found = (name["first_name"].casefold(), name["last_name"].casefold())
            if (*found, user["address"]["zip"]) == wanted:
                return user["user_id"]
    raise LookupError("there is no such user")


def get_user_details(user_id: str, folder: str, context: ToolContext) -> Document:
    """All about a user."""
    with opened(folder, context.run) as records:
        return records.get("users", user_id)


def get_order_details(order_id: str, folder: str, context: ToolContext) -> Document:
    """All about an order."""
    with opened(folder, context.run) as records:
        return records.get("orders", order_id)


def get_product_details(product_id: str, folder: str, context: ToolContext) -> Document:
    """All about a product and its variants."""
    with opened(folder, context.run) as records:
        return records.get("products", product_id)


def get_item_details(item_id: str, folder: str, context: ToolContext) -> Document:
    """One variant of a product."""
    with opened(folder, context.run) as records:
        for product in records.all("products"):
            if item_id in product["variants"]:
                return product["variants"][item_id]
    raise LookupError(f"there is no item {item_id!r}")


def transfer_to_human_agents(summary: str) -> str:
    """Hand the user over to a human."""
    return "handed over"


def cancel_pending_order(
    order_id: str, reason: Reason, folder: str, context: ToolContext
) -> Document:
    """Cancel an order that is pending, and give the money back."""
    with opened(folder, context.run) as records:
        order = _order(records, order_id, "pending")
        refunds: list[Document] = [
            {**paid, "transaction_type": "refund"} for paid in order["payment_history"]
        ]
        for refund in refunds:
            _pay(records, order["user_id"], refund["payment_method_id"], -refund["amount"])
        order |= {"status": "cancelled", "cancel_reason": reason}
        order["payment_history"] += refunds
        return _kept(records, order)


def modify_pending_order_address(
    order_id: str, address1: str, address2: str, city: str, state: str, country: str, zip: str,
    folder: str, context: ToolContext,
) -> Document:  # fmt: skip
    """Send a pending order elsewhere."""
    with opened(folder, context.run) as records:
        order = _order(records, order_id, "pending")
        order["address"] = _address(address1, address2, city, state, country, zip)
        return _kept(records, order)


def modify_user_address(
    user_id: str, address1: str, address2: str, city: str, state: str, country: str, zip: str,
    folder: str, context: ToolContext,
) -> Document:  # fmt: skip
    """Change a user's own address."""
    with opened(folder, context.run) as records:
        user = records.get("users", user_id)
        user["address"] = _address(address1, address2, city, state, country, zip)
        records.put("users", user_id, user)
        return user


def modify_pending_order_items(
    order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str,
    folder: str, context: ToolContext,
) -> Document:  # fmt: skip
    """Take other variants of the same products in a pending order."""
    with opened(folder, context.run) as records:
        order = _order(records, order_id, "pending")
        difference = _swap_price(records, order, item_ids, new_item_ids)
        for old, new in zip(item_ids, new_item_ids, strict=True):
            item = next(each for each in order["items"] if each["item_id"] == old)
            variant = _variant(records, item["product_id"], new)
            item |= {"item_id": new, "price": variant["price"], "options": variant["options"]}
        _pay(records, order["user_id"], payment_method_id, difference)
        kind = "payment" if difference > 0 else "refund"
        order["payment_history"].append(
            {
                "transaction_type": kind,
                "amount": abs(difference),
                "payment_method_id": payment_method_id,
            }
        )
        order["status"] = "pending (item modified)"
        return _kept(records, order)


def exchange_delivered_order_items(
    order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str,
    folder: str, context: ToolContext,
) -> Document:  # fmt: skip
    """Ask for other variants of the same products of a delivered order."""
    with opened(folder, context.run) as records:
        order = _order(records, order_id, "delivered")
        difference = _swap_price(records, order, item_ids, new_item_ids)
        order |= {
            "status": "exchange requested",
            "exchange_items": sorted(item_ids),
            "exchange_new_items": sorted(new_item_ids),
            "exchange_payment_method_id": payment_method_id,
            "exchange_price_difference": difference,
        }
        return _kept(records, order)


def return_delivered_order_items(
    order_id: str, item_ids: list[str], payment_method_id: str, folder: str, context: ToolContext
) -> Document:
    """Send items of a delivered order back."""
    with opened(folder, context.run) as records:
        order = _order(records, order_id, "delivered")
        _check_items(order, item_ids)
        _method(records, order["user_id"], payment_method_id)
        order |= {
            "status": "return requested",
            "return_items": sorted(item_ids),
            "return_payment_method_id": payment_method_id,
        }
        return _kept(records, order)


READS = (
    "find_user_id_by_email", "find_user_id_by_name_zip", "get_user_details", "get_order_details",
    "get_product_details", "get_item_details", "transfer_to_human_agents",
)  # fmt: skip
EFFECTS = (
    "cancel_pending_order", "modify_pending_order_address", "modify_user_address",
    "modify_pending_order_items", "exchange_delivered_order_items", "return_delivered_order_items",
)  # fmt: skip


def _order(records: Records, id: str, status: str) -> Document:
    order = records.get("orders", id)
    if order["status"] != status:
        raise ValueError(f"{id} is {order['status']}, not {status}")
    return order


def _kept(records: Records, order: Document) -> Document:
    records.put("orders", order["order_id"], order)
    return order


def _address(*lines: str) -> Document:
    names = ("address1", "address2", "city", "state", "country", "zip")
    return dict(zip(names, lines, strict=True))


def _check_items(order: Document, item_ids: list[str]) -> None:
    there = [item["item_id"] for item in order["items"]]
    for id in item_ids:
        if item_ids.count(id) > there.count(id):
            raise ValueError(f"{id} is not so often in {order['order_id']}")


def _variant(records: Records, product: str, item: str) -> Document:
    variant = records.get("products", product)["variants"].get(item)
    if variant is None or not variant["available"]:
        raise ValueError(f"{item} is not to be had")
    return variant


def _swap_price(
    records: Records, order: Document, item_ids: list[str], new_item_ids: list[str]
) -> float:
    if len(item_ids) != len(new_item_ids):
        raise ValueError("as many new items as old ones are needed")
    _check_items(order, item_ids)
    difference = 0.0
    for old, new in zip(item_ids, new_item_ids, strict=True):
        item = next(each for each in order["items"] if each["item_id"] == old)
        difference += _variant(records, item["product_id"], new)["price"] - item["price"]
    return round(difference, 2)


def _method(records: Records, user_id: str, id: str) -> dict[str, Any]:
    found = records.get("users", user_id)["payment_methods"].get(id)
    if found is None:
        raise LookupError(f"{user_id} has no payment method {id!r}")
    return found


def _pay(records: Records, user_id: str, method: str, amount: float) -> None:
    """From a gift card's balance, or onto it; other methods are somebody else's books."""
    _method(records, user_id, method)
    user = records.get("users", user_id)
    card = user["payment_methods"][method]
    if card["source"] == "gift_card":
        if card["balance"] < amount:
            raise ValueError(f"{method} has only {card['balance']}")
        card["balance"] = round(card["balance"] - amount, 2)
        records.put("users", user_id, user)
