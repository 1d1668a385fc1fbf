"""One connection of the Centrifuge protocol: takes commands, asks the session, writes replies."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from msgspec import Raw
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from sennit.errors import Disconnect, RemoteProtocolError, ReplyError
from sennit.hub.hub import Hub
from sennit.hub.request import (
    ConnectRequest,
    ConnectResult,
    SubscribeRequest,
    SubscribeResult,
)
from sennit.hub.session import Session
from sennit.interfaces import Transport
from sennit.model.code import DisconnectCode, ErrorCode, disconnect, reply_error
from sennit.model.publication import StreamPosition
from sennit.model.request import Closed, ConnectionRequest
from sennit.protocols.centrifuge.codec import CentrifugeCodec
from sennit.protocols.centrifuge.command import (
    ChannelCommand,
    Command,
    ConnectCommand,
    HistoryCommand,
    PublishCommand,
    RefreshCommand,
    RpcCommand,
    SendCommand,
    SubRefreshCommand,
    SubscribeCommand,
)
from sennit.protocols.centrifuge.heartbeat import Heartbeat
from sennit.protocols.centrifuge.lane import Lanes
from sennit.protocols.centrifuge.reply import (
    ConnectReply,
    EmptyReply,
    ErrorReply,
    HistoryReply,
    PresenceReply,
    PresenceStatsReply,
    RefreshReply,
    Reply,
    RpcReply,
    SubRefreshReply,
    SubscribeReply,
)
from sennit.protocols.centrifuge.setting import ProtocolSettings

__all__ = ["CentrifugeDriver", "Emulation"]

_log = Logger(namespace="sennit.protocol")

# Where the connection stands. What comes before NEW is over is held to the rules of section 3.
NEW, CONNECTING, CONNECTED, REFUSED, OVER = range(5)

STRICT_RECOVERY = 2
"""The bit of ``SubscribeCommand.flag`` by which a client prefers error 112 (section 3)."""


class Emulation(NamedTuple):
    """What a client is told that speaks by requests of its own (section 11).

    Attributes:
        session: which session its requests are for; a secret.
        node: which node has it.
    """

    session: str = ""
    node: str = ""


_NONE = Emulation()


class CentrifugeDriver:
    """Implements ``MessageHandler`` for one connection.

    Args:
        hub: where its session lives.
        codec: how it speaks.
        settings: times and bounds.
        request: the HTTP request it began with.
        heartbeat: whether the protocol's pings are sent; else the transport has its own.
        emulation: where the client's requests go; empty where it needs none.
    """

    __slots__ = (
        "_codec",
        "_commands",
        "_connecting",
        "_emulation",
        "_going_on",
        "_heartbeat",
        "_hub",
        "_lanes",
        "_paused",
        "_ping_interval",
        "_request",
        "_session",
        "_settings",
        "_stale",
        "_state",
        "_transport",
    )

    def __init__(
        self,
        hub: Hub,
        codec: CentrifugeCodec,
        settings: ProtocolSettings,
        request: ConnectionRequest,
        *,
        heartbeat: bool = True,
        emulation: Emulation = _NONE,
    ) -> None:
        self._hub = hub
        self._codec = codec
        self._settings = settings
        self._request = request
        self._ping_interval = settings.ping_interval if heartbeat else 0
        self._emulation = emulation
        self._state = NEW
        self._lanes = Lanes(self)
        self._commands: deque[Command] | None = None
        self._connecting: Deferred[None] | None = None
        self._heartbeat: Heartbeat | None = None
        self._stale: IDelayedCall | None = None
        self._paused = False
        self._going_on = False
        self._session: Session
        self._transport: Transport

    # -- what net calls --------------------------------------------------------------------------

    def connection_made(self, transport: Transport) -> None:
        """Wait for the client's connect, but not for ever."""
        self._transport = transport
        self._session = self._hub.open_session(transport, self._codec, self._request, "centrifuge")
        self._session.secret = self._emulation.session
        self._stale = self._hub.clock.callLater(self._settings.stale_timeout, self._too_late)

    def message_received(self, data: bytes, is_text: bool) -> None:
        """Take the commands of one frame."""
        if self._is_over():
            return
        if is_text != self._codec.is_text:
            kinds = ("binary", "text") if self._codec.is_text else ("text", "binary")
            self._end(
                disconnect(
                    DisconnectCode.BAD_REQUEST,
                    f"bad request: {kinds[0]} frame where {kinds[1]} is spoken",
                )
            )
            return
        try:
            commands = self._codec.decode(data)
        except RemoteProtocolError as error:
            self._end(Disconnect(error.close_code, error.reason))
            return
        if not commands:
            self._end(disconnect(DisconnectCode.BAD_REQUEST, "bad request: no command in frame"))
            return
        if self._commands is None:
            self._commands = deque()
        self._commands.extend(commands)
        self.go_on()

    def writable(self) -> None:
        """The transport has room again."""
        self._session.writable()

    def connection_lost(self, closed: Closed) -> None:
        """Cancel what is under way, and tell the hub."""
        self._let_go()
        self._session.close(closed)

    # -- the order of commands -------------------------------------------------------------------

    def go_on(self) -> None:
        """Start what may start: nothing behind a connect, and no more than the bound."""
        if self._going_on:
            return
        self._going_on = True
        try:
            while (
                (commands := self._commands)
                and not self._is_over()
                and self._state != CONNECTING
                and self._lanes.size < self._settings.max_in_flight
            ):
                try:
                    self._take(commands.popleft())
                except Disconnect as why:
                    self._end(why)
        finally:
            self._going_on = False
        full = bool(self._commands)
        if not full:
            self._commands = None
        self._pause(full)

    def _pause(self, full: bool) -> None:
        if full and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        elif self._paused and not full:
            self._paused = False
            self._transport.resume_reading()

    def _take(self, command: Command) -> None:
        """Start one command.

        Raises:
            Disconnect: 3501, it is not one that may be sent, or not now (section 3).
        """
        name, body = _body(command)
        if self._state == REFUSED:
            raise _bad("connect was refused")
        if self._state == NEW:
            if name != "connect" or not command.id:
                raise _bad("connect comes first, with an id")
            self._connect(command.id, body)
        elif name == "send":
            self._start("", 0, name, body)
        elif command.id:
            if name not in _ANSWERS:
                raise _bad("connect was sent before" if name == "connect" else "no known command")
            channel = getattr(body, "channel", "")
            if isinstance(body, _OF_CHANNEL) and not channel:
                raise _bad(f"{name} without channel")
            self._start(channel, command.id, name, body)
        elif name:
            raise _bad(f"{name} without id")
        elif self._heartbeat is not None:
            self._heartbeat.pong_received()

    def _start(self, channel: str, number: int, name: str, body: Any) -> None:
        if isinstance(body, SubscribeCommand) and body.delta not in ("", "fossil"):
            raise _bad("unknown delta")
        answer = _ANSWERS[name]
        self._lanes.add(channel, lambda: self._answer(number, answer(self, number, body)))

    def _answer(self, number: int, work: Coroutine[Any, Any, None]) -> Deferred[None]:
        """Do a command's work, and answer for it if it fails. Never fails itself."""
        return Deferred.fromCoroutine(self._guard(number, work)).addCallback(self._obey)

    async def _guard(self, number: int, work: Coroutine[Any, Any, None]) -> Disconnect | None:
        try:
            await work
        except ReplyError as error:
            self._fail(number, error)
        except Disconnect as why:
            return why
        except CancelledError:
            # The connection is gone; if it is not, its client must not wait for ever.
            self._fail(number, reply_error(ErrorCode.INTERNAL))
        except Exception:
            _log.failure("a command could not be answered")
            self._fail(number, reply_error(ErrorCode.INTERNAL))
        return None

    def _obey(self, why: Disconnect | None) -> None:
        if why is not None:
            self._end(why)

    def _fail(self, number: int, error: ReplyError) -> None:
        if number:
            self._write(Reply(number, error=ErrorReply.of(error)))

    def _write(self, reply: Reply) -> None:
        if not self._is_over():
            self._session.write(self._codec.encode(reply))

    # -- connecting, and the end -----------------------------------------------------------------

    def _connect(self, number: int, body: ConnectCommand) -> None:
        self._state = CONNECTING
        self._connecting = connecting = self._answer(number, self._let_in(number, body))
        connecting.addCallback(self._connected)

    def _connected(self, _: None) -> None:
        self._connecting = None
        self.go_on()

    async def _let_in(self, number: int, body: ConnectCommand) -> None:
        request = ConnectRequest(
            token=body.token,
            data=self._optional(body.data),
            name=body.name,
            version=body.version,
            headers={name.lower(): value for name, value in body.headers.items()},
            connection=self._request,
            protocol="centrifuge",
            subscriptions={
                channel: StreamPosition(at.offset, at.epoch)
                for channel, at in body.subs.items()
                if at.recover
            },
        )

        def answer(result: ConnectResult) -> None:
            self._state = CONNECTED
            self._stop_stale()
            words = ConnectReply.of(
                result, self._settings.version, self._ping_interval, *self._emulation
            )
            self._write(Reply(number, connect=words))

        try:
            await self._session.connect(request, answer)
        except Disconnect:
            raise
        except BaseException:
            # Whatever has failed is answered with an error.
            if self._state == CONNECTING:
                self._state = REFUSED
            raise
        if self._ping_interval and self._state == CONNECTED:
            self._heartbeat = Heartbeat(
                self._hub.clock,
                self._hub.random,
                self._ping_interval,
                self._settings.pong_timeout,
                self,
            )

    def ping(self) -> None:
        """Send the protocol's ping."""
        self._write(Reply())

    def pong_missed(self) -> None:
        """End the connection of a client that has not answered one."""
        self._end(disconnect(DisconnectCode.NO_PONG))

    def is_listening(self) -> bool:
        """Return whether what the client says is read now."""
        return not self._paused

    def _optional(self, data: Raw) -> bytes | None:
        """Return a payload; ``None`` where there is none, which SDKs for JSON write as ``null``."""
        payload = bytes(data)
        nothing = (b"", b"null") if self._codec.is_text else (b"",)
        return None if payload in nothing else payload

    def _too_late(self) -> None:
        self._stale = None
        self._end(disconnect(DisconnectCode.STALE))

    def _stop_stale(self) -> None:
        if self._stale is not None:
            self._stale.cancel()
            self._stale = None

    def _is_over(self) -> bool:
        return self._state == OVER or self._session.ended

    def _end(self, why: Disconnect) -> None:
        """End the connection from this side."""
        self._let_go()
        self._session.end(why)

    def _let_go(self) -> None:
        self._state = OVER
        self._commands = None
        self._stop_stale()
        if self._heartbeat is not None:
            self._heartbeat.stop()
        self._lanes.close()
        if self._connecting is not None:
            self._connecting.cancel()

    # -- the commands ----------------------------------------------------------------------------

    async def handle_subscribe(self, number: int, body: SubscribeCommand) -> None:
        """Subscribe; the answer comes before every push of the subscription."""
        if body.type:
            raise reply_error(ErrorCode.NOT_AVAILABLE, "map and shared poll are not available")
        if bytes(body.tf) not in (b"", b"null"):
            raise reply_error(ErrorCode.BAD_REQUEST, "tag filters are not allowed here")
        request = SubscribeRequest(
            channel=body.channel,
            token=body.token,
            data=self._optional(body.data),
            recover=body.recover,
            position=StreamPosition(body.offset, body.epoch),
            positioned=body.positioned,
            recoverable=body.recoverable,
            join_leave=body.join_leave,
            strict_recovery=bool(body.flag & STRICT_RECOVERY),
            delta=body.delta,
        )

        def answer(result: SubscribeResult) -> None:
            words = SubscribeReply.of(result, self._codec.recovered(result))
            self._write(Reply(number, subscribe=words))

        await self._session.subscribe(request, answer)

    async def handle_unsubscribe(self, number: int, body: ChannelCommand) -> None:
        """End a subscription; fine if there is none."""
        await self._session.unsubscribe(body.channel)
        self._write(Reply(number, unsubscribe=EmptyReply()))

    async def handle_publish(self, number: int, body: PublishCommand) -> None:
        """Publish; answered when the broker has it for good."""
        await self._session.publish(body.channel, bytes(body.data))
        self._write(Reply(number, publish=EmptyReply()))

    async def handle_presence(self, number: int, body: ChannelCommand) -> None:
        """Say who is there."""
        clients = await self._session.presence(body.channel)
        self._write(Reply(number, presence=PresenceReply.of(clients)))

    async def handle_presence_stats(self, number: int, body: ChannelCommand) -> None:
        """Say how many are there."""
        counts = await self._session.presence_stats(body.channel)
        self._write(Reply(number, presence_stats=PresenceStatsReply(*counts)))

    async def handle_history(self, number: int, body: HistoryCommand) -> None:
        """Read part of a stream."""
        since = body.since
        page = await self._session.history(
            body.channel,
            body.limit,
            None if since is None else StreamPosition(since.offset, since.epoch),
            body.reverse,
        )
        self._write(Reply(number, history=HistoryReply.of(page)))

    async def handle_rpc(self, number: int, body: RpcCommand) -> None:
        """Call a procedure."""
        data = await self._session.rpc(body.method, bytes(body.data))
        self._write(Reply(number, rpc=RpcReply(Raw(data))))

    async def handle_send(self, _number: int, body: SendCommand) -> None:
        """Take a message that wants no answer."""
        await self._session.message(bytes(body.data))

    async def handle_refresh(self, number: int, body: RefreshCommand) -> None:
        """Let a connection stay that would expire."""
        ttl = await self._session.refresh(body.token)
        words = RefreshReply.of(self._session.id, self._settings.version, ttl)
        self._write(Reply(number, refresh=words))

    async def handle_sub_refresh(self, number: int, body: SubRefreshCommand) -> None:
        """Let a subscription stay that would expire."""
        ttl = await self._session.refresh_subscription(body.channel, body.token)
        self._write(Reply(number, sub_refresh=SubRefreshReply.of(ttl)))


