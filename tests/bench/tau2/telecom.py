# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownParameterType=false
"""What an agent of tau2-bench's telecom may do, and what its user may do with their phone.

The phone is a model of the data set's: each toggle is a field, and service, data, speed and picture
messages follow from all of them, as its manual tells.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.bench.tau2.records import Document, Records, opened

from bedplate.tools.protocol import ToolContext

PHONE = "phone"
EXCELLENT = 200


def read(folder: Path) -> dict[str, dict[str, Document]]:
    data = tomllib.loads((folder / "db.toml").read_text("utf-8"))
    phone = tomllib.loads((folder / "user_db.toml").read_text("utf-8"))["device"]
    ids = {"plans": "plan_id", "lines": "line_id", "customers": "customer_id", "bills": "bill_id"}
    tables = {
        kind: {row[id]: {k: str(v) if hasattr(v, "isoformat") else v for k, v in row.items()} for row in data[kind]}
        for kind, id in ids.items()
    }  # fmt: skip
    return {**tables, "device": {PHONE: {**phone, "abroad": False}}}


def begin(records: Records, task: Mapping[str, Any]) -> None:
    """The task's own beginning."""
    for action in (task["initial_state"] or {}).get("initialization_actions") or ():
        BEGINNINGS[action["func_name"]](records, **action["arguments"])


def holds(records: Records, task: Mapping[str, Any]) -> bool:
    """Whether all that the data set asserts of the end is so."""
    wanted = task["evaluation_criteria"]["env_assertions"] or ()
    return all(
        ASSERTIONS[each["func_name"]](records, **each["arguments"]) is each["assert_value"]
        for each in wanted
    )


def _set(records: Records, kind: str, id: str, **values: Any) -> Document:
    there = records.get(kind, id) | values
    records.put(kind, id, there)
    return there


def _phone(records: Records, **values: Any) -> None:
    _set(records, "device", PHONE, **values)


def _permission(records: Records, app_name: str, permission: str, given: bool) -> None:
    device = records.get("device", PHONE)
    device["app_statuses"][app_name]["permissions"][permission] = given
    records.put("device", PHONE, device)


def _apn(records: Records, **values: Any) -> None:
    device = records.get("device", PHONE)
    _phone(records, active_apn_settings=device["active_apn_settings"] | values)


def _suspend(
    records: Records, customer_id: str, line_id: str, new_bill_id: str, contract_ended: bool
) -> None:
    line = _set(records, "lines", line_id, status="Suspended")
    if contract_ended:
        _set(records, "lines", line_id, contract_end_date="2025-01-31")
    due = records.get("plans", line["plan_id"])["price_per_month"]
    records.put(
        "bills",
        new_bill_id,
        {"bill_id": new_bill_id, "customer_id": customer_id, "total_due": due, "status": "Overdue"},
    )
    customer = records.get("customers", customer_id)
    _set(records, "customers", customer_id, bill_ids=[*customer["bill_ids"], new_bill_id])


BEGINNINGS: dict[str, Any] = {
    "set_user_info": lambda records, name, phone_number: _phone(
        records, user=name, number=phone_number
    ),
    "set_user_location": lambda records, abroad: _phone(records, abroad=abroad),
    "turn_airplane_mode_on": lambda records: _phone(records, airplane_mode=True),
    "turn_roaming_on": lambda records: _phone(records, roaming_enabled=True),
    "turn_roaming_off": lambda records: _phone(records, roaming_enabled=False),
    "turn_data_off": lambda records: _phone(records, data_enabled=False),
    "turn_data_saver_mode_on": lambda records: _phone(records, data_saver_mode=True),
    "set_network_mode_preference": lambda records, mode: _phone(
        records, network_mode_preference=mode
    ),
    # What a search finds follows from the fields.
    "simulate_network_search": lambda records: None,
    "unseat_sim_card": lambda records: _phone(records, sim_card_missing=True),
    "lock_sim_card": lambda records, mode: _phone(records, sim_card_status=f"locked_{mode}"),
    "break_apn_mms_setting": lambda records: _apn(records, mmsc_url=None),
    "break_apn_settings": lambda records: _apn(records, apn_name="broken"),
    "break_vpn": lambda records: _phone(records, vpn_connected=True),
    "remove_app_permission": lambda records, app_name, permission: _permission(
        records, app_name, permission, given=False
    ),
    "set_wifi_calling": lambda records, enabled, mms_over_wifi: _phone(
        records, wifi_calling_enabled=enabled, wifi_calling_mms_over_wifi=mms_over_wifi
    ),
    "set_data_usage": lambda records, customer_id, line_id, data_used_gb: _set(
        records, "lines", line_id, data_used_gb=data_used_gb
    ),
    "enable_roaming": lambda records, customer_id, line_id: _set(
        records, "lines", line_id, roaming_enabled=True
    ),
    "disable_roaming": lambda records, customer_id, line_id: _set(
        records, "lines", line_id, roaming_enabled=False
    ),
    "suspend_line_for_overdue_bill": _suspend,
}


