"""The office's service: accounts, events and mails, each made once for an Idempotency-Key."""

from typing import Any

from aiohttp import web

KINDS = {"accounts": "account", "events": "event", "mails": "mail"}
MADE: web.AppKey[dict[str, dict[str, dict[str, Any]]]] = web.AppKey("made", dict)


async def make(request: web.Request) -> web.Response:
    key = request.headers.get("Idempotency-Key")
    if not key:
        raise web.HTTPBadRequest(text="Idempotency-Key is missing")
    kind = request.match_info["kind"]
    made = request.app[MADE][kind]
    made.setdefault(key, await request.json())
    return web.json_response({KINDS[kind]: made[key]}, status=201)


async def find(request: web.Request) -> web.Response:
    kind = request.match_info["kind"]
    found = request.app[MADE][kind].get(request.match_info["key"])
    if found is None:
        raise web.HTTPNotFound(text=f"there is no such {KINDS[kind]}")
    return web.json_response({KINDS[kind]: found})


def make_app() -> web.Application:
    app = web.Application()
    app[MADE] = {kind: {} for kind in KINDS}
    kinds = "|".join(KINDS)
    app.add_routes(
        [web.post(f"/{{kind:{kinds}}}", make), web.get(f"/{{kind:{kinds}}}/{{key}}", find)]
    )
    return app


if __name__ == "__main__":
    web.run_app(make_app(), host="127.0.0.1", port=8422)
