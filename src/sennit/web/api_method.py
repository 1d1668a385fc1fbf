"""The methods of the HTTP API: from its words to the hub's, and back."""

from __future__ import annotations

import base64
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Raw
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger

from sennit.errors import Disconnect, ReplyError
from sennit.hub.hub import Hub
from sennit.hub.payload import encode_payload
from sennit.hub.request import SubscriptionOptions
from sennit.model.code import ErrorCode, UnsubscribeCode, reply_error
from sennit.model.publication import Publication, StreamPosition
from sennit.protocols.centrifuge.reply import PresenceReply, PresenceStatsReply
from sennit.web import api_message as message
from sennit.web.api_message import (
    REQUESTS,
    BatchRequest,
    BatchResult,
    BroadcastRequest,
    BroadcastResult,
    ChannelRequest,
    ChannelsRequest,
    ChannelsResult,
    DisconnectRequest,
    EmptyResult,
    ErrorAnswer,
    HistoryRequest,
    HistoryResult,
    InfoRequest,
    InfoResult,
    Node,
    Outcome,
    Published,
    PublishRequest,
    PublishResult,
    RefreshRequest,
    RpcRequest,
    RpcResult,
    SubscribeRequest,
    UnsubscribeRequest,
)

__all__ = ["ApiMethods"]

_log = Logger(namespace="sennit.api")


@dataclass(frozen=True, slots=True)
class ApiMethods:
    """What can be called.

    Args:
        hub: what is reached into.
        name: this node's, for ``info``.
        version: this server's, likewise.
    """

    hub: Hub
    name: str
    version: str

    async def call(self, name: str, request: Any) -> Any:
        """Call a method with its request, and return its result, or an ``ErrorAnswer``."""
        try:
            return await _METHODS[name](self, request)
        except ReplyError as error:
            return ErrorAnswer.of(error)
        except Exception:
            _log.failure("the api method {name} failed", name=name)
            return ErrorAnswer.of(reply_error(ErrorCode.INTERNAL))

    # -- publishing ------------------------------------------------------------------------------

    async def publish(self, request: PublishRequest) -> PublishResult:
        """Publish to a channel."""
        position = await self.hub.administration.publish(
            _publication(request.channel, request),
            request.idempotency_key,
            request.version,
            request.version_epoch,
        )
        return PublishResult.of(position)

    async def broadcast(self, request: BroadcastRequest) -> BroadcastResult:
        """Publish to several channels."""
        outcomes = await self.hub.administration.broadcast(
            request.channels,
            _publication("", request),
            request.idempotency_key,
            request.version,
            request.version_epoch,
        )
        return BroadcastResult([_outcome(each) for each in outcomes])

    # -- users -----------------------------------------------------------------------------------

    async def subscribe(self, request: SubscribeRequest) -> EmptyResult:
        """Subscribe a user."""
        await self.hub.administration.subscribe(
            request.user, request.channel, _options(request), request.client, request.session
        )
        return EmptyResult()

    async def unsubscribe(self, request: UnsubscribeRequest) -> EmptyResult:
        """End a user's subscriptions."""
        if request.channel:
            self.hub.namespace_for(request.channel)
        self.hub.administration.unsubscribe(
            request.user,
            request.channel,
            UnsubscribeCode.SERVER,
            client=request.client,
            session=request.session,
        )
        return EmptyResult()

    async def disconnect(self, request: DisconnectRequest) -> EmptyResult:
        """End a user's connections."""
        try:
            why = Disconnect(request.disconnect.code, request.disconnect.reason)
        except ValueError as error:
            raise reply_error(ErrorCode.BAD_REQUEST, f"bad request: {error}") from error
        self.hub.administration.disconnect(
            request.user, why, request.client, request.session, request.whitelist
        )
        return EmptyResult()

    async def refresh(self, request: RefreshRequest) -> EmptyResult:
        """Set when a user's connections end."""
        self.hub.administration.refresh(
            request.user,
            expire_at=request.expire_at or None,
            expired=request.expired,
            info=_payload(request.info, ""),
            client=request.client,
            session=request.session,
        )
        return EmptyResult()

    # -- channels --------------------------------------------------------------------------------

    async def presence(self, request: ChannelRequest) -> PresenceReply:
        """Say who is there."""
        return PresenceReply.of(await self.hub.shown_presence_of(request.channel))

    async def presence_stats(self, request: ChannelRequest) -> PresenceStatsReply:
        """Say how many are there."""
        return PresenceStatsReply(*await self.hub.presence_stats_of(request.channel))

    async def history(self, request: HistoryRequest) -> HistoryResult:
        """Read part of a stream."""
        since = None if request.since is None else request.since.position()
        page = await self.hub.history_of(request.channel, request.limit, since, request.reverse)
        published = [Published.of(each, _encoded(each.data)) for each in page.publications]
        return HistoryResult.of(page, published)

    async def history_remove(self, request: ChannelRequest) -> EmptyResult:
        """Forget a channel's publications."""
        await self.hub.administration.remove_history(request.channel)
        return EmptyResult()

    async def channels(self, request: ChannelsRequest) -> ChannelsResult:
        """List channels."""
        return ChannelsResult.of(self.hub.administration.channels(request.pattern))

    # -- the node, and the rest ------------------------------------------------------------------

    async def info(self, _: InfoRequest) -> InfoResult:
        """Say how the node is."""
        found = self.hub.administration.info()
        return InfoResult(
            [
                Node(
                    found.uid,
                    self.name,
                    self.version,
                    found.num_clients,
                    found.num_users,
                    found.num_subs,
                    found.num_channels,
                    found.uptime,
                )
            ]
        )

    async def rpc(self, request: RpcRequest) -> RpcResult:
        """Call one of the application's methods."""
        handler = self.hub.app.api_methods.get(request.method)
        if handler is None:
            raise reply_error(ErrorCode.METHOD_NOT_FOUND)
        data: bytes = await self.hub.handlers.call(
            f"api method {request.method}",
            handler,
            request.params,
            convert=lambda answer: encode_payload(answer, binary=False),
        )
        return RpcResult(Raw(data))

    async def batch(self, request: BatchRequest) -> BatchResult:
        """Do several things, in their order or all at once."""
        if request.parallel:
            working = [Deferred.fromCoroutine(self._reply(each)) for each in request.commands]
            return BatchResult(await gatherResults(working))
        return BatchResult([await self._reply(each) for each in request.commands])

    async def _reply(self, command: Mapping[str, Raw]) -> dict[str, Any]:
        try:
            name, asked = _command(command)
        except ReplyError as error:
            return {"error": ErrorAnswer.of(error)}
        # One that fails, however it does, leaves the others their replies.
        outcome = await self.call(name, asked)
        return {"error" if isinstance(outcome, ErrorAnswer) else name: outcome}


