"""Calls from the server, and rates, by the PyPI SDK ``centrifuge-python``, as published."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from centrifuge import Client, ReplyError, ServerPublicationContext

from tests.live.sdk.conftest import Served
from tests.live.sdk.test_python import ClientEvents, World, play, refused


class Answering(ClientEvents):
    """Answers calls, beside the reader of the connection.

    Args:
        world: reads and writes payloads.
    """

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.client: Client
        self.tasks: set[asyncio.Task[None]] = set()

    async def on_publication(self, ctx: ServerPublicationContext) -> None:
        if ctx.channel == "@sennit:call":
            task = asyncio.create_task(self.answer(self.world.hear(ctx.pub.data)))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def answer(self, call: dict[str, Any]) -> None:
        answer: dict[str, Any] = {"id": call["id"]}
        match call["method"]:
            case "double":
                answer["data"] = 2 * call["data"]
            case "sleep":
                return
            case _:
                answer["error"] = {"code": 404, "message": "no such piece"}
        await self.client.rpc("@sennit:answer", self.world.say(answer))


def test_calls(served: Served) -> None:
    """The server calls, and gets answers, errors, or nothing in time; each its own."""

    async def scenario(world: World) -> None:
        events = Answering(world)
        client = events.client = Client(
            world.url,
            events=events,
            data=world.say({"user": "ann"}),
            use_protobuf=world.protobuf,
        )
        world.clients.append(client)
        await client.connect()
        await client.ready()

        async def asked(reason: str, data: Any = None, code: int = 0) -> Any:
            order = {"reason": reason, "data": data, "code": code}
            return world.hear((await client.rpc("ask", world.say(order))).data)

        assert await asked("double", 21) == {"answer": 42}
        answers = await asyncio.gather(*(asked("double", number) for number in range(20)))
        assert answers == [{"answer": 2 * number} for number in range(20)]
        assert await asked("refuse") == {"code": 404, "message": "no such piece"}
        assert await asked("sleep", code=1) == {"timeout": True}
        await refused(client.rpc("@sennit:answer", world.say({"id": 999})), 107)

    play(served, scenario)


def test_rates(served: Served) -> None:
    """Who calls too often gets the temporary 111, others do not, and later it may again."""

    async def scenario(world: World) -> None:
        client, _ = await world.connected("ann")
        other, _ = await world.connected("ben")

        async def call(who: Client) -> Any:
            return world.hear((await who.rpc("seldom", world.say(None))).data)

        await call(client)
        await call(client)
        with pytest.raises(ReplyError) as caught:
            await call(client)
        assert (caught.value.code, caught.value.temporary) == (111, True)
        assert await call(other) == "here"
        await asyncio.sleep(1.1)
        assert await call(client) == "here"

    play(served, scenario)
