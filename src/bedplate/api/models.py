"""/v1/models: what `model` may be. Source: OpenAI API reference, "Models"."""

from fastapi import APIRouter, Request, Response

from bedplate.api.current import CurrentAccount, CurrentApp
from bedplate.api.wire import Model, ModelList, encode
from bedplate.app import App
from bedplate.domain.ids import TenantId
from bedplate.errors import NotFound

JSON = "application/json"

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("", response_class=Response)
async def list_models(request: Request, app: CurrentApp, account: CurrentAccount) -> Response:
    """Models, assistants, and the embedder by its fingerprint."""
    names = await _names(app, account.tenant)
    models = tuple(_model(request, name) for name in names)
    return Response(encode(ModelList(models)), media_type=JSON)


@router.get("/{model:path}", response_class=Response)
async def get_model(
    model: str, request: Request, app: CurrentApp, account: CurrentAccount
) -> Response:
    names = await _names(app, account.tenant)
    if model not in names:
        raise NotFound(
            f"There is no model {model!r}; there are: {', '.join(names)}.", param="model"
        )
    return Response(encode(_model(request, model)), media_type=JSON)


async def _names(app: App, tenant: TenantId) -> list[str]:
    assistants = [each.name for each in await app.assistants.roster.list(tenant)]
    return [*app.config.models, *assistants, app.embedder.fingerprint]


def _model(request: Request, name: str) -> Model:
    return Model(name, request.app.state.started)