_METHODS: Mapping[str, Callable[[ApiMethods, Any], Coroutine[Any, Any, Any]]] = {
    name: getattr(ApiMethods, name) for name in REQUESTS
}


def _command(command: Mapping[str, Raw]) -> tuple[str, Any]:
    """Return the method and the request of a batch's command.

    Raises:
        ReplyError: 107, it is not one; 104, there is no such method.
    """
    if len(command) != 1:
        raise reply_error(ErrorCode.BAD_REQUEST, "a command of a batch has one method")
    ((name, body),) = command.items()
    if name not in REQUESTS or name == "batch":
        raise reply_error(ErrorCode.METHOD_NOT_FOUND)
    try:
        return name, msgspec.json.decode(body, type=REQUESTS[name])
    except (msgspec.DecodeError, RecursionError) as error:
        raise reply_error(ErrorCode.BAD_REQUEST, f"bad request: {error}") from error


def _publication(channel: str, request: PublishRequest | BroadcastRequest) -> Publication:
    data = _payload(request.data, request.b64data)
    if data is None:
        raise reply_error(ErrorCode.BAD_REQUEST, "a publication needs data, or b64data")
    return Publication(
        data,
        channel=channel,
        tags=request.tags,
        ephemeral=request.skip_history,
        delta=request.delta,
    )


def _outcome(outcome: StreamPosition | ReplyError) -> Outcome:
    if isinstance(outcome, ReplyError):
        return Outcome(error=ErrorAnswer.of(outcome))
    return Outcome(PublishResult.of(outcome))


def _options(request: SubscribeRequest) -> SubscriptionOptions:
    wanted = request.override or message.Overrides()
    overrides: dict[str, Any] = {
        name: one.value
        for name in message.Overrides.__struct_fields__
        if (one := getattr(wanted, name)) is not None
    }
    since = request.recover_since
    try:
        return SubscriptionOptions(
            info=_payload(request.info, request.b64info),
            data=_payload(request.data, request.b64data),
            expire_at=request.expire_at or None,
            recover_since=None if since is None else since.position(),
            **overrides,
        )
    except TypeError as error:
        raise reply_error(ErrorCode.BAD_REQUEST, f"bad request: {error}") from error


def _payload(value: Raw, encoded: str) -> bytes | None:
    """Return a payload that stands in a request as JSON, or as base64; ``None`` without one.

    Raises:
        ReplyError: 107, it is not base64.
    """
    if not encoded:
        return bytes(value) or None
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise reply_error(ErrorCode.BAD_REQUEST, f"not base64: {error}") from error


def _encoded(data: bytes) -> str | None:
    """Return a payload in base64 if it is not JSON; ``None`` if it is."""
    try:
        encode_payload(bytes(data))  # without its type, which would let anything pass
    except TypeError:
        return base64.b64encode(data).decode()
    return None
