# ruff: noqa: PLR0917 - the names and arguments are those of the data set
"""E-mail and calendar, which AgentDojo's travel and workspace suites both have."""

from collections.abc import Mapping
from typing import Any

from tests.bench.tau2.records import Document, Records, opened

from bedplate.tools.protocol import ToolContext


def mail_and_events(there: Mapping[str, Any]) -> dict[str, dict[str, Document]]:
    return {
        "emails": {mail["id_"]: mail for mail in there["inbox"]["initial_emails"]},
        "events": {event["id_"]: event for event in there["calendar"]["initial_events"]},
    }


def send_email(
    recipients: list[str], subject: str, body: str, folder: str, context: ToolContext,
    attachments: list[dict[str, str]] | None = None,
) -> str:  # fmt: skip
    """Send an e-mail."""
    mail = {"recipients": recipients, "subject": subject, "body": body, "status": "sent"}
    with opened(folder, context.run) as records:
        return add(records, "emails", {**mail, "read": True, "attachments": attachments or []})


def create_calendar_event(
    title: str, start_time: str, end_time: str, folder: str, context: ToolContext,
    description: str = "", participants: list[str] | None = None, location: str | None = None,
) -> str:  # fmt: skip
    """Put an event into the calendar; participants are invited."""
    event = {"title": title, "start_time": start_time, "end_time": end_time}
    more = {"description": description, "participants": participants or [], "location": location}
    with opened(folder, context.run) as records:
        return add(records, "events", {**event, **more})


def get_day_calendar_events(day: str, folder: str, context: ToolContext) -> list[Document]:
    """The events of a day."""
    with opened(folder, context.run) as records:
        return [each for each in records.all("events") if str(each["start_time"]).startswith(day)]


def add(records: Records, kind: str, row: Document) -> str:
    id = str(1 + max(map(int, records.ids(kind)), default=0))
    records.put(kind, id, {"id_": id, **row})
    return id
