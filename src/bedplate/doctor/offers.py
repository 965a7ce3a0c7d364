"""What the doctor makes of a table of tools."""

from bedplate.doctor.findings import Finding
from bedplate.toolbox import Offer

SHOWN = 10


def judge_offer(offer: Offer) -> Finding:
    """What a table of tools has to offer; nothing is called."""
    check = f"tools {offer.table}"
    if offer.error is not None:
        remedy = f"Correct tools.{offer.table}, or start what it reaches."
        return Finding(check, "fail", offer.error.message, remedy)
    names = ", ".join(tool.spec.name for tool in offer.tools[:SHOWN])
    more = f" and {len(offer.tools) - SHOWN} more" if len(offer.tools) > SHOWN else ""
    if offer.simulated:
        remedy = "Take simulate out before anybody relies on them."
        return Finding(check, "warn", f"Simulated: {names}{more}.", remedy)
    once = [t.spec.name for t in offer.tools if t.policy.effect == "once" and not t.policy.approve]
    told = f"{offer.use} offers {names or 'nothing'}{more}."
    if once:
        told += f" Without approval, and never twice: {', '.join(once[:SHOWN])}."
    return Finding(check, "ok" if offer.tools else "warn", told)
