"""/v1/models: what `model` may be. Source: OpenAI API reference, "Models"."""

from fastapi import APIRouter, Request, Response

from bedplate.api.current import CurrentAccount, CurrentApp
from bedplate.api.openapi import JSON, answers, schema_of
from bedplate.api.wire import Model, ModelKind, ModelList, encode
from bedplate.app import App
from bedplate.domain.ids import TenantId
from bedplate.errors import NotFound

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("", response_class=Response, responses=answers("All of them.", schema_of(ModelList)))
async def list_models(request: Request, app: CurrentApp, account: CurrentAccount) -> Response:
    """Models, assistants, and the embedder by its fingerprint."""
    kinds = await _kinds(app, account.tenant)
    models = tuple(_model(request, name, kind) for name, kind in kinds)
    return Response(encode(ModelList(models)), media_type=JSON)


@router.get(
    "/{model:path}", response_class=Response, responses=answers("The one.", schema_of(Model))
)
async def get_model(
    model: str, request: Request, app: CurrentApp, account: CurrentAccount
) -> Response:
    kinds = dict(await _kinds(app, account.tenant))
    if model not in kinds:
        raise NotFound(
            f"There is no model {model!r}; there are: {', '.join(kinds)}.", param="model"
        )
    return Response(encode(_model(request, model, kinds[model])), media_type=JSON)


async def _kinds(app: App, tenant: TenantId) -> list[tuple[str, ModelKind]]:
    """Names, each with its kind."""
    kinds: dict[ModelKind, list[str]] = {
        "model": list(app.config.models),
        "assistant": [each.name for each in await app.assistants.roster.list(tenant)],
        "embedder": [app.embedder.fingerprint],
    }
    return [(name, kind) for kind, names in kinds.items() for name in names]


def _model(request: Request, name: str, kind: ModelKind) -> Model:
    return Model(name, request.app.state.started, kind)
