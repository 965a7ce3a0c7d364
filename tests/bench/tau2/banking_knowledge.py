"""What an agent of tau2-bench's bank may do, and what its user may.

Most tools are discovered: a document names one, the agent unlocks it or gives it to the user, and it
is called by its name, with its arguments as JSON text.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.bench.tau2.records import Document, Records, opened

from bedplate.tools.protocol import ToolContext

TODAY = "11/14/2025"
SETTINGS = "task_config"


def read(folder: Path) -> dict[str, dict[str, Document]]:
    tables = json.loads((folder / "db.json").read_text("utf-8"))
    return {kind: table["data"] for kind, table in tables.items()}


def begin(records: Records, task: Mapping[str, Any]) -> None:
    """The task's own customers, accounts and settings, beside those that all tasks have."""
    state: Mapping[str, Any] = task["initial_state"] or {}
    given: Mapping[str, Any] = state.get("initialization_data") or {}
    own: Mapping[str, Any] = given["agent_data"] or {} if "agent_data" in given else given
    for kind, table in own.items():
        for id, document in table.get("data", table).items():
            records.put(kind, id, document)


def _new(records: Records, kind: str, prefix: str, given: Mapping[str, Any], **more: Any) -> str:
    """Its id follows from what it is."""
    digest = hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()[:12]
    id = f"{prefix}_{digest}"
    records.put(kind, id, {**given, f"{prefix}_id": id, **more})
    return id


def _changed(records: Records, kind: str, id: str, **values: Any) -> Document:
    there = records.get(kind, id) | values
    records.put(kind, id, there)
    return there


def _money(text: str) -> Decimal:
    return Decimal(str(text).replace("$", "").replace(",", ""))


def _move(records: Records, kind: str, id: str, field: str, amount: Decimal) -> None:
    there = records.get(kind, id)
    before = str(there[field])
    after = _money(before) + amount
    if kind == "accounts" and after < 0:
        raise ValueError(f"{id} holds {before}, less than {-amount}")
    sign = "$" if before.startswith("$") else ""
    records.put(kind, id, there | {field: f"{sign}{after:.2f}"})


READERS = {
    "get_bank_account_transactions_9173": ("bank_account_transaction_history", "account_id"),
    "get_all_user_accounts_by_user_id_3847": ("accounts", "user_id"),
    "get_debit_cards_by_account_id_7823": ("debit_cards", "account_id"),
    "get_pending_replacement_orders_5765": ("credit_card_orders", "credit_card_account_id"),
    "get_user_dispute_history_7291": ("transaction_disputes", "user_id"),
    "get_debit_dispute_status_7483": ("transaction_disputes", "user_id"),
    "get_closure_reason_history_8293": ("credit_card_closure_reasons", "credit_card_account_id"),
    "get_credit_limit_increase_history_4829": (
        "credit_limit_increase_requests",
        "credit_card_account_id",
    ),
    "get_payment_history_6183": ("payment_history", "credit_card_account_id"),
    "get_card_last_4_digits": ("credit_card_accounts", "account_id"),
}
"""Rows of a table whose field has the value of the argument."""

FILERS = {
    "file_credit_card_transaction_dispute_4829": ("transaction_disputes", "dispute"),
    "file_debit_card_transaction_dispute_6281": ("transaction_disputes", "dispute"),
    "submit_interest_discrepancy_report_7294": ("interest_reports", "report"),
    "log_credit_card_closure_reason_4521": ("credit_card_closure_reasons", "record"),
    "order_replacement_credit_card_7291": ("credit_card_orders", "order"),
    "order_debit_card_5739": ("debit_card_orders", "order"),
    "submit_credit_limit_increase_request_7392": ("credit_limit_increase_requests", "request"),
    "apply_credit_card_account_flag_6147": ("credit_card_account_flags", "flag"),
    "initial_transfer_to_human_agent_0218": ("transfers", "transfer"),
    "get_referral_link": ("referral_links", "link"),
}
"""A new row of what the arguments say."""

SWITCHES: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "unfreeze_debit_card_3893": ("debit_cards", "card_id", {"status": "ACTIVE"}),
    "freeze_debit_card_3892": ("debit_cards", "card_id", {"status": "FROZEN"}),
    "close_debit_card_4721": ("debit_cards", "card_id", {"status": "CLOSED"}),
    "activate_debit_card_8292": ("debit_cards", "card_id", {"status": "ACTIVE"}),
    "clear_debit_card_fraud_alert_4892": ("debit_cards", "card_id", {"fraud_alert": False}),
    "reset_debit_card_pin_6284": ("debit_cards", "card_id", {}),
    "close_bank_account_7392": ("accounts", "account_id", {"status": "CLOSED"}),
    "close_credit_card_account_7834": (
        "credit_card_accounts",
        "credit_card_account_id",
        {"status": "CLOSED"},
    ),
}
"""A row that changes; the other arguments are written into it."""


