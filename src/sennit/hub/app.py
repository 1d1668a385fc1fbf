"""An application: declarations only, no reactor and no sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from twisted.internet.defer import Deferred

from sennit.errors import ConfigurationError, Disconnect, NotRunning, ReplyError
from sennit.hub.administration import NodeInfo, publication_of
from sennit.hub.namespace import (
    Namespace,
    NamespaceKeywords,
    check_namespace_name,
    namespace_options,
)
from sennit.hub.payload import encode_payload
from sennit.hub.procedure import Procedure
from sennit.hub.raw import RawRoute
from sennit.hub.request import SubscriptionOptions
from sennit.model.code import DisconnectCode, UnsubscribeCode
from sennit.model.publication import ClientInfo, HistoryPage, StreamPosition

if TYPE_CHECKING:
    from sennit.hub.hub import Hub

__all__ = ["App"]

Handler = TypeVar("Handler", bound=Callable[..., Any])


class App:
    """What an application is made of: handlers, namespaces, procedures.

    Nothing runs before the app is served by :func:`sennit.serve`, :func:`sennit.service` or
    :func:`sennit.resource`. A handler is a function that returns a value, a coroutine function,
    or a function that returns a Deferred. It answers with an error by raising ``ReplyError``, and
    ends the connection by raising ``Disconnect``; whatever else it raises is logged and answered
    with error 100.
    """

    def __init__(self) -> None:
        self.namespaces: dict[str, Namespace] = {}
        self.single_channels: dict[str, Namespace] = {}
        self.procedures: dict[str, Procedure] = {}
        self.raw_routes: dict[str, RawRoute] = {}
        self.api_methods: dict[str, Callable[..., Any]] = {}
        self.connect_handler: Callable[..., Any] | None = None
        self.refresh_handler: Callable[..., Any] | None = None
        self.disconnect_handler: Callable[..., Any] | None = None
        self.message_handler: Callable[..., Any] | None = None
        self._hub: Hub | None = None

    # -- declarations ----------------------------------------------------------------------------

    def on_connect(self, handler: Handler) -> Handler:
        """Decide who may connect: ``handler(request)`` returns ``Credentials`` or ``None``.

        ``None`` is an anonymous user. Without this handler everybody is one.
        """
        self.connect_handler = handler
        return handler

    def on_refresh(self, handler: Handler) -> Handler:
        """Decide who may stay: ``handler(session, request)`` returns ``Credentials`` or ``None``.

        It is asked when a connection that would expire shows a new token. What counts is
        ``expire_at``. ``None`` leaves it to the token, where tokens are checked, and else refuses
        with error 110.
        """
        self.refresh_handler = handler
        return handler

    def on_disconnect(self, handler: Handler) -> Handler:
        """Hear of connections that ended: ``handler(session, closed)``."""
        self.disconnect_handler = handler
        return handler

    def on_message(self, handler: Handler) -> Handler:
        """Take messages that want no answer: ``handler(session, data)``, data as JSON bytes.

        Without this handler a client that sends one is disconnected with 3508.
        """
        self.message_handler = handler
        return handler

    def namespace(self, name: str, **options: Unpack[NamespaceKeywords]) -> Namespace:
        """Declare the channels ``name:…``; ``""`` is for channels without a colon.

        Args:
            name: two or more letters, digits, ``-`` or ``_``; or empty.
            options: those of :class:`sennit.hub.namespace.NamespaceOptions`.

        Raises:
            ConfigurationError: the name is taken or not a name, or the options contradict
                each other.
        """
        if name in self.namespaces:
            raise ConfigurationError(f"the namespace {name!r} is declared twice")
        made = namespace_options(options)
        check_namespace_name(name)
        return self.namespaces.setdefault(name, Namespace(name, made))

    def channel(self, name: str, **options: Unpack[NamespaceKeywords]) -> Namespace:
        """Declare one channel by its whole name; its namespace, if any, does not count for it.

        Args:
            name: the whole name, as clients say it.
            options: those of :class:`sennit.hub.namespace.NamespaceOptions`, but for ``pattern``
                and ``personal``, which are about many channels.

        Raises:
            ConfigurationError: the name is taken or not a name, or the options contradict
                each other.
        """
        if name in self.single_channels:
            raise ConfigurationError(f"the channel {name!r} is declared twice")
        if not name or not name.isascii() or not name.isprintable():
            raise ConfigurationError(f"a channel's name is printable ASCII, not {name!r}")
        made = namespace_options(options)
        if made.pattern is not None or made.personal:
            raise ConfigurationError(f"the channel {name!r} is one: no pattern, not personal")
        return self.single_channels.setdefault(name, Namespace(name, made))

    def rpc(
        self,
        name: str,
        *,
        timeout: float | None = None,
        concurrency: int | None = None,
        rate: str = "",
    ) -> Callable[[Handler], Handler]:
        """Declare an rpc method: ``handler(session, params)`` returns the answer.

        The annotation of ``params`` is the type that the client's JSON is checked against (error
        107 where it does not fit): any type msgspec knows; ``bytes`` for the JSON itself.

        Args:
            name: what clients call.
            timeout: seconds until the handler is cancelled and the answer is error 100.
            concurrency: how many calls run at once; more of them wait in order.
            rate: how often one client may call it, in words like ``"10/s burst 20"``; one call
                more gets the temporary error 111.

        Raises:
            ConfigurationError: the name is taken or begins with ``@sennit:``, a bound is not
                positive, or the rate is none.
        """

        def declare(handler: Handler) -> Handler:
            if name.startswith("@sennit:"):
                raise ConfigurationError(f"rpc {name!r}: such names are the server's own")
            if name in self.procedures:
                raise ConfigurationError(f"rpc {name!r} is declared twice")
            self.procedures[name] = Procedure(name, handler, timeout, concurrency, rate)
            return handler

        return declare

    def api_method(self, name: str) -> Callable[[Handler], Handler]:
        """Declare a method of the HTTP API's ``rpc``: ``handler(params)`` returns the answer.

        The parameters are any JSON value, ``None`` where there are none.

        Raises:
            ConfigurationError: the name is taken.
        """

        def declare(handler: Handler) -> Handler:
            if name in self.api_methods:
                raise ConfigurationError(f"the api method {name!r} is declared twice")
            self.api_methods[name] = handler
            return handler

        return declare

    def raw(
        self,
        path: str,
        *,
        subprotocols: Iterable[str] = ("chat",),
        namespace: str = "room",
        parameter: str = "room",
        default: str = "lobby",
    ) -> RawRoute:
        """Declare a path for plain WebSockets: ``new WebSocket("ws://host/path?room=name")``.

        Raises:
            ConfigurationError: the path is taken or does not begin with ``/``.
        """
        if path in self.raw_routes:
            raise ConfigurationError(f"the raw path {path!r} is declared twice")
        route = RawRoute(path, tuple(subprotocols), namespace, parameter, default)
        self.raw_routes[path] = route
        return route

    # -- the running app -------------------------------------------------------------------------

    def attach(self, hub: Hub | None) -> None:
        """Tell the app which hub runs it, or that none does.

        Raises:
            ConfigurationError: another hub runs it already.
        """
        if hub is not None and self._hub is not None:
            raise ConfigurationError("this app is served already")
        self._hub = hub

    @property
    def hub(self) -> Hub:
        """The hub that runs this app.

        Raises:
            NotRunning: there is none.
        """
        if self._hub is None:
            raise NotRunning("the app is not served: nothing can be published or asked yet")
        return self._hub

    def publish(  # noqa: PLR0913 - each option has a name of its own
        self,
        channel: str,
        data: Any,
        *,
        tags: Mapping[str, str] | None = None,
        idempotency_key: str = "",
        info: ClientInfo | None = None,
        ephemeral: bool = False,
        exclude: str = "",
        delta: bool = False,
        version: int = 0,
        version_epoch: str = "",
    ) -> Deferred[StreamPosition]:
        """Publish to a channel; fires when the broker has the publication for good.

        Permissions do not apply and no ``on_publish`` handler is called.

        Args:
            channel: its name; its namespace must be declared.
            data: any value with a JSON form; ``bytes`` are JSON already.
            tags: small text labels, sent along.
            idempotency_key: a publication with a key that this channel has seen within five
                minutes is not published again; the answer is the first one's.
            info: whom clients see as the publisher, if anybody.
            ephemeral: it is for those who are there now, and is not kept.
            exclude: the id of a connection that does not get it; of what is not kept only.
            delta: clients that know how may be sent the difference to the one before.
            version: a channel with history that has seen this version, or a later one, keeps what
                it has; the answer is where it stands. 0 for none.
            version_epoch: versions of another run are counted anew.

        Raises:
            NotRunning: at once, the app is not served.
            TypeError: at once, the data has no JSON form, or its bytes are not JSON.
            ReplyError: from the Deferred: 102, no such namespace; 107, a bad name, or not what
                the namespace takes.
        """
        publication = publication_of(
            channel,
            data,
            tags=tags,
            info=info,
            ephemeral=ephemeral,
            exclude=exclude,
            delta=delta,
        )
        administration = self.hub.administration
        return Deferred.fromCoroutine(
            administration.publish(publication, idempotency_key, version, version_epoch)
        )

    def broadcast(  # noqa: PLR0913 - each option has a name of its own
        self,
        channels: Iterable[str],
        data: Any,
        *,
        tags: Mapping[str, str] | None = None,
        idempotency_key: str = "",
        info: ClientInfo | None = None,
        ephemeral: bool = False,
        delta: bool = False,
        version: int = 0,
        version_epoch: str = "",
    ) -> Deferred[list[StreamPosition | ReplyError]]:
        """Publish the same to several channels, as :meth:`publish` does to one.

        Returns:
            Fires with what came of each, in their order, which is where it stands or why it failed.

        Raises:
            NotRunning: at once, the app is not served.
            TypeError: at once, the data has no JSON form, or its bytes are not JSON.
        """
        publication = publication_of(
            "", data, tags=tags, info=info, ephemeral=ephemeral, delta=delta
        )
        administration = self.hub.administration
        return Deferred.fromCoroutine(
            administration.broadcast(channels, publication, idempotency_key, version, version_epoch)
        )

    def subscribe(
        self,
        user: str,
        channel: str,
        options: SubscriptionOptions | None = None,
        *,
        client: str = "",
    ) -> Deferred[None]:
        """Subscribe every connection of a user to a channel; permissions do not apply.

        Those that are subscribed already stay as they are. Clients hear of it as of a
        subscription made by the server, and make it no more when they come back:
        ``on_connect`` answers for that, by ``Credentials(subscriptions=…)``.

        Args:
            user: whose connections.
            channel: its name.
            options: how; as the namespace says where it is ``None``.
            client: the id of the only connection that is meant; empty for all.

        Returns:
            Fires when it is done.

        Raises:
            NotRunning: at once, the app is not served.
            ReplyError: from the Deferred: 102, no such namespace; 107, a bad name; 112, a client
                cannot be given everything since ``options.recover_since``.
        """
        administration = self.hub.administration
        return Deferred.fromCoroutine(
            administration.subscribe(user, channel, options or SubscriptionOptions(), client)
        )

    def presence(self, channel: str) -> Deferred[Mapping[str, ClientInfo]]:
        """Return who is subscribed, by connection id.

        Raises:
            NotRunning: at once, the app is not served.
            ReplyError: from the Deferred: 102, no such namespace; 108, it keeps no presence.
        """
        return self.hub.presence_of(channel)

    def presence_stats(self, channel: str) -> Deferred[tuple[int, int]]:
        """Return how many connections and how many distinct users are subscribed.

        Raises:
            NotRunning: at once, the app is not served.
            ReplyError: from the Deferred: 102, no such namespace; 108, it keeps no presence.
        """
        return self.hub.presence_stats_of(channel)

    def history(
        self,
        channel: str,
        *,
        limit: int = -1,
        since: StreamPosition | None = None,
        reverse: bool = False,
    ) -> Deferred[HistoryPage]:
        """Read a channel's history.

        Args:
            channel: its name.
            limit: at most so many publications; -1 for as many as ``HubSettings.history_limit``
                allows, 0 for the position alone.
            since: exclusive; forward what came after it, in reverse what came before it.
            reverse: newest first.

        Raises:
            NotRunning: at once, the app is not served.
            ReplyError: from the Deferred: 102, no such namespace; 108, it keeps no history;
                112, ``since`` is of another epoch.
        """
        return self.hub.history_of(channel, limit, since, reverse)

    def remove_history(self, channel: str) -> Deferred[None]:
        """Forget a channel's publications; its offset and epoch go on.

        Raises:
            NotRunning: at once, the app is not served.
            ReplyError: from the Deferred: 102, no such namespace; 108, it keeps no history.
        """
        return Deferred.fromCoroutine(self.hub.administration.remove_history(channel))

    def channels(self, pattern: str = "") -> Mapping[str, int]:
        """Return the channels of this node that have subscribers, each with how many.

        Args:
            pattern: with ``*``, ``?`` and ``[…]``, as names of files have them; empty for all.

        Raises:
            NotRunning: the app is not served.
        """
        return self.hub.administration.channels(pattern)

    def info(self) -> NodeInfo:
        """Return how this node is.

        Raises:
            NotRunning: the app is not served.
        """
        return self.hub.administration.info()

    def unsubscribe(
        self,
        user: str,
        channel: str,
        code: int = UnsubscribeCode.SERVER,
        reason: str = "",
        *,
        client: str = "",
    ) -> None:
        """End every subscription of a user to a channel.

        Args:
            user: whose.
            channel: its name; empty for all channels.
            code: why, for the client; from 2500 on it subscribes again.
            reason: likewise, in words.
            client: the id of the only connection that is meant; empty for all.

        Raises:
            NotRunning: the app is not served.
        """
        self.hub.administration.unsubscribe(user, channel, code, reason, client)

    def disconnect(
        self,
        user: str,
        code: int = DisconnectCode.FORCE_DISCONNECT,
        reason: str = "force disconnect",
        *,
        client: str = "",
        whitelist: Iterable[str] = (),
    ) -> None:
        """End every connection of a user.

        Args:
            user: whose.
            code: why, for the client; it says whether to come back.
            reason: likewise, in words.
            client: the id of the only connection that is meant; empty for all.
            whitelist: ids of connections that stay.

        Raises:
            NotRunning: the app is not served.
            ValueError: the code or the reason is not one for the wire; see ``Disconnect``.
        """
        why = Disconnect(code, reason)
        self.hub.administration.disconnect(user, why, client, whitelist=whitelist)

    def refresh(
        self,
        user: str,
        *,
        expire_at: float | None = None,
        expired: bool = False,
        info: Any = None,
        client: str = "",
    ) -> None:
        """Set when the connections of a user end unless they are renewed.

        Args:
            user: whose.
            expire_at: in seconds since 1970; ``None`` for never.
            expired: end them now, with 3005, on which clients come back with a new token.
            info: shown to others from their next subscription on: any JSON value, or JSON as
                ``bytes``; ``None`` for what it was.
            client: the id of the only connection that is meant; empty for all.

        Raises:
            NotRunning: the app is not served.
            TypeError: ``info`` has no JSON form.
            ReplyError: 110, the time has passed.
        """
        shown = None if info is None else encode_payload(info, binary=False)
        self.hub.administration.refresh(
            user, expire_at=expire_at, expired=expired, info=shown, client=client
        )
