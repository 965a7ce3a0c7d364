"""Bedplate's MCP server as tools of Haystack's: python tools.py COLLECTION QUESTION."""

import json
import os
import sys

from haystack.utils import Secret
from haystack_integrations.tools.mcp import MCPToolset, StreamableHttpServerInfo

collection, question = sys.argv[1:]
url = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8420/v1").removesuffix("/v1")
server = StreamableHttpServerInfo(
    url=f"{url}/mcp", token=Secret.from_token(os.environ.get("OPENAI_API_KEY", "none"))
)
toolset = MCPToolset(server, eager_connect=True)
tools = {tool.name: tool for tool in toolset}
print("tools:", ", ".join(sorted(tools)))
said = json.loads(tools["search"].invoke(collection=collection, query=question))
print("search:", json.loads(said["content"][0]["text"])["hits"][0]["text"])
toolset.close()
