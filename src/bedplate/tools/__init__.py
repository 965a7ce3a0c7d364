"""Tools that a model may call. One file for each place they come from; this table is all that names
them. What stands around each of them, whatever it is, is in `checked`, `attempted`, `paced`,
`screened` and `simulated`.
"""

from bedplate.registry import Registry
from bedplate.tools.protocol import OpenRemote, OpenToolset

TOOLS = Registry[OpenToolset](
    "tools",
    {
        "calculator": "bedplate.tools.calculator:open_calculator",
        "http": "bedplate.tools.http:open_http",
        "mcp": "bedplate.tools.mcp:open_mcp",
        "memory": "bedplate.tools.memory:open_memory",
        "openapi": "bedplate.tools.openapi:open_openapi",
        "python": "bedplate.tools.python:open_python",
        "search": "bedplate.tools.search:open_search",
        "sql": "bedplate.tools.sql:open_sql",
        "time": "bedplate.tools.time:open_time",
    },
)

REMOTE = Registry[OpenRemote]("remote tools", {"mcp": "bedplate.tools.mcp:open_remote"})
"""Of places that a request may name, each for itself."""
