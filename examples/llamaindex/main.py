import os

from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.embeddings.openai_like import OpenAILikeEmbedding
from llama_index.llms.openai_like import OpenAILike

server = {
    "api_base": os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8420/v1"),
    "api_key": os.environ.get("OPENAI_API_KEY", "none"),
}
llm = OpenAILike(
    model=os.environ.get("MODEL", "default"),
    is_chat_model=True,
    is_function_calling_model=True,
    **server,
)


def weather(city: str) -> str:
    """The weather in a city now."""
    return "rain"


hello = [ChatMessage(role="user", content="Say hello.")]
print("chat:", llm.chat(hello).message.content)
print("stream:", "".join(part.delta or "" for part in llm.stream_chat(hello)))

tools = [FunctionTool.from_defaults(weather)]
asked = llm.chat_with_tools(tools, "What is the weather in Oslo?")
calls = llm.get_tool_calls_from_response(asked)
print("tool:", [(call.tool_name, call.tool_kwargs) for call in calls])

embedding = OpenAILikeEmbedding(model_name="default", **server)
print("embeddings:", len(embedding.get_text_embedding("rain")))
