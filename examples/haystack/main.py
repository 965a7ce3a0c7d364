import os

from haystack.components.embedders import OpenAITextEmbedder
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage
from haystack.tools import create_tool_from_function
from haystack.utils import Secret

server = {
    "api_base_url": os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8420/v1"),
    "api_key": Secret.from_token(os.environ.get("OPENAI_API_KEY", "none")),
}
generator = OpenAIChatGenerator(model=os.environ.get("MODEL", "default"), **server)


def weather(city: str) -> str:
    """The weather in a city now."""
    return "rain"


hello = [ChatMessage.from_user("Say hello.")]
print("chat:", generator.run(hello)["replies"][0].text)

parts: list[str] = []
generator.run(hello, streaming_callback=lambda chunk: parts.append(chunk.content))
print("stream:", "".join(parts))

tools = [create_tool_from_function(weather)]
messages = [ChatMessage.from_user("What is the weather in Oslo?")]
asked = generator.run(messages, tools=tools)["replies"][0]
print("tool:", [(call.tool_name, call.arguments) for call in asked.tool_calls])
results = [
    ChatMessage.from_tool(weather(**call.arguments), origin=call) for call in asked.tool_calls
]
print("answer:", generator.run([*messages, asked, *results], tools=tools)["replies"][0].text)

embedder = OpenAITextEmbedder(model="default", **server)
print("embeddings:", len(embedder.run("rain")["embedding"]))
