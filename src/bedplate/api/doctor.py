"""/api/doctor: what works here, what does not, and what to do about it."""

import asyncio
from datetime import UTC, datetime
from typing import cast

from fastapi import APIRouter, Request, Response

from bedplate.api.current import Tenant
from bedplate.api.errors import PERMISSION, refuse
from bedplate.api.schemas import Shown
from bedplate.app import App
from bedplate.doctor import findings
from bedplate.doctor.examine import examine
from bedplate.domain.ids import DEFAULT_TENANT

SECONDS = 45.0
"""For all checks together."""

KEEP_SECONDS = 10.0
"""For so long findings are told again: checking is work."""

router = APIRouter(prefix="/api/doctor", tags=["health"])


class Finding(Shown):
    """`remedy` says what to do, where there is something to do."""

    check: str
    status: findings.Status
    detail: str
    remedy: str


class Examination(Shown):
    """`at` is when it was looked."""

    at: datetime
    findings: list[Finding]


class Doctor:
    """Looks once for all who want to know at the same time."""

    def __init__(self, app: App, *, keep_seconds: float = KEEP_SECONDS) -> None:
        self._app = app
        self._keep_seconds = keep_seconds
        self._examining = asyncio.Lock()
        self._kept_until: float | None = None
        self._found: Examination | None = None

    async def found(self) -> Examination:
        time = asyncio.get_running_loop().time
        async with self._examining:
            if self._found is None or self._kept_until is None or time() >= self._kept_until:
                found = await examine(self._app, seconds=SECONDS)
                self._found = Examination(
                    at=datetime.now(UTC), findings=[Finding.model_validate(each) for each in found]
                )
                self._kept_until = time() + self._keep_seconds
            return self._found


@router.get("", response_model=Examination)
async def examination(request: Request, tenant: Tenant) -> Examination | Response:
    """What `bedplate doctor` finds, of the running server: the machine, the parts, model servers.

    It tells of the machine and of all tenants, so that only the default one's operator may ask.
    """
    if tenant != DEFAULT_TENANT:
        return refuse(
            403,
            "The doctor looks at the whole server: ask with a key of the default tenant.",
            code="insufficient_scope",
            type=PERMISSION,
        )
    return await cast(Doctor, request.app.state.doctor).found()
