import pytest

from bedplate.api.scopes import scope_of


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/", None),
        ("GET", "/v1/models/a/b", None),
        ("HEAD", "/openapi.json", None),
        ("POST", "/v1/models", "write"),
        ("POST", "/api/session", None),
        ("GET", "/api/traces/series", "admin"),
        ("GET", "/api/collections/c/chunks/d", "read"),
        ("GET", "/api/collections", "read"),
        ("POST", "/api/search", "read"),
        ("POST", "/api/collections", "write"),
        ("DELETE", "/api/collections/c", "write"),
        ("POST", "/api/ask", "ask"),
        ("POST", "/v1/chat/completions", "ask"),
        ("POST", "/v1/embeddings", "ask"),
        ("POST", "/v1/messages", "ask"),
        ("POST", "/v1/completions", "ask"),
        ("GET", "/v1/responses/resp_1/input_items", "ask"),
        ("POST", "/v1/vector_stores/vs_1/search", "read"),
        ("POST", "/v1/vector_stores/vs_1", "write"),
        ("POST", "/v1/files", "write"),
        ("GET", "/v1/files/f/content", "read"),
        ("GET", "/api/keys", "admin"),
        ("DELETE", "/api/keys/1", "admin"),
        ("GET", "/api/budgets/key/k", "admin"),
        ("GET", "/api/assistants", "admin"),
        ("POST", "/api/assistants/a/rollback", "admin"),
        ("DELETE", "/api/keys/a\nb", "admin"),
        ("GET", "/api/usage", "admin"),
        ("GET", "/api/doctor", "admin"),
        ("GET", "/api/models/health", "admin"),
        ("POST", "/api/reviews", "ask"),
        ("GET", "/api/reviews/r/outcome", "ask"),
        ("GET", "/api/reviews/r/events", "ask"),
        ("GET", "/api/reviews", "review"),
        ("GET", "/api/reviews/events", "review"),
        ("GET", "/api/reviews/r", "review"),
        ("POST", "/api/reviews/r/decision", "review"),
        ("GET", "/api/reviews/secret", "admin"),
        ("GET", "/api/tools", "admin"),
        ("GET", "/api/keysmith", "read"),
        ("POST", "/api/search/", "write"),
        ("POST", "/nowhere", "write"),
        ("TRACE", "/api/collections", "write"),
    ],
)
def test_a_route_needs_its_scope_and_an_unknown_one_needs_write(
    method: str, path: str, scope: str | None
) -> None:
    assert scope_of(method, path) == scope
