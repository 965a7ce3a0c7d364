"""The settings of assistants."""

from pydantic import Field

from bedplate.sections import Section


class AssistantConfig(Section):
    """A model bound to collections; clients pick it by its name."""

    model: str = "default"
    collections: tuple[str, ...] = Field(min_length=1)
    instructions: str = ""
    passages: int | None = Field(default=None, gt=0, le=50)
