"""Files that come with a request, from wherever it names."""

from bedplate.api.remote_files import remote_files
from bedplate.app import App
from bedplate.domain.ids import TenantId
from bedplate.errors import NotFound
from bedplate.responses.files import Attached, Kept


def attached(app: App, tenant: TenantId, where: str) -> Attached:
    """Reads those of `tenant`; `where` is the field that NotFound names."""

    async def load(id: str) -> Kept:
        if app.library is None:
            raise NotFound(f"There is no file {id!r}.", param=where)
        try:
            file = await app.library.objects.files.get(tenant, id)
            return Kept(file.filename, await app.library.files.read(tenant, id))
        except NotFound as error:
            raise NotFound(error.message, param=where) from error

    return Attached(app.parser, load, remote_files(app.config))