def _line(records: Records) -> Document:
    number = records.get("device", PHONE)["number"]
    return next(line for line in records.all("lines") if line["phone_number"] == number)


def _service(records: Records) -> str:
    device = records.get("device", PHONE)
    there = (
        not device["airplane_mode"]
        and not device["sim_card_missing"]
        and device["sim_card_status"] == "active"
        and _line(records)["status"] == "Active"
    )
    return "connected" if there else "no_service"


def _data(records: Records) -> bool:
    device, line = records.get("device", PHONE), _line(records)
    limit = records.get("plans", line["plan_id"])["data_limit_gb"] + line["data_refueling_gb"]
    roams = not device["abroad"] or (device["roaming_enabled"] and line["roaming_enabled"])
    return (
        _service(records) == "connected"
        and device["data_enabled"]
        and roams
        and device["active_apn_settings"]["apn_name"] != "broken"
        and line["data_used_gb"] < limit
    )


def _speed(records: Records) -> int:
    device = records.get("device", PHONE)
    slow = device["data_saver_mode"] or device["vpn_connected"]
    fast = device["network_mode_preference"] == "4g_5g_preferred"
    return EXCELLENT if _data(records) and fast and not slow else 0


def _mms(records: Records) -> bool:
    device = records.get("device", PHONE)
    permissions = device["app_statuses"]["messaging"]["permissions"]
    return (
        _data(records)
        and device["network_mode_preference"] != "2g_only"
        and bool(device["active_apn_settings"]["mmsc_url"])
        and not (device["wifi_calling_enabled"] and device["wifi_calling_mms_over_wifi"])
        and permissions["sms"]
        and permissions["storage"]
    )


ASSERTIONS: dict[str, Any] = {
    "assert_service_status": lambda records, expected_status: _service(records) == expected_status,
    "assert_mobile_data_status": lambda records, expected_status: _data(records) is expected_status,
    "assert_internet_speed": lambda records, expected_speed, **_: _speed(records) >= expected_speed,
    "assert_can_send_mms": lambda records, expected_status: _mms(records) is expected_status,
    "assert_data_refueling_amount": lambda records, customer_id, line_id, expected_amount: (
        records.get("lines", line_id)["data_refueling_gb"] == expected_amount
    ),
    "assert_no_overdue_bill": lambda records, overdue_bill_id: (
        overdue_bill_id not in records.ids("bills")
        or records.get("bills", overdue_bill_id)["status"] == "Paid"
    ),
}


def _toggled(folder: str, context: ToolContext, field: str) -> str:
    with opened(folder, context.run) as records:
        now = not records.get("device", PHONE)[field]
        _phone(records, **{field: now})
    return f"{field} is {'on' if now else 'off'}"


def toggle_airplane_mode(folder: str, context: ToolContext) -> str:
    """Switch airplane mode."""
    return _toggled(folder, context, "airplane_mode")


def toggle_roaming(folder: str, context: ToolContext) -> str:
    """Switch roaming of the phone."""
    return _toggled(folder, context, "roaming_enabled")


def toggle_data(folder: str, context: ToolContext) -> str:
    """Switch mobile data."""
    return _toggled(folder, context, "data_enabled")


def toggle_data_saver_mode(folder: str, context: ToolContext) -> str:
    """Switch the data saver."""
    return _toggled(folder, context, "data_saver_mode")


def toggle_wifi_calling(folder: str, context: ToolContext) -> str:
    """Switch calls over Wi-Fi."""
    return _toggled(folder, context, "wifi_calling_enabled")


