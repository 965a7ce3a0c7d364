"""The numbers of several workers as one."""

from pathlib import Path
from typing import Any

import msgspec

from bedplate.domain.traces import EndedSpan, EndedTrace
from bedplate.telemetry.conventions import METHOD, ROUTE, STATUS
from bedplate.telemetry.metrics import Metrics
from bedplate.telemetry.shared_metrics import Snapshot


def request(metrics: Metrics, *, status: int = 200, seconds: float = 0.02) -> None:
    found: dict[str, Any] = {METHOD: "POST", ROUTE: "/v1/chat/completions", STATUS: status}
    span = EndedSpan(
        id="1" * 16,
        parent=None,
        name="request",
        kind="server",
        started=0,
        took=int(seconds * 1e9),
        attributes=found,
        content={},
        error=None,
    )
    metrics.observe(EndedTrace(id="1" * 32, spans=(span,), tenant="default", key=None))  # type: ignore[arg-type]


def values(metrics: Metrics) -> dict[str, float]:
    lines = metrics.exposition().decode().splitlines()
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))
    }


OK = 'bedplate_requests_total{method="POST",route="/v1/chat/completions",status="200"}'
FAILED = OK.replace("200", "500")
COUNT = 'bedplate_request_seconds_count{route="/v1/chat/completions"}'
FAST = 'bedplate_request_seconds_bucket{le="0.025",route="/v1/chat/completions"}'


def test_each_worker_shows_what_all_counted(tmp_path: Path) -> None:
    one, other = Metrics(), Metrics()
    one.share(tmp_path, 0, ()).write()
    told = other.share(tmp_path, 1, ())
    request(one)
    request(other)
    request(other, status=500, seconds=2)
    told.write()
    found = values(one)
    assert (found[OK], found[FAILED], found[COUNT], found[FAST]) == (2, 1, 3, 2)


def test_what_a_worker_counted_stays_when_another_takes_its_place(tmp_path: Path) -> None:
    died = Metrics()
    told = died.share(tmp_path, 1, ("traces_waiting",))
    request(died)
    died.gauge("traces_waiting", "x", [({}, 7)])
    told.write()
    _of_process(tmp_path, 4_000_001)
    fresh = Metrics()
    told = fresh.share(tmp_path, 1, ("traces_waiting",))
    fresh.gauge("traces_waiting", "x", [({}, 1)])
    told.write()
    _of_process(tmp_path, 4_000_002)
    asked = Metrics()
    asked.share(tmp_path, 0, ("traces_waiting",))
    asked.gauge("traces_waiting", "x", [({}, 2)])
    found = values(asked)
    assert found[OK] == 1
    assert found["bedplate_traces_waiting"] == 3


def test_a_gauge_of_something_shared_is_not_added_up(tmp_path: Path) -> None:
    other = Metrics()
    told = other.share(tmp_path, 1, ())
    other.gauge("reviews_waiting", "x", [({}, 5)])
    told.write()
    _of_process(tmp_path, 4_000_001)
    asked = Metrics()
    asked.share(tmp_path, 0, ())
    asked.gauge("reviews_waiting", "x", [({}, 6)])
    assert values(asked)["bedplate_reviews_waiting"] == 6


def _of_process(folder: Path, pid: int) -> None:
    """Let what was written last be another process's: here all are this one."""
    (file,) = (each for each in folder.glob("*.json") if not _is_foreign(each))
    msgspec.json.decode(file.read_bytes(), type=Snapshot)
    file.rename(folder / f"{file.stem.partition('-')[0]}-{pid}.json")


def _is_foreign(file: Path) -> bool:
    return int(file.stem.partition("-")[2]) > 4_000_000
