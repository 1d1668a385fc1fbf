"""A namespace: what the channels of one family can do, and who may do it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

from sennit.errors import ConfigurationError
from sennit.interfaces import PublishOptions

__all__ = ["Grant", "History", "Namespace", "NamespaceOptions", "SlowPolicy"]

Grant = Literal["client", "subscriber", "anonymous"]
SlowPolicy = Literal["disconnect", "recover", "drop-oldest", "conflate"]
Handler = TypeVar("Handler", bound=Callable[..., Any])

_NAME = re.compile(r"[-a-zA-Z0-9_]{2,}")
_GRANTS = frozenset(get_args(Grant))
_POLICIES = frozenset(get_args(SlowPolicy))


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
        join_leave: tell subscribers who joins and who leaves.
        history: what is kept, or ``None``.
        recovery: every subscription has a position and can recover; needs ``history``.
        slow: what happens to a subscriber who does not keep up: ``"disconnect"`` (3008),
            ``"recover"`` (the subscription ends with 2500, and the client recovers from history),
            ``"drop-oldest"``, or ``"conflate"`` (the newest publication for each key).
        conflate_key: the tag that is the key for ``"conflate"``.
        allow_subscribe: grant to subscribe.
        allow_publish: grant to publish.
        allow_presence: grant to ask who is subscribed.
        allow_history: grant to read the history.
        pattern: a regular expression for the part of the name after ``namespace:``, matched
            whole; another name gets error 107.

    Raises:
        ConfigurationError: the options contradict each other.
    """

    presence: bool = False
    join_leave: bool = False
    history: History | None = None
    recovery: bool = False
    slow: SlowPolicy = "disconnect"
    conflate_key: str | None = None
    allow_subscribe: frozenset[Grant] = frozenset()
    allow_publish: frozenset[Grant] = frozenset()
    allow_presence: frozenset[Grant] = frozenset()
    allow_history: frozenset[Grant] = frozenset()
    pattern: str | None = None

    def __post_init__(self) -> None:
        if self.slow not in _POLICIES:
            raise ConfigurationError(f"slow is one of {sorted(_POLICIES)}, not {self.slow!r}")
        if self.recovery and self.history is None:
            raise ConfigurationError("recovery=True needs history=History(size, ttl)")
        if self.recovery and self.slow not in ("disconnect", "recover"):
            # A client takes each publication's offset for the whole truth: none may be left out.
            raise ConfigurationError(
                f'recovery=True goes with slow="disconnect" or "recover", not {self.slow!r}'
            )
        if self.slow == "recover" and not self.recovery:
            raise ConfigurationError('slow="recover" needs recovery=True')
        if (self.slow == "conflate") != (self.conflate_key is not None):
            raise ConfigurationError('slow="conflate" and conflate_key="tag" go together')
        self._check_grants()
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ConfigurationError(f"pattern {self.pattern!r}: {error}") from error

    def _check_grants(self) -> None:
        for grant in ("allow_subscribe", "allow_publish", "allow_presence", "allow_history"):
            value = getattr(self, grant)
            if isinstance(value, str):
                raise ConfigurationError(f"{grant} is a set of names, not the text {value!r}")
            unknown = frozenset(value) - _GRANTS
            if unknown:
                raise ConfigurationError(f"{grant} knows {sorted(_GRANTS)}, not {sorted(unknown)}")
            object.__setattr__(self, grant, frozenset(value))


class Namespace:
    """The channels ``name:…``; the namespace ``""`` is that of channels without a colon.

    Made by :meth:`sennit.App.namespace`. Its methods are decorators; a handler is a function that
    returns a value, a coroutine or a Deferred.

    Raises:
        ConfigurationError: the name is neither empty nor two or more of ``-a-zA-Z0-9_``.
    """

    def __init__(self, name: str, options: NamespaceOptions) -> None:
        if name and not _NAME.fullmatch(name):
            raise ConfigurationError(
                f"a namespace's name is two or more letters, digits, - or _, not {name!r}"
            )
        self.name = name
        self.subscribe_handler: Callable[..., Any] | None = None
        self.publish_handler: Callable[..., Any] | None = None
        self.unsubscribe_handler: Callable[..., Any] | None = None
        self.configure(options)

    def configure(self, options: NamespaceOptions) -> None:
        """Set the options; the handlers stay."""
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

        What it returns, unless ``None``, is the payload of the answer. It refuses with
        ``ReplyError`` (103 for no permission) or ``Disconnect``.
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

    def on_unsubscribe(self, handler: Handler) -> Handler:
        """Hear of subscriptions that ended: ``handler(session, channel, code)``.

        The code is 0 (the client unsubscribed), 1 (its connection ended) or one of the server's.
        """
        self.unsubscribe_handler = handler
        return handler

    def fits(self, name: str) -> bool:
        """Return whether the part of a channel's name after the colon is a good one."""
        return self._pattern is None or self._pattern.fullmatch(name) is not None

    def publish_options(self, idempotency_key: str = "") -> PublishOptions:
        """Return how a broker keeps the publications of this namespace's channels."""
        if not idempotency_key:
            return self._publish_options
        kept = self._publish_options
        return PublishOptions(kept.history_size, kept.history_ttl, kept.meta_ttl, idempotency_key)


def is_granted(grant: Iterable[Grant], user: str, subscribed: bool) -> bool:
    """Return whether a grant holds for a user (protocol, section 10)."""
    grant = frozenset(grant)
    if not user and "anonymous" not in grant:
        return False
    if "client" in grant or ("subscriber" in grant and subscribed):
        return True
    return not user and grant == {"anonymous"}