_ANSWERS: dict[str, Callable[[CentrifugeDriver, int, Any], Coroutine[Any, Any, None]]] = {
    "subscribe": CentrifugeDriver.handle_subscribe,
    "unsubscribe": CentrifugeDriver.handle_unsubscribe,
    "publish": CentrifugeDriver.handle_publish,
    "presence": CentrifugeDriver.handle_presence,
    "presence_stats": CentrifugeDriver.handle_presence_stats,
    "history": CentrifugeDriver.handle_history,
    "rpc": CentrifugeDriver.handle_rpc,
    "send": CentrifugeDriver.handle_send,
    "refresh": CentrifugeDriver.handle_refresh,
    "sub_refresh": CentrifugeDriver.handle_sub_refresh,
}

_OF_CHANNEL = (ChannelCommand, HistoryCommand, PublishCommand, SubscribeCommand)

_NAMES = tuple(name for name in Command.__struct_fields__ if name != "id")


def _body(command: Command) -> tuple[str, Any]:
    """Return the name and the body of a command; an empty name and ``None`` for a bare id.

    Raises:
        Disconnect: 3501, it has more than one.
    """
    found = [(name, body) for name in _NAMES if (body := getattr(command, name)) is not None]
    if len(found) > 1:
        raise _bad("two commands in one")
    return found[0] if found else ("", None)


def _bad(why: str) -> Disconnect:
    return disconnect(DisconnectCode.BAD_REQUEST, f"bad request: {why}")
