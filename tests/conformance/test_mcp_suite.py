"""The official suite of the Model Context Protocol against our server, where `make kits` put it.

Most of its scenarios call tools, prompts and resources that its own example server has, and ours does
not. What may fail is named here with the reason; all else must pass, and every message on the wire be
as the revision's schema says.
"""

import json
import re
import subprocess
from pathlib import Path

import pytest
from tests.fixtures.process import ServerProcess

FOLDER = Path(__file__).parent / "mcp" / "node_modules"
NODE = FOLDER / ".bin" / "node"
SUITE = FOLDER / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"

EXAMPLE = "calls what only the suite's example server has"
NO_PROMPTS = "there are no prompts"
NO_COMPLETION = "there is no completion of arguments"
NO_SESSIONS = "over HTTP nothing is kept between requests: a level comes with each (2026-07-28)"
NO_SUBSCRIPTIONS = "there are no subscriptions"
NO_INPUT = "no tool asks its client for input"
NO_TASKS = "an extension: long work is a run, which start_run gives and get_run looks at"
NO_PARAM_HEADERS = "no argument of a tool is repeated in a header"

NOT_OURS = {
    **dict.fromkeys(
        ["tools-call-simple-text", "tools-call-image", "tools-call-audio", "tools-call-error",
         "tools-call-embedded-resource", "tools-call-mixed-content", "tools-call-with-progress",
         "json-schema-2020-12", "resources-read-text", "resources-read-binary",
         "resources-templates-read"], EXAMPLE),
    **dict.fromkeys(
        ["tools-call-sampling", "tools-call-elicitation", "elicitation-sep1034-defaults",
         "elicitation-sep1330-enums", "input-required-result-basic-elicitation",
         "input-required-result-basic-sampling", "input-required-result-basic-list-roots",
         "input-required-result-request-state", "input-required-result-multiple-input-requests",
         "input-required-result-multi-round", "input-required-result-missing-input-response",
         "input-required-result-result-type", "input-required-result-tampered-state",
         "input-required-result-capability-check", "input-required-result-ignore-extra-params"],
        NO_INPUT),
    **dict.fromkeys(
        ["prompts-list", "prompts-get-simple", "prompts-get-with-args", "prompts-get-with-image",
         "prompts-get-embedded-resource", "input-required-result-non-tool-request"], NO_PROMPTS),
    **dict.fromkeys(["resources-subscribe", "resources-unsubscribe"], NO_SUBSCRIPTIONS),
    **dict.fromkeys(["logging-set-level", "tools-call-with-logging"], NO_SESSIONS),
    **dict.fromkeys(["server-sse-polling", "server-sse-multiple-streams"], NO_SESSIONS),
    "completion-complete": NO_COMPLETION,
    "http-custom-header-server-validation": NO_PARAM_HEADERS,
    "caching": {"sep-2549-prompts-list-caching-hints": NO_PROMPTS},
    "server-stateless": {
        "sep-2575-server-rejects-undeclared-capability": EXAMPLE,
        "sep-2575-missing-capability-http-400": EXAMPLE,
        "sep-2575-http-server-no-independent-requests-on-stream": EXAMPLE,
        "sep-2575-server-no-log-without-loglevel": EXAMPLE,
    },
}  # fmt: skip
"""By scenario: why it may fail, or which of its checks may."""

STAMP = re.compile(r"-\d{4}-\d{2}-\d{2}T.*")
ALWAYS = "wire-schema-valid"
MOST_SECONDS = 120


@pytest.mark.conformance
@pytest.mark.parametrize("revision", ["2025-11-25", "2026-07-28"])
def test_all_that_applies_of_the_official_suite_passes(
    server: ServerProcess, revision: str, tmp_path: Path
) -> None:
    if not SUITE.exists():
        pytest.skip("the suite is not installed: `make kits` gets it by npm")
    asked = ("server", "--url", f"{server.url}/mcp", "--requirements", revision)
    subprocess.run(
        [str(NODE), str(SUITE), *asked, "--timeout", "20000", "-o", str(tmp_path)],
        capture_output=True,
        timeout=MOST_SECONDS,
        check=False,
    )
    passed: set[str] = set()
    failed: list[str] = []
    for file in tmp_path.glob("*/checks.json"):
        scenario = STAMP.sub("", file.parent.name).removeprefix("server-")
        may_fail = NOT_OURS.get(scenario, NO_TASKS if scenario.startswith("tasks-") else {})
        for check in json.loads(file.read_text()):
            if check["status"] == "SUCCESS":
                passed.add(check["id"])
            elif check["status"] in {"FAILURE", "WARNING"} and (
                check["id"] == ALWAYS
                or (isinstance(may_fail, dict) and check["id"] not in may_fail)
            ):
                failed.append(f"{scenario}: {check['id']}: {check.get('errorMessage')}")
    assert failed == []
    assert {"tools-list", "resources-list", "localhost-host-rebinding-rejected"} <= passed
