"""Who may do how much: the rates of connections, channels and procedures."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Hashable
from typing import TYPE_CHECKING, Literal

from twisted.internet.interfaces import IReactorTime

from sennit.hub.namespace import NamespaceOptions
from sennit.hub.rate import Buckets, Rate
from sennit.hub.setting import HubSettings
from sennit.model.code import DisconnectCode, ErrorCode, disconnect, reply_error

if TYPE_CHECKING:
    from sennit.hub.session import Session

__all__ = ["Limiter"]

Kind = Literal["publish", "subscribe", "rpc"]

MOST_SHARED = 65_536
"""Addresses and channels whose use is remembered at once."""


class Limiter:
    """Counts what clients do against what they may.

    Args:
        settings: the rates of connections.
        clock: the time.

    Attributes:
        refused: how many were refused, by kind.
    """

    def __init__(self, settings: HubSettings, clock: IReactorTime) -> None:
        self.refused: Counter[str] = Counter()
        self._clock = clock
        self._refusal_limit = settings.refusal_limit
        self._connect = Rate.parse(settings.connect_rate)
        self._connect_of_address = Rate.parse(settings.connect_rate_per_address)
        self._send = Rate.parse(settings.send_rate)
        self._rates = {
            "publish": Rate.parse(settings.publish_rate),
            "subscribe": Rate.parse(settings.subscribe_rate),
            "rpc": Rate.parse(settings.rpc_rate),
        }
        self._shared = Buckets(MOST_SHARED)

    def check_connect(self, host: str) -> None:
        """Count a connect of a client at this address.

        Raises:
            Disconnect: 3013, there are too many.
        """
        # The address first: who is refused there takes nothing from the others.
        for key, rate in (
            (("address", _subscriber(host)), self._connect_of_address),
            (("connect",), self._connect),
        ):
            if rate is not None and not self._take(key, rate):
                self.refused["connect"] += 1
                raise disconnect(DisconnectCode.TOO_MANY_REQUESTS)

    def check_message(self, session: Session) -> None:
        """Count a message that wants no answer.

        Raises:
            Disconnect: 3013, there are too many, and there is no other way to say it.
        """
        if self._send is not None:
            bucket = session.buckets.bucket("send", self._send, self._clock.seconds())
            if not bucket.take(self._clock.seconds()):
                self.refused["send"] += 1
                raise disconnect(DisconnectCode.TOO_MANY_REQUESTS)

    def check(self, session: Session, kind: Kind) -> None:
        """Count something that a client does.

        Raises:
            ReplyError: 111, it does so too often.
            Disconnect: 3013, and it does not stop.
        """
        rate = self._rates[kind]
        if rate is not None:
            self._check_own(session, kind, kind, rate)

    def check_procedure(self, session: Session, name: str, rate: Rate | None) -> None:
        """Count a client's call of one procedure.

        Raises:
            ReplyError: 111, it calls it too often.
            Disconnect: 3013, and it does not stop.
        """
        if rate is not None:
            self._check_own(session, "rpc", ("rpc", name), rate)

    def check_channel(
        self,
        session: Session,
        kind: Literal["publish", "subscribe"],
        channel: str,
        options: NamespaceOptions,
    ) -> None:
        """Count something that a client does in a channel.

        Raises:
            ReplyError: 111, it does so too often there, or all together do.
            Disconnect: 3013, it does, and does not stop.
        """
        publishing = kind == "publish"
        own = options.publish_rate_per_client if publishing else options.subscribe_rate_per_client
        shared = options.publish_rate if publishing else options.subscribe_rate
        key = (kind, channel)
        if (rate := Rate.parse(own)) is not None:
            self._check_own(session, kind, key, rate)
        # Not counted against the one who meets it: the others have used it up.
        if (rate := Rate.parse(shared)) is not None and not self._take(key, rate):
            self.refused[kind] += 1
            raise reply_error(ErrorCode.TOO_MANY_REQUESTS)

    def _check_own(self, session: Session, kind: Kind, key: Hashable, rate: Rate) -> None:
        now = self._clock.seconds()
        bucket = session.buckets.bucket(key, rate, now)
        if bucket.take(now):
            return
        self.refused[kind] += 1
        if bucket.refused > self._refusal_limit:
            raise disconnect(DisconnectCode.TOO_MANY_REQUESTS)
        raise reply_error(ErrorCode.TOO_MANY_REQUESTS)

    def _take(self, key: Hashable, rate: Rate) -> bool:
        now = self._clock.seconds()
        return self._shared.bucket(key, rate, now).take(now)


def _subscriber(host: str) -> str:
    """Return what stands for who has this address: of IPv6 the first half."""
    if ":" not in host:
        return host
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return address.exploded[:19]
