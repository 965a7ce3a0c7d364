"""`bedplate run` and `bedplate runs`: a call that waits for a human, from its start to its end."""

from pathlib import Path

from tests.fixtures.command_line import Call

ID = "0" * 36
TOML = """
[guards]
injection = { use = "scanner", model = false }
[models.default]
use = "scripted"
rules = [
  { result = "4", reply = "It is 4." },
  { tool_calls = [{ name = "sums", arguments = { expression = "2+2" } }] },
]
[tools.sums]
use = "calculator"
approve = true
[assistants.clerk]
tools = ["sums"]
"""


def test_a_parked_run_says_how_it_goes_on_and_does(call: Call, tmp_path: Path) -> None:
    (tmp_path / "bedplate.toml").write_text(TOML)
    goal = "Work out what two and two make, and say so in words that everybody understands."
    parked = call("run", "clerk", goal, "--id", ID)
    assert parked.code == 3
    approve, resume = parked.out.splitlines()[-2:]
    assert resume == f"then: bedplate runs resume {ID}, unless a server is at work"
    assert approve in call("runs", "show", ID).out
    assert ID in call("runs", "list").out

    # Nothing is decided yet.
    again = call("runs", "resume", ID)
    assert (again.code, again.out.splitlines()[-2:]) == (3, [approve, resume])
    wrong = call("runs", "resume", ID, "--budget", "stepz=3")
    assert wrong.code == 2
    assert "'stepz=3' is not MEASURE=AMOUNT, such as steps=40. Measures: steps, model_" in wrong.err

    decided = call(*approve.removeprefix("Next: bedplate ").split())
    assert decided.code == 0
    done = call("runs", "resume", ID)
    assert (done.code, done.out.strip()) == (0, "It is 4.")

    # Only the answer is made anew; what was done, and decided, stays so.
    entries = call("runs", "show", ID, "--json").json["entries"]
    last = [entry["number"] for entry in entries if entry["kind"] == "model"][-1]
    forked = call("runs", "fork", ID, "--at", str(last))
    assert (forked.code, forked.out.strip()) == (0, "It is 4.")
    anew = call("runs", "fork", ID, "--json")
    assert anew.json["run"]["status"] == "waiting_approval"
    paused = call("runs", "pause", anew.json["run"]["id"])
    assert (paused.code, paused.out.strip()) == (0, f"{anew.json['run']['id']}: paused")
