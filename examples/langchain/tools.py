"""Bedplate's MCP server as tools of LangChain's: python tools.py COLLECTION QUESTION."""

import asyncio
import json
import os
import sys

from langchain_mcp_adapters.client import MultiServerMCPClient


async def main(collection: str, question: str) -> None:
    url = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8420/v1").removesuffix("/v1")
    client = MultiServerMCPClient(
        {
            "bedplate": {
                "transport": "streamable_http",
                "url": f"{url}/mcp",
                "headers": {"Authorization": f"Bearer {os.environ.get('OPENAI_API_KEY', 'none')}"},
            }
        }
    )
    tools = {tool.name: tool for tool in await client.get_tools()}
    print("tools:", ", ".join(sorted(tools)))
    asked = {"collection": collection, "query": question}
    [said] = await tools["search"].ainvoke(asked)
    print("search:", json.loads(said["text"])["hits"][0]["text"])


asyncio.run(main(*sys.argv[1:]))