def _dispute_cash_back(records: Records, given: Mapping[str, Any]) -> Any:
    settings = records.all(SETTINGS)
    resolved = bool(settings) and settings[0]["auto_resolve_disputes"]
    status = "RESOLVED" if resolved else "SUBMITTED"
    return _new(records, "cash_back_disputes", "dispute", given, status=status)


def _open_account(records: Records, given: Mapping[str, Any]) -> Any:
    about = {
        "user_id": given["user_id"],
        "class": given["account_type"],
        "level": given["account_class"],
    }
    more = {"date_opened": TODAY, "status": "OPEN", "current_holdings": "0"}
    return _new(records, "accounts", "account", about, **more)


def _reward(records: Records, given: Mapping[str, Any]) -> Any:
    kind, id = "credit_card_transaction_history", given["transaction_id"]
    return _changed(records, kind, id, rewards_earned=given["new_rewards_earned"])


def _credit_account(records: Records, given: Mapping[str, Any]) -> Any:
    amount = Decimal(str(given["amount"]))
    _move(records, "accounts", given["account_id"], "current_holdings", amount)
    about = {"account_id": given["account_id"], "amount": float(amount), "date": TODAY}
    kind = "bank_account_transaction_history"
    return _new(records, kind, "transaction", about, type=given["credit_type"], status="posted")


def _credit_statement(records: Records, given: Mapping[str, Any]) -> Any:
    card, amount = given["credit_card_account_id"], Decimal(str(given["amount"]))
    _move(records, "credit_card_accounts", card, "current_balance", -amount)
    return records.get("credit_card_accounts", card)


def _pay_card(records: Records, given: Mapping[str, Any]) -> Any:
    amount = Decimal(str(given["amount"]))
    _move(records, "accounts", given["checking_account_id"], "current_holdings", -amount)
    return _credit_statement(records, given)


def _transfer(records: Records, given: Mapping[str, Any]) -> Any:
    amount = Decimal(str(given["amount"]))
    _move(records, "accounts", given["source_account_id"], "current_holdings", -amount)
    _move(records, "accounts", given["destination_account_id"], "current_holdings", amount)
    return records.get("accounts", given["destination_account_id"])


def _decide_limit(records: Records, given: Mapping[str, Any]) -> Any:
    card = given["credit_card_account_id"]
    status = "APPROVED" if "new_credit_limit" in given else "DENIED"
    for request in records.all("credit_limit_increase_requests"):
        if request["credit_card_account_id"] == card and request.get("status", "") != "APPROVED":
            id = request["request_id"]
            _changed(records, "credit_limit_increase_requests", id, status=status)
    if status == "APPROVED":
        limit = f"${given['new_credit_limit']:,.2f}"
        _changed(records, "credit_card_accounts", card, credit_limit=limit)
    return status


OTHERS: Mapping[str, Callable[[Records, Mapping[str, Any]], Any]] = {
    "submit_cash_back_dispute_0589": _dispute_cash_back,
    "open_bank_account_4821": _open_account,
    "update_transaction_rewards_3847": _reward,
    "apply_savings_account_credit_6831": _credit_account,
    "apply_checking_account_credit_5829": _credit_account,
    "apply_statement_credit_8472": _credit_statement,
    "pay_credit_card_from_checking_9182": _pay_card,
    "transfer_funds_between_bank_accounts_7291": _transfer,
    "approve_credit_limit_increase_5847": _decide_limit,
    "deny_credit_limit_increase_5848": _decide_limit,
}


def _call(records: Records, name: str, given: Mapping[str, Any]) -> Any:
    if name in READERS:
        kind, field = READERS[name]
        wanted = given.get(field, given.get("credit_card_account_id"))
        return [row for row in records.all(kind) if row.get(field) == wanted]
    if name in FILERS:
        kind, prefix = FILERS[name]
        return _new(records, kind, prefix, given, date=TODAY, status="SUBMITTED")
    if name in SWITCHES:
        kind, id, values = SWITCHES[name]
        others = {key: value for key, value in given.items() if key != id}
        return _changed(records, kind, given[id], **others, **values)
    return OTHERS[name](records, given)


def _known(name: str) -> None:
    if name not in {*READERS, *FILERS, *SWITCHES, *OTHERS}:
        raise LookupError(f"there is no tool {name!r}")


def _discovered(folder: str, run: str, whose: str, name: str, arguments: str) -> Any:
    with opened(folder, run) as records:
        records.get(whose, name)
        return _call(records, name, json.loads(arguments))


