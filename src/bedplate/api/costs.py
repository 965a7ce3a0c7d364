"""What a request cost, in a header: for clients that read no fields of ours."""

from collections.abc import Mapping
from decimal import Decimal

COST_HEADER = "x-bedplate-cost-usd"


def cost_headers(usd: object) -> Mapping[str, str]:
    """Dollars in plain digits; no header where the cost is not known."""
    if isinstance(usd, float | Decimal):
        return {COST_HEADER: f"{Decimal(str(usd)):f}"}
    return {}
