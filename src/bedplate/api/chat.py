"""POST /v1/chat/completions, as plain ASGI: this route is the hot one.

`model` is a model, which is asked as it is, or an assistant, whose answer is grounded in its
collections. Source: OpenAI API reference, "Create chat completion" and its streaming events.
"""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bedplate.api.access import account_of
from bedplate.api.bodies import deadline_of
from bedplate.api.chat_files import with_files
from bedplate.api.chat_reply import Reply
from bedplate.api.chat_requests import chat_of, read_chat
from bedplate.api.completions import Completions
from bedplate.api.costs import cost_headers
from bedplate.api.reading import read_object
from bedplate.api.routed import routed_headers
from bedplate.api.stored_chats import store, storing
from bedplate.api.streams import open_stream
from bedplate.api.wire import encode
from bedplate.app import App
from bedplate.errors import InvalidInput

PATH = "/v1/chat/completions"

FILE = b'"file"'
"""In each body with a file."""

ANSWERLESS = ("audio", "web_search_options")
"""Fields that ask for something an answer here cannot carry."""


class Chat:
    def __init__(self, app: App, completions: Completions) -> None:
        self._app = app
        self._completions = completions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, account = (await receive())["body"], account_of(scope)
        if FILE in body:
            raw = await with_files(self._app, account.tenant, read_object(body))
            call = chat_of(raw)
        else:
            call = read_chat(body)
        _refuse_answerless(call.request.extra)
        reply, deadline = Reply(call), deadline_of(scope)
        if not call.stream:
            told = await self._completions.answer(call, account, deadline)
            whole = reply.whole(told)
            if call.stored is not None:
                await store(self._app, account.tenant, call, whole)
            headers = {**cost_headers(whole.usage.cost_usd), **routed_headers(told)}
            response = Response(encode(whole), media_type="application/json", headers=headers)
        else:
            # What is stored is gathered from all events, and each is padded; pieces go past them.
            direct = call.stored is None and not call.obfuscate
            pieces = reply.pieces() if direct else None
            events = self._completions.events(call, account, deadline, pieces)
            if call.stored is not None:
                events = storing(self._app, account.tenant, call, reply, events)
            response = await open_stream(reply.stream(events), pieces=pieces)
        await response(scope, receive, send)


def _refuse_answerless(extra: Mapping[str, Any]) -> None:
    for name in ANSWERLESS:
        if extra.get(name):
            raise InvalidInput(f"{name}: not supported yet; leave it out.", param=name)