def unlock_discoverable_agent_tool(agent_tool_name: str, folder: str, context: ToolContext) -> Any:
    """Unlock a tool that a document names, for the agent."""
    _known(agent_tool_name)
    with opened(folder, context.run) as records:
        records.put("unlocked", agent_tool_name, {"at": TODAY})
    return "unlocked"


def give_discoverable_user_tool(
    discoverable_tool_name: str, folder: str, context: ToolContext
) -> Any:
    """Give the user a tool that a document names."""
    _known(discoverable_tool_name)
    with opened(folder, context.run) as records:
        records.put("given", discoverable_tool_name, {"at": TODAY})
    return "given"


def call_discoverable_agent_tool(
    agent_tool_name: str, folder: str, context: ToolContext, arguments: str = "{}"
) -> Any:
    """Call a tool that the agent unlocked."""
    return _discovered(folder, context.run, "unlocked", agent_tool_name, arguments)


def call_discoverable_user_tool(
    discoverable_tool_name: str, folder: str, context: ToolContext, arguments: str = "{}"
) -> Any:
    """What the user does with a tool that was given to them."""
    return _discovered(folder, context.run, "given", discoverable_tool_name, arguments)


def log_verification(  # noqa: PLR0917 - as the data set has it
    name: str,
    user_id: str,
    address: str,
    email: str,
    phone_number: str,
    date_of_birth: str,
    time_verified: str,
    folder: str,
    context: ToolContext,
) -> str:
    """Keep that a customer was verified."""
    about = {
        "name": name, "user_id": user_id, "address": address, "email": email,
        "phone_number": phone_number, "date_of_birth": date_of_birth,
        "time_verified": time_verified,
    }  # fmt: skip
    with opened(folder, context.run) as records:
        return _new(records, "verification_history", "verification", about)


def apply_for_credit_card(
    card_type: str,
    customer_name: str,
    annual_income: float,
    folder: str,
    context: ToolContext,
    rho_bank_subscription: bool = False,
) -> str:
    """What the user does: apply for a card."""
    about = {
        "card_type": card_type, "customer_name": customer_name,
        "annual_income": float(annual_income),
        "rho_bank_subscription": rho_bank_subscription,
    }  # fmt: skip
    with opened(folder, context.run) as records:
        kind, more = "credit_card_applications", {"status": "PENDING", "date": TODAY}
        return _new(records, kind, "application", about, **more)


def submit_referral(user_id: str, account_type: str, folder: str, context: ToolContext) -> str:
    """What the user does: refer somebody to an account or a card."""
    about = {"referrer_id": user_id, "referred_account_type": account_type, "date": TODAY}
    with opened(folder, context.run) as records:
        return _new(records, "referrals", "referral", about, referral_status="PENDING")


def submit_transaction(
    user_id: str,
    credit_card_type: str,
    merchant_name: str,
    amount: float,
    category: str,
    folder: str,
    context: ToolContext,
) -> str:
    """What the user does: buy something with a card."""
    about = {
        "user_id": user_id, "credit_card_type": credit_card_type, "merchant_name": merchant_name,
        "transaction_amount": f"${amount:.2f}", "category": category, "transaction_date": TODAY,
    }  # fmt: skip
    with opened(folder, context.run) as records:
        return _new(records, "credit_card_transaction_history", "transaction", about)


def transfer_to_human_agents(
    folder: str, context: ToolContext, reason: str = "", summary: str = ""
) -> str:
    """Hand the customer over to a human."""
    with opened(folder, context.run) as records:
        return _new(records, "transfers", "transfer", {"reason": reason, "summary": summary})


def request_human_agent_transfer(folder: str, context: ToolContext) -> str:
    """What the user does: ask for a human."""
    with opened(folder, context.run) as records:
        return _new(records, "transfers", "transfer", {"reason": "asked by the user"})


def get_referrals_by_user(user_id: str, folder: str, context: ToolContext) -> list[Document]:
    """The referrals of a customer."""
    with opened(folder, context.run) as records:
        return [each for each in records.all("referrals") if each["referrer_id"] == user_id]


def get_credit_card_accounts_by_user(
    user_id: str, folder: str, context: ToolContext
) -> list[Document]:
    """The credit cards of a customer."""
    with opened(folder, context.run) as records:
        return [each for each in records.all("credit_card_accounts") if each["user_id"] == user_id]


READS = ("get_referrals_by_user", "get_credit_card_accounts_by_user")
EFFECTS = (
    "unlock_discoverable_agent_tool", "give_discoverable_user_tool",
    "call_discoverable_agent_tool", "call_discoverable_user_tool", "log_verification",
    "apply_for_credit_card", "submit_referral", "submit_transaction", "transfer_to_human_agents",
    "request_human_agent_transfer",
)  # fmt: skip
