"""A namespace: what the channels of one family can do, and who may do it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypedDict, TypeVar, get_args

from sennit.errors import ConfigurationError
from sennit.hub.rate import Rate
from sennit.interfaces import PublishOptions

__all__ = [
    "DataFormat",
    "DeltaType",
    "Grant",
    "History",
    "Namespace",
    "NamespaceKeywords",
    "NamespaceOptions",
    "RecoveryMode",
    "SlowPolicy",
    "check_namespace_name",
    "namespace_options",
]

Grant = Literal["client", "subscriber", "anonymous"]
SlowPolicy = Literal["disconnect", "recover", "drop-oldest", "conflate"]
RecoveryMode = Literal["stream", "cache"]
DeltaType = Literal["fossil"]
DataFormat = Literal["json", "json_object", "binary"]
Handler = TypeVar("Handler", bound=Callable[..., Any])

_NAME = re.compile(r"[-a-zA-Z0-9_]{2,}")
_GRANTS = frozenset(get_args(Grant))
_SETS: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        ("allow_subscribe", "allow_publish", "allow_presence", "allow_history"), _GRANTS
    ),
    "allowed_delta_types": frozenset(get_args(DeltaType)),
}
"""What may stand in the options that are sets of names."""
_CHOICES: dict[str, frozenset[str]] = {
    "slow": frozenset(get_args(SlowPolicy)),
    "recovery_mode": frozenset(get_args(RecoveryMode)),
    "publication_data_format": frozenset(get_args(DataFormat)),
}
"""What may stand in the options that are one name."""


@dataclass(frozen=True, slots=True)
class History:
    """How much of a channel is kept.

    Attributes:
        size: publications, at least 1.
        ttl: seconds after the last publication.
        meta_ttl: seconds after the last use that the offset and the epoch are kept; at least
            ``ttl``, 30 days by default.

    Raises:
        ConfigurationError: a value is out of its bounds.
    """

    size: int
    ttl: float
    meta_ttl: float = 30 * 86400

    def __post_init__(self) -> None:
        if self.size < 1 or self.ttl <= 0:
            raise ConfigurationError("a history keeps at least 1 publication for more than 0 s")
        if self.meta_ttl < self.ttl:
            raise ConfigurationError("a history's meta_ttl is at least its ttl")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceOptions:
    """What the channels of a namespace can do. Everything is off unless it is declared.

    A grant is a set of ``"client"`` (anybody with a user id), ``"subscriber"`` (those subscribed
    to the channel) and ``"anonymous"`` (the other two hold for users without an id as well).
    Where ``on_subscribe`` or ``on_publish`` is declared, that handler decides instead.

    Attributes:
        presence: keep who is subscribed.
        join_leave: tell who joins and who leaves to those subscribers who ask for it and may know
            who is subscribed (``allow_presence``).
        force_push_join_leave: tell it to every subscriber; needs ``join_leave``.
        history: what is kept, or ``None``.
        positioning: every subscription has a position, and is told of a gap; needs ``history``.
        allow_positioning: those who ask for it have one. Who may read the history always may.
        recovery: every subscription has a position and can recover; needs ``history``.
        allow_recovery: those who ask for it can. Who may read the history always may.
        recovery_mode: what recovery brings: ``"stream"``, everything that was missed, or
            ``"cache"``, the newest publication alone.
        auto_cache_recover: in cache mode every subscriber is given the newest publication, asked
            for or not.
        allowed_delta_types: how publications may be sent as differences to the one before:
            ``{"fossil"}``, to those who ask for it and have a position.
        delta_publish: every publication is one that may be sent so; needs ``allowed_delta_types``.
        slow: what happens to a subscriber who does not keep up: ``"disconnect"`` (3008),
            ``"recover"`` (it is sent what it missed from the history once it reads again),
            ``"drop-oldest"``, or ``"conflate"`` (the newest publication for each key).
        conflate_key: the tag that is the key for ``"conflate"``.
        allow_subscribe: grant to subscribe.
        allow_publish: grant to publish.
        allow_presence: grant to ask who is subscribed.
        allow_history: grant to read the history.
        allow_user_limited_channels: names like ``room:talk#7,42`` are of the listed users, who may
            subscribe; without it nobody may. No client who is not listed may do anything there.
        personal: every client with a user id is subscribed to ``name:#user`` when it connects.
        pattern: a regular expression for the part of the name after ``namespace:``, matched
            whole; another name gets error 107.
        publication_data_format: what a payload must be: ``"json"``, ``"json_object"``, or
            ``"binary"``, which is anything; else a publication gets error 107. Where it is not
            said, anything but an empty payload may be published.
        publish_rate: how often clients may publish in one channel, all together, in words like
            ``"100/s burst 20"``; one more gets the temporary error 111. Empty for any.
        publish_rate_per_client: likewise, one connection in one channel.
        subscribe_rate: likewise, how often clients may subscribe to one channel.
        subscribe_rate_per_client: likewise, one connection to one channel.

    Raises:
        ConfigurationError: the options contradict each other.
    """

    presence: bool = False
    join_leave: bool = False
    force_push_join_leave: bool = False
    history: History | None = None
    positioning: bool = False
    allow_positioning: bool = False
    recovery: bool = False
    allow_recovery: bool = False
    recovery_mode: RecoveryMode = "stream"
    auto_cache_recover: bool = False
    allowed_delta_types: frozenset[DeltaType] = frozenset()
    delta_publish: bool = False
    slow: SlowPolicy = "disconnect"
    conflate_key: str | None = None
    allow_subscribe: frozenset[Grant] = frozenset()
    allow_publish: frozenset[Grant] = frozenset()
    allow_presence: frozenset[Grant] = frozenset()
    allow_history: frozenset[Grant] = frozenset()
    allow_user_limited_channels: bool = False
    personal: bool = False
    pattern: str | None = None
    publication_data_format: DataFormat | None = None
    publish_rate: str = ""
    publish_rate_per_client: str = ""
    subscribe_rate: str = ""
    subscribe_rate_per_client: str = ""

    def __post_init__(self) -> None:
        self._check_names()
        self._check_needs()
        for promise in ("recovery", "allow_recovery", "positioning", "allow_positioning"):
            # A client takes each publication's offset for the whole truth: none may be left out.
            if getattr(self, promise) and self.is_lossy:
                raise ConfigurationError(
                    f'{promise}=True goes with slow="disconnect" or "recover", not {self.slow!r}'
                )
        if (self.slow == "conflate") != (self.conflate_key is not None):
            raise ConfigurationError('slow="conflate" and conflate_key="tag" go together')
        for words in (
            self.publish_rate,
            self.publish_rate_per_client,
            self.subscribe_rate,
            self.subscribe_rate_per_client,
        ):
            Rate.parse(words)
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ConfigurationError(f"pattern {self.pattern!r}: {error}") from error

    @property
    def is_lossy(self) -> bool:
        """Whether a slow subscriber may miss publications without being told."""
        return self.slow in ("drop-oldest", "conflate")

    def _check_names(self) -> None:
        for option, known in _CHOICES.items():
            value = getattr(self, option)
            if value is not None and value not in known:
                raise ConfigurationError(f"{option} is one of {sorted(known)}, not {value!r}")
        for option, known in _SETS.items():
            value = getattr(self, option)
            if isinstance(value, str):
                raise ConfigurationError(f"{option} is a set of names, not the text {value!r}")
            unknown = frozenset(value) - known
            if unknown:
                raise ConfigurationError(f"{option} knows {sorted(known)}, not {sorted(unknown)}")
            object.__setattr__(self, option, frozenset(value))

    def _check_needs(self) -> None:
        for option, needed, words in (
            ("positioning", "history", "history=History(size, ttl)"),
            ("allow_positioning", "history", "history=History(size, ttl)"),
            ("recovery", "history", "history=History(size, ttl)"),
            ("allow_recovery", "history", "history=History(size, ttl)"),
            ("force_push_join_leave", "join_leave", "join_leave=True"),
            ("delta_publish", "allowed_delta_types", 'allowed_delta_types={"fossil"}'),
        ):
            if getattr(self, option) and not getattr(self, needed):
                raise ConfigurationError(f"{option}=True needs {words}")
        if self.auto_cache_recover and self.recovery_mode != "cache":
            raise ConfigurationError('auto_cache_recover=True needs recovery_mode="cache"')
        if self.slow == "recover" and not self.recovery:
            raise ConfigurationError('slow="recover" needs recovery=True')


class NamespaceKeywords(TypedDict, total=False):
    """The same, as keyword arguments: a set may be any iterable."""

    presence: bool
    join_leave: bool
    force_push_join_leave: bool
    history: History | None
    positioning: bool
    allow_positioning: bool
    recovery: bool
    allow_recovery: bool
    recovery_mode: RecoveryMode
    auto_cache_recover: bool
    allowed_delta_types: Iterable[DeltaType]
    delta_publish: bool
    slow: SlowPolicy
    conflate_key: str | None
    allow_subscribe: Iterable[Grant]
    allow_publish: Iterable[Grant]
    allow_presence: Iterable[Grant]
    allow_history: Iterable[Grant]
    allow_user_limited_channels: bool
    personal: bool
    pattern: str | None
    publication_data_format: DataFormat | None
    publish_rate: str
    publish_rate_per_client: str
    subscribe_rate: str
    subscribe_rate_per_client: str


def namespace_options(keywords: NamespaceKeywords) -> NamespaceOptions:
    """Return the options that keyword arguments say.

    Raises:
        ConfigurationError: there is no such option, or the options contradict each other.
    """
    unknown = sorted(set(keywords) - NamespaceKeywords.__annotations__.keys())
    if unknown:
        raise ConfigurationError(f"a namespace has no option {unknown[0]!r}")
    values: dict[str, Any] = dict(keywords)
    return NamespaceOptions(**values)


def check_namespace_name(name: str) -> None:
    """Check the name of a namespace.

    Raises:
        ConfigurationError: it is neither empty nor two or more of ``-a-zA-Z0-9_``.
    """
    if name and not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"a namespace's name is two or more letters, digits, - or _, not {name!r}"
        )


class Namespace:
    """The channels ``name:…``; the namespace ``""`` is that of channels without a colon.

    Made by :meth:`sennit.App.namespace`, or, for one channel alone, by :meth:`sennit.App.channel`.
    Its methods are decorators; a handler is a function that returns a value, a coroutine or a
    Deferred.
    """

    def __init__(self, name: str, options: NamespaceOptions) -> None:
        self.name = name
        self.subscribe_handler: Callable[..., Any] | None = None
        self.publish_handler: Callable[..., Any] | None = None
        self.unsubscribe_handler: Callable[..., Any] | None = None
        self.refresh_handler: Callable[..., Any] | None = None
        self.options = options
        self._pattern = None if options.pattern is None else re.compile(options.pattern)
        history = options.history
        self._publish_options = (
            PublishOptions()
            if history is None
            else PublishOptions(history.size, history.ttl, history.meta_ttl)
        )

    def on_subscribe(self, handler: Handler) -> Handler:
        """Decide who may subscribe: ``handler(session, channel, request)``.

        What it returns, unless ``None``, is the payload of the answer, or ``SubscriptionOptions``
        that say more. It refuses with ``ReplyError`` (103 for no permission) or ``Disconnect``.
        """
        self.subscribe_handler = handler
        return handler

    def on_publish(self, handler: Handler) -> Handler:
        """Decide what a client may publish: ``handler(session, publication)``.

        It returns ``None`` to let the publication pass, another ``Publication``, or another
        payload; it refuses with ``ReplyError`` or ``Disconnect``.
        """
        self.publish_handler = handler
        return handler

    def on_refresh(self, handler: Handler) -> Handler:
        """Decide who may stay subscribed: ``handler(session, channel, request)``.

        It is asked when a subscription that would expire shows a new token, and returns
        ``SubscriptionOptions``, whose ``expire_at`` counts. ``None`` leaves it to the token, where
        tokens are checked, and else refuses with error 110.
        """
        self.refresh_handler = handler
        return handler

    def on_unsubscribe(self, handler: Handler) -> Handler:
        """Hear of subscriptions that ended: ``handler(session, channel, code)``.

        The code is 0 (the client unsubscribed), 1 (its connection ended) or one of the server's.
        """
        self.unsubscribe_handler = handler
        return handler

    def fits(self, name: str) -> bool:
        """Return whether the part of a channel's name after the colon is a good one."""
        return self._pattern is None or self._pattern.fullmatch(name) is not None

    def publish_options(
        self,
        idempotency_key: str = "",
        version: int = 0,
        version_epoch: str = "",
        *,
        ephemeral: bool = False,
    ) -> PublishOptions:
        """Return how a broker keeps the publications of this namespace's channels."""
        kept = PublishOptions() if ephemeral else self._publish_options
        if not idempotency_key and not version:
            return kept
        return replace(
            kept, idempotency_key=idempotency_key, version=version, version_epoch=version_epoch
        )
