"""What tools give, beside what the HTTP API has a shape for."""

from bedplate.api.schemas import Document, Shown


class DocumentPage(Shown):
    documents: list[Document]
    has_more: bool


class DocumentText(Document):
    text: str


class AssistantName(Shown):
    name: str
    version: int


class AssistantNames(Shown):
    assistants: list[AssistantName]
