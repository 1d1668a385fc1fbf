"""A connection, as the one who can do everything to it sees it."""

from __future__ import annotations

from collections.abc import Callable

from sennit.testing.address import Address, describe
from sennit.testing.flow import Chunk, Conditions, Flow, Wire
from sennit.testing.socket import Socket

__all__ = ["Link"]


class Link:
    """The link below one connection in a :class:`Network`, from its first packet on.

    A program cannot see it: it sees what links do to it. What is said of both directions can be
    said of one alone, as in ``link.to_client.hold()``.

    Attributes:
        to_server: the direction from the client to the server.
        to_client: the other direction.
    """

    def __init__(
        self,
        wire: Wire,
        client: tuple[Socket, Address],
        server: tuple[Socket, Address],
        conditions: Conditions,
        on_close: Callable[[Link], None],
    ) -> None:
        (self._client, client_address), (self._server, server_address) = client, server
        one, other = self._client, self._server
        up = self.to_server = Flow(wire, one, other, conditions, self._lose)
        down = self.to_client = Flow(wire, other, one, conditions, self._lose)
        one.plug(client_address, other, up, down, wire.stir, lambda: on_close(self))
        other.plug(server_address, one, down, up, wire.stir, lambda: on_close(self))

    def __repr__(self) -> str:
        return f"<Link {self}>"

    def __str__(self) -> str:
        states = [
            f"{state} {where}, {flow.waiting} bytes wait"
            for flow, where in (
                (self.to_server, "to the server"),
                (self.to_client, "to the client"),
            )
            if (state := "dropped" if flow.dropped else "held" if flow.held else "")
        ]
        return " ".join(
            [f"{describe(self.client)} to {describe(self.server)}", *(f"({s})" for s in states)]
        )

    @property
    def client(self) -> Address:
        """The address of the end that connected."""
        return self._client.address

    @property
    def server(self) -> Address:
        """The address of the end that listens."""
        return self._server.address

    @property
    def open(self) -> bool:
        """Whether an end of it is still in use. After a :meth:`drop` one may be, for long."""
        return not (self._client.closed and self._server.closed)

    @property
    def held(self) -> bool:
        """Whether one direction at least is held up."""
        return self.to_server.held or self.to_client.held

    @property
    def dropped(self) -> bool:
        """Whether one direction at least is dead."""
        return self.to_server.dropped or self.to_client.dropped

    # -- its nature ------------------------------------------------------------------------------

    @property
    def delay(self) -> float:
        """Seconds from one end to the other; set for both directions."""
        return self.to_server.delay

    @delay.setter
    def delay(self, seconds: float) -> None:
        self.to_server.delay = self.to_client.delay = seconds

    @property
    def jitter(self) -> float:
        """Up to so many seconds more; set for both directions."""
        return self.to_server.jitter

    @jitter.setter
    def jitter(self, seconds: float) -> None:
        self.to_server.jitter = self.to_client.jitter = seconds

    @property
    def chunk(self) -> Chunk:
        """Bytes that one read brings at most, or ``"random"``; set for both directions."""
        return self.to_server.chunk

    @chunk.setter
    def chunk(self, size: Chunk) -> None:
        self.to_server.chunk = self.to_client.chunk = size

    # -- its fate --------------------------------------------------------------------------------

    def hold(self) -> None:
        """Let nothing arrive, at either end, until :meth:`release`."""
        self.to_server.hold()
        self.to_client.hold()

    def release(self) -> None:
        """Let arrive what was held up, and what comes."""
        self.to_server.release()
        self.to_client.release()

    def drop(self) -> None:
        """Let nothing arrive ever again, and tell nobody, as when a cable is pulled.

        What was on its way is lost. Programs find out by their own timeouts only. A connection
        that is not established yet never will be.
        """
        self.to_server.drop()
        self.to_client.drop()

    def reset(self) -> None:
        """Reset it at both ends, now; what was not read yet is lost.

        A connection that is not established yet is refused.
        """
        self._client.reset_arrived()
        self._server.reset_arrived()
        self._abandon()

    def cut(self, after: int = 0) -> None:
        """Reset it as soon as so many more bytes have arrived, in one of the directions.

        These bytes are still read; those behind them never arrive.
        For one direction alone there is ``link.to_client.cut(after=7)``.

        Args:
            after: how many.
        """
        self.to_server.cut(after)
        self.to_client.cut(after)

    def _lose(self) -> None:
        self._client.lose()
        self._server.lose()
        self._abandon()

    def _abandon(self) -> None:
        if not self._server.connected:
            self._server.closed = True  # Nobody has it, and nobody will.
