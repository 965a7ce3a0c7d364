"""Bedplate's MCP server as tools of LlamaIndex's: python tools.py COLLECTION QUESTION."""

import asyncio
import json
import os
import sys

from llama_index.tools.mcp import BasicMCPClient, McpToolSpec


async def main(collection: str, question: str) -> None:
    url = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8420/v1").removesuffix("/v1")
    key = os.environ.get("OPENAI_API_KEY", "none")
    client = BasicMCPClient(f"{url}/mcp", headers={"Authorization": f"Bearer {key}"})
    listed = await McpToolSpec(client).to_tool_list_async()
    tools = {tool.metadata.name: tool for tool in listed}
    print("tools:", ", ".join(sorted(tools)))
    said = await tools["search"].acall(collection=collection, query=question)
    [text] = said.raw_output.content
    print("search:", json.loads(text.text)["hits"][0]["text"])


asyncio.run(main(*sys.argv[1:]))
