"""Personal data does not reach the log, in whatever part of a line it stands."""

import json
import logging

from bedplate.guards.closed import FailsClosed
from bedplate.guards.pii import TYPES, PatternGuard
from bedplate.guards.policy import Policy
from bedplate.guards.redaction import UNREADABLE, Redaction
from bedplate.telemetry.logs import JsonFormatter, LineFormatter
from bedplate.telemetry.redacting import redacted_by
from bedplate.telemetry.trace import trace

GUARD = PatternGuard(TYPES)
LOGS = Policy(on=frozenset({"logs"}), allow=frozenset({"@example.com"}))


def line(message, *args, error=None, formatter=LineFormatter, **fields):
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("bedplate.x", logging.INFO, "x.py", 1, message, args, info)
    vars(record).update(fields)
    with trace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"):
        return formatter().format(record)


def test_message_fields_and_traceback_are_redacted_and_the_rest_stays():
    redaction = Redaction(GUARD, LOGS, {})
    with redacted_by(lambda text: redaction(text, "logs")):
        told = line(
            "mail from %s to a@example.com",
            "jo@example.org",
            error=ValueError("card 4111 1111 1111 1111"),
            sender="+44 20 7946 0958",
            count=3,
        )
    assert "mail from [EMAIL] to a@example.com" in told
    assert "ValueError: card [CARD]" in told
    assert "sender='[PHONE]' count=3" in told
    assert told.endswith(" trace_id='0af7651916cd43dd8448eb211c80319c'")
    assert "jo@example.org" in line("mail from jo@example.org")


def test_each_direction_and_tenant_has_its_policy():
    redaction = Redaction(GUARD, LOGS, {"acme": Policy(on=frozenset({"ingest"}))})
    assert redaction("jo@example.org", "logs", "other") == "[EMAIL]"
    assert redaction("jo@example.org", "logs", "acme") == "jo@example.org"
    assert redaction("jo@example.org", "output") == "jo@example.org"


def test_modes_that_need_somebody_to_answer_mask():
    policy = Policy(
        on=frozenset({"logs"}), mode="pseudonym", modes={"CARD": "block", "IP": "hash"}, key=b"k"
    )
    told = Redaction(GUARD, policy, {})("jo@example.org 4111 1111 1111 1111 ip 203.0.113.7", "logs")
    assert told.startswith("[EMAIL] [CARD] ip [IP:")


def test_a_broken_guard_shows_nothing_and_stops_nothing():
    class Broken:
        def find(self, text):
            raise RuntimeError

    redaction = Redaction(FailsClosed(Broken(), "guards.pii"), LOGS, {})
    assert redaction("jo@example.org", "logs") == UNREADABLE


def test_json_lines_are_redacted_and_keep_their_shape():
    redaction = Redaction(GUARD, LOGS, {})
    with redacted_by(lambda text: redaction(text, "logs")):
        told = line(
            "to jo@example.org",
            formatter=JsonFormatter,
            error=ValueError("card 4111 1111 1111 1111"),
            senders=["jo@example.org", 3],
            more={"ip": "jo@example.org"},
        )
    said = json.loads(told)
    assert said["message"] == "to [EMAIL]"
    assert said["senders"] == ["[EMAIL]", 3]
    assert said["more"] == {"ip": "[EMAIL]"}
    assert "[CARD]" in said["exception"]
    assert "jo@example.org" not in told
