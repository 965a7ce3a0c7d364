"""A job's name in the one list that all tenants share: the tenant, a slash, its own id."""

from urllib.parse import quote

from bedplate.domain.ids import TenantId
from bedplate.durable.protocol import WorkId
from bedplate.errors import InvalidInput

MAX_CHARACTERS = 255


def name_of(tenant: TenantId, id: str) -> str:
    """Distinct for every pair; InvalidInput for an id that is blank, too long or not printable."""
    if not id.strip() or len(id) > MAX_CHARACTERS or not id.isprintable():
        raise InvalidInput(
            f"{id[:80]!r} is no id of a job: use 1 to {MAX_CHARACTERS} printable characters.",
            param="id",
        )
    return f"{quote(tenant, safe='')}/{id}"


def job_of(name: str) -> WorkId:
    return WorkId(name.partition("/")[2])
