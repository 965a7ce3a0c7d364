import os

from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

server = {
    "base_url": os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8420/v1"),
    "api_key": os.environ.get("OPENAI_API_KEY", "none"),
}
model = os.environ.get("MODEL", "default")
chat = ChatOpenAI(model=model, **server)
responses = ChatOpenAI(model=model, use_responses_api=True, **server)


@tool
def weather(city: str) -> str:
    """The weather in a city now."""
    return "rain"


print("chat:", chat.invoke("Say hello.").content)
print("stream:", "".join(part.text for part in chat.stream("Say hello.")))
print("responses:", responses.invoke("Say hello.").text)
print("responses stream:", "".join(part.text for part in responses.stream("Say hello.")))

for each in (chat, responses):
    with_tools = each.bind_tools([weather])
    messages = [("user", "What is the weather in Oslo?")]
    asked = with_tools.invoke(messages)
    results = [weather.invoke(call) for call in asked.tool_calls]
    print("tool:", [(call["name"], call["args"]) for call in asked.tool_calls])
    print("answer:", with_tools.invoke([*messages, asked, *results]).text)

# The server reads text: without this, LangChain sends token ids of OpenAI's own tokenizer.
embeddings = OpenAIEmbeddings(model="default", check_embedding_ctx_length=False, **server)
print("embeddings:", len(embeddings.embed_query("rain")))
