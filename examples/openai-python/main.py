import os

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8420/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "none"),
)
model = os.environ.get("MODEL", "default")
question = "What is the weather in Oslo?"

said = client.chat.completions.create(
    model=model, messages=[{"role": "user", "content": "Say hello."}]
)
print("chat:", said.choices[0].message.content)

with client.responses.stream(model=model, input="Say hello.") as stream:
    print("stream:", "".join(e.delta for e in stream if e.type == "response.output_text.delta"))

tool = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city now.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
asked = client.chat.completions.create(
    model=model, messages=[{"role": "user", "content": question}], tools=[tool]
)
for call in asked.choices[0].message.tool_calls or []:
    print("tool:", call.function.name, call.function.arguments)

vectors = client.embeddings.create(model="default", input=["rain", "sun"])
print("embeddings:", len(vectors.data), "of", len(vectors.data[0].embedding))
