"""Tools of a response that are used here: the search, and those of MCP servers.

Source: OpenAI API reference, "mcp_list_tools", "mcp_call" and "mcp_approval_request", and the
streaming events of their names.
"""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, cast

from msgspec import structs

from bedplate.domain.accounts import Account
from bedplate.domain.tools import ToolSpec
from bedplate.errors import GuardFailed, Unavailable
from bedplate.rag.interpret import Interpret
from bedplate.responses.draft import Draft
from bedplate.responses.events import Event
from bedplate.responses.items import (
    Item,
    McpApprovalRequest,
    McpApprovalResponse,
    McpCall,
    McpListTools,
    item_id,
)
from bedplate.responses.remote import Offer, Offered, OpenServer, RemoteServer
from bedplate.responses.rounds import OwnCall
from bedplate.responses.searching import FileSearch, read_queries, run, spec
from bedplate.tools.protocol import ToolContext, ToolResult


class OwnTools:
    """`functions` are the names of the client's own. What is used is told by the draft."""

    def __init__(
        self,
        draft: Draft,
        search: Interpret,
        tool: FileSearch | None,
        *,
        functions: Sequence[str],
        account: Account,
        deadline: float | None,
    ) -> None:
        self._draft = draft
        self._search = search
        self._tool = tool
        self._account = account
        self._deadline = deadline
        self.search_spec = spec(functions) if tool is not None else None
        searching = [self.search_spec.name] if self.search_spec else []
        self.offer = Offer([*functions, *searching])
        self.asked = False
        """Whether somebody has to allow a call before the model can go on."""

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        searching = (self.search_spec,) if self.search_spec else ()
        return (*searching, *self.offer.specs)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.specs)

    @property
    def search_name(self) -> str | None:
        return self.search_spec.name if self.search_spec else None

    async def open(
        self,
        servers: Sequence[RemoteServer],
        opened: OpenServer,
        stack: AsyncExitStack,
        items: Sequence[Item],
    ) -> AsyncGenerator[Event]:
        """Ask each server what it offers; it is told unless the conversation has it already.

        The stack closes the servers. Errors are those of `OpenServer`, after they were told.
        """
        draft = self._draft
        for told in draft.begin():
            yield told
        known = {item.server_label: item.tools for item in items if isinstance(item, McpListTools)}
        for server in servers:
            begun = McpListTools(server.label, (), item_id(McpListTools))
            try:
                tools = await stack.enter_async_context(opened(server))
            except Unavailable as error:
                for told in draft.start_tool(begun, ["mcp_list_tools.in_progress"]):
                    yield told
                failed = structs.replace(begun, error=error.message)
                for told in draft.end_tool(failed, "mcp_list_tools.failed"):
                    yield told
                raise
            listed = self.offer.add(server, tools)
            if known.get(server.label) == listed.tools:
                continue
            for told in draft.start_tool(begun, ["mcp_list_tools.in_progress"]):
                yield told
            whole = structs.replace(begun, tools=listed.tools)
            for told in draft.end_tool(whole, "mcp_list_tools.completed"):
                yield told

    async def allowed(self, items: Sequence[Item]) -> AsyncGenerator[Event]:
        """Make the calls that were allowed since they were asked for."""
        requests = {item.id: item for item in items if isinstance(item, McpApprovalRequest)}
        done = {item.approval_request_id for item in items if isinstance(item, McpCall)}
        for item in items:
            if not isinstance(item, McpApprovalResponse) or not item.approve:
                continue
            request = requests.get(item.approval_request_id)
            if request is None or request.id in done:
                continue
            done.add(request.id)
            offered = self.offer.named(request.server_label, request.name)
            async for told in self._call(request, offered, request.arguments, request.id):
                yield told

    async def run(self, call: OwnCall) -> AsyncGenerator[Event]:
        """What the model asked for: a search, a call, or a question whether it may be made."""
        if call.name == self.search_name:
            async for told in self._searched(call.arguments):
                yield told
            return
        offered = self.offer.find(call.name)
        if offered is None:
            raise AssertionError("only a tool that is there is called")
        label, name = offered.server.label, offered.remote.name
        if not offered.asks:
            async for told in self._call(offered, offered, call.arguments, None):
                yield told
            return
        self.asked = True
        request = McpApprovalRequest(label, name, call.arguments, item_id(McpApprovalRequest))
        for told in (*self._draft.start_tool(request), *self._draft.end_tool(request)):
            yield told

    async def _searched(self, arguments: str) -> AsyncGenerator[Event]:
        if self._tool is None:
            raise AssertionError("only a tool that is there is called")
        queries = read_queries(arguments)
        for told in self._draft.start_search(queries):
            yield told
        results = await run(
            self._search, self._tool, queries, account=self._account, deadline=self._deadline
        )
        for told in self._draft.end_search(results):
            yield told

    async def _call(
        self,
        named: McpApprovalRequest | Offered,
        offered: Offered | None,
        arguments: str,
        allowed_by: str | None,
    ) -> AsyncGenerator[Event]:
        draft = self._draft
        match named:
            case McpApprovalRequest():
                label, name = named.server_label, named.name
            case Offered():
                label, name = named.server.label, named.remote.name
        begun = McpCall(
            label, name, "", item_id(McpCall), "in_progress", approval_request_id=allowed_by
        )
        for told in draft.start_tool(begun, ["mcp_call.in_progress"]):
            yield told
        for told in (
            *draft.tell_tool(begun, "mcp_call_arguments.delta", delta=arguments),
            *draft.tell_tool(begun, "mcp_call_arguments.done", arguments=arguments),
        ):
            yield told
        result = await self._result(offered, name, arguments, str(begun.id))
        ended: Mapping[str, Any] = (
            {"status": "failed", "error": _error(result.text)}
            if result.failed
            else {"status": "completed", "output": result.text}
        )
        call = structs.replace(begun, arguments=arguments, **ended)
        told_end = "mcp_call.failed" if result.failed else "mcp_call.completed"
        for told in draft.end_tool(call, told_end):
            yield told

    async def _result(
        self, offered: Offered | None, name: str, arguments: str, id: str
    ) -> ToolResult:
        if offered is None:
            return ToolResult(f"The server does not offer {name} any more.", failed=True)
        try:
            given: Any = json.loads(arguments or "{}")
        except ValueError as error:
            return ToolResult(f"The arguments are no JSON: {error}.", failed=True)
        if not isinstance(given, dict):
            return ToolResult("The arguments must be a JSON object.", failed=True)
        context = ToolContext(self._account, key=id, call=id, deadline=self._deadline)
        try:
            return await offered.remote.tool.call(cast(Mapping[str, Any], given), context)
        except GuardFailed:
            raise
        except Unavailable as error:
            return ToolResult(error.message, failed=True)


def _error(text: str) -> Mapping[str, Any]:
    content = [{"type": "text", "text": text}]
    return {"type": "mcp_tool_execution_error", "content": content}