def set_network_mode_preference(mode: str, folder: str, context: ToolContext) -> str:
    """Which networks the phone takes."""
    with opened(folder, context.run) as records:
        _phone(records, network_mode_preference=mode)
    return f"it is {mode}"


def grant_app_permission(app_name: str, permission: str, folder: str, context: ToolContext) -> str:
    """Allow an app something."""
    with opened(folder, context.run) as records:
        _permission(records, app_name, permission, given=True)
    return "allowed"


def reseat_sim_card(folder: str, context: ToolContext) -> str:
    """Take the SIM card out and put it in."""
    with opened(folder, context.run) as records:
        _phone(records, sim_card_missing=False)
    return "it is in"


def reset_apn_settings(folder: str, context: ToolContext) -> str:
    """The carrier's settings, as they were at first; they hold after a restart."""
    with opened(folder, context.run) as records:
        _phone(records, resetting_apn=True)
    return "restart the phone"


def reboot_device(folder: str, context: ToolContext) -> str:
    """Restart the phone."""
    with opened(folder, context.run) as records:
        if records.get("device", PHONE).get("resetting_apn"):
            _apn(records, apn_name="internet", mmsc_url="http://mms.carrier.com/mms/wapenc")
            _phone(records, resetting_apn=False)
    return "restarted"


def disconnect_vpn(folder: str, context: ToolContext) -> str:
    """Leave the VPN."""
    with opened(folder, context.run) as records:
        _phone(records, vpn_connected=False)
    return "left"


def make_payment(folder: str, context: ToolContext) -> str:
    """Pay the bill that one was asked to pay."""
    with opened(folder, context.run) as records:
        due = [bill for bill in records.all("bills") if bill["status"] == "Awaiting Payment"]
        if not due:
            raise ValueError("there is no bill to pay")
        for bill in due:
            _set(records, "bills", bill["bill_id"], status="Paid")
    return "paid"


def send_payment_request(customer_id: str, bill_id: str, folder: str, context: ToolContext) -> str:
    """Ask a customer to pay a bill."""
    with opened(folder, context.run) as records:
        if bill_id not in records.get("customers", customer_id)["bill_ids"]:
            raise LookupError(f"{customer_id} has no bill {bill_id}")
        _set(records, "bills", bill_id, status="Awaiting Payment")
    return "asked"


def resume_line(customer_id: str, line_id: str, folder: str, context: ToolContext) -> str:
    """Let a suspended line work again."""
    with opened(folder, context.run) as records:
        customer = records.get("customers", customer_id)
        owed = [
            id for id in customer["bill_ids"] if records.get("bills", id)["status"] == "Overdue"
        ]
        if owed or records.get("lines", line_id)["status"] != "Suspended":
            raise ValueError(f"{line_id} is not to be resumed")
        _set(records, "lines", line_id, status="Active")
    return "resumed"


def enable_roaming(customer_id: str, line_id: str, folder: str, context: ToolContext) -> str:
    """Allow a line to be used abroad."""
    with opened(folder, context.run) as records:
        _set(records, "lines", line_id, roaming_enabled=True)
    return "enabled"


def refuel_data(
    customer_id: str, line_id: str, gb_amount: float, folder: str, context: ToolContext
) -> str:
    """Add data to a line; it is charged."""
    with opened(folder, context.run) as records:
        line = records.get("lines", line_id)
        _set(records, "lines", line_id, data_refueling_gb=line["data_refueling_gb"] + gb_amount)
    return "added"


def transfer_to_human_agents(summary: str, folder: str, context: ToolContext) -> str:
    """Hand the call on."""
    with opened(folder, context.run) as records:
        records.put("transfers", "one", {"summary": summary})
    return "handed on"


READS: tuple[str, ...] = ()
EFFECTS = (
    "toggle_airplane_mode", "toggle_roaming", "toggle_data", "toggle_data_saver_mode",
    "toggle_wifi_calling", "set_network_mode_preference", "grant_app_permission",
    "reseat_sim_card", "reset_apn_settings", "reboot_device", "disconnect_vpn", "make_payment",
    "send_payment_request", "resume_line", "enable_roaming", "refuel_data",
    "transfer_to_human_agents",
)  # fmt: skip
