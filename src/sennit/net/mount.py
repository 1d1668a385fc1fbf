"""What a program says about handshakes and connections, as the network asks for it."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from sennit.interfaces import Accepted, CoroutineRunner
from sennit.model.request import ConnectionRequest
from sennit.net.driver import WebSocketDriver
from sennit.net.websocket import Handler, WebSocket

__all__ = ["Accept", "HandlerMount", "HandshakeHook", "Subprotocols"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    """An answer of ``on_handshake`` that takes the client.

    Attributes:
        headers: further headers for the response, as name and value pairs or as a mapping; those
            of the handshake itself are not for a program to say.
        subprotocol: one that the client offered; ``None`` leaves it to ``subprotocols``.
        state: anything; the connection's handler finds it as ``ws.state``.
    """

    headers: Sequence[tuple[str, str]] | Mapping[str, str] = ()
    subprotocol: str | None = None
    state: Any = None


HandshakeHook = Callable[[ConnectionRequest], Accept | Awaitable[Accept | None] | None]
"""Decides about a client before it is answered: a function, a coroutine function, or one that
returns a Deferred. ``None`` takes the client as it is; it refuses the client by raising
:class:`sennit.errors.HandshakeError`."""

Subprotocols = Sequence[str] | Callable[[Sequence[str]], str | None]
"""Names in order of the server's preference, or a function that chooses one of those that a client
offers, or ``None``."""


class HandlerMount:
    """Gives every connection to a program's handler, whatever its path.

    Args:
        clock: the time.
        handler: called with each :class:`WebSocket`.
        run: runs the coroutines of the handler and of the hook.
        subprotocols: spoken here, in order of preference: the first that a client offers too is
            taken; with none in common the connection has none. Or a function that chooses.
        on_handshake: decides about each client.

    Raises:
        ValueError: ``subprotocols`` is a single name.
    """

    def __init__(
        self,
        clock: IReactorTime,
        handler: Handler,
        run: CoroutineRunner,
        subprotocols: Subprotocols = (),
        on_handshake: HandshakeHook | None = None,
    ) -> None:
        if isinstance(subprotocols, str):
            raise ValueError(  # noqa: TRY004 - the client says it so too
                "subprotocols are a sequence of names, or a function, not one name"
            )
        self._clock = clock
        self._handler = handler
        self._run = run
        self._subprotocols = subprotocols if callable(subprotocols) else tuple(subprotocols)
        self._on_handshake = on_handshake

    def open(self, request: ConnectionRequest) -> Accepted | Deferred[Accepted]:
        """Take the connection, or leave it to the hook.

        Raises:
            HandshakeError: the hook refuses it.
            Exception: whatever the hook raises otherwise.
        """
        if self._on_handshake is None:
            return self._accept(request, None)
        answer: Any = self._on_handshake(request)
        if inspect.iscoroutine(answer):
            answer = self._run(cast("Coroutine[Any, Any, Any]", answer))
        elif not isinstance(answer, Deferred) and inspect.isawaitable(answer):
            answer = self._run(_await(answer))
        if isinstance(answer, Deferred):
            return answer.addCallback(partial(self._accept, request))
        return self._accept(request, answer)

    def _accept(self, request: ConnectionRequest, answer: Accept | None) -> Accepted:
        headers: Sequence[tuple[str, str]] = ()
        chosen = state = None
        if answer is not None:
            if not isinstance(answer, Accept):
                raise TypeError(f"on_handshake returns None or an Accept, not {answer!r}")
            given = answer.headers
            headers = tuple(given.items() if isinstance(given, Mapping) else given)
            chosen, state = answer.subprotocol, answer.state
        if chosen is None:
            chosen = self._choose(request.subprotocols)
        websocket = WebSocket(self._clock, request, chosen)
        websocket.state = state
        driver = WebSocketDriver(websocket, self._handler, self._run)
        return Accepted(driver, chosen, headers=headers)

    def _choose(self, offered: tuple[str, ...]) -> str | None:
        known = self._subprotocols
        if callable(known):
            return known(offered)
        return next((name for name in known if name in offered), None)


async def _await(awaitable: Awaitable[Any]) -> Any:
    return await awaitable
