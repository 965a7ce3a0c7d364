"""/v1/models: what `model` may be. Source: OpenAI API reference, "Models"."""

from fastapi import APIRouter, Request, Response

from bedplate.api.current import CurrentApp
from bedplate.api.wire import Model, ModelList, encode
from bedplate.app import App
from bedplate.errors import NotFound

JSON = "application/json"

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("", response_class=Response)
async def list_models(request: Request, app: CurrentApp) -> Response:
    """Models, assistants, and the embedder by its fingerprint."""
    models = tuple(_model(request, app, name) for name in _names(app))
    return Response(encode(ModelList(models)), media_type=JSON)


@router.get("/{model:path}", response_class=Response)
async def get_model(model: str, request: Request, app: CurrentApp) -> Response:
    names = _names(app)
    if model not in names:
        raise NotFound(
            f"There is no model {model!r}; there are: {', '.join(names)}.", param="model"
        )
    return Response(encode(_model(request, app, model)), media_type=JSON)


def _names(app: App) -> list[str]:
    return [*app.config.models, *app.config.assistants, app.embedder.fingerprint]


def _model(request: Request, app: App, name: str) -> Model:
    kind = "assistant" if name in app.config.assistants else "model"
    if name not in (*app.config.models, *app.config.assistants):
        kind = "embedder"
    return Model(name, request.app.state.started, kind)
