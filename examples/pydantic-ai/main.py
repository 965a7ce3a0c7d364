import asyncio
import os

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

provider = OpenAIProvider(
    base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8420/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "none"),
)
name = os.environ.get("MODEL", "default")


def weather(city: str) -> str:
    """The weather in a city now."""
    return "rain"


async def main() -> None:
    for model in (
        OpenAIChatModel(name, provider=provider),
        OpenAIResponsesModel(name, provider=provider),
    ):
        agent = Agent(model)
        print("chat:", (await agent.run("Say hello.")).output)
        async with agent.run_stream("Say hello.") as streamed:
            print("stream:", "".join([part async for part in streamed.stream_text(delta=True)]))
        with_tools = Agent(model, tools=[weather])
        print("answer:", (await with_tools.run("What is the weather in Oslo?")).output)
        async with with_tools.run_stream("What is the weather in Oslo?") as streamed:
            print("answer stream:", await streamed.get_output())


asyncio.run(main())
