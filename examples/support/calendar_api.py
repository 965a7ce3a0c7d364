"""The service that schedules calls: POST /calls makes one, once for each Idempotency-Key."""

from aiohttp import web

CALLS: web.AppKey[dict[str, dict[str, str]]] = web.AppKey("calls", dict)


async def schedule(request: web.Request) -> web.Response:
    key = request.headers.get("Idempotency-Key")
    if not key:
        raise web.HTTPBadRequest(text="Idempotency-Key is missing")
    asked = await request.json()
    calls = request.app[CALLS]
    if key not in calls:
        taken = {call["at"] for call in calls.values()}
        if asked["at"] in taken:
            raise web.HTTPConflict(text=f"{asked['at']} is taken; choose another time")
        calls[key] = {"customer": asked["customer"], "at": asked["at"]}
    return web.json_response({"id": key, **calls[key]}, status=201)


async def find(request: web.Request) -> web.Response:
    call = request.app[CALLS].get(request.match_info["key"])
    if call is None:
        raise web.HTTPNotFound(text="there is no such call")
    return web.json_response(call)


def make_app() -> web.Application:
    app = web.Application()
    app[CALLS] = {}
    app.add_routes([web.post("/calls", schedule), web.get("/calls/{key}", find)])
    return app


if __name__ == "__main__":
    web.run_app(make_app(), host="127.0.0.1", port=8421)
