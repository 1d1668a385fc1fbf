"""A channel on this node: who is subscribed here, and how a publication reaches them.

Nothing in Python runs for a subscriber who is up to date: they are members of fan-out groups, and
all of a group stands where the channel stands. Only those who are being made, who came in ahead of
the channel's own deliveries, or who are slow are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from sennit.errors import Disconnect
from sennit.hub.outbox import Waiting
from sennit.hub.subscription import (
    BEHIND,
    BUFFERING,
    ENDED,
    GROUPED,
    LAGGING,
    TRACKED,
    DeltaState,
    GroupKey,
    Subscription,
)
from sennit.interfaces import Codec, Delta, FanoutGroup, Framing, Transport
from sennit.model.code import UnsubscribeCode
from sennit.model.publication import ClientInfo, Publication, StreamPosition

if TYPE_CHECKING:
    from sennit.hub.hub import Hub
    from sennit.hub.namespace import Namespace

__all__ = ["Channel"]

_log = Logger(namespace="sennit.hub")


class _Group:
    """A fan-out group and whose transports its members are."""

    __slots__ = ("members", "owners")

    def __init__(self, members: FanoutGroup) -> None:
        self.members = members
        self.owners: dict[Transport, Subscription] = {}


class _Frames:
    """One push's frames: encoded once per codec and kind of delta, framed once per framing."""

    __slots__ = ("_encode", "_frames", "_payloads")

    def __init__(self, encode: Callable[[Codec, DeltaState], bytes | None]) -> None:
        self._encode = encode
        self._payloads: dict[tuple[Codec, DeltaState], bytes | None] = {}
        self._frames: dict[tuple[Codec, DeltaState, Framing], bytes | None] = {}

    def frame_for(self, key: GroupKey) -> bytes | None:
        framed = (key.codec, key.delta, key.framing)
        if framed not in self._frames:
            payload = self._payload_for(key)
            self._frames[framed] = None if payload is None else key.framing.prepare(payload)
        return self._frames[framed]

    def _payload_for(self, key: GroupKey) -> bytes | None:
        kind = (key.codec, key.delta)
        if kind not in self._payloads:
            self._payloads[kind] = self._encode(*kind)
        return self._payloads[kind]


class Channel:
    """A channel that somebody on this node is subscribed to, or is about to be.

    Args:
        hub: whose it is.
        name: its name.
        namespace: what it can do.
    """

    __slots__ = (
        "_apart",
        "_base",
        "_behind",
        "_groups",
        "_hub",
        "_offset",
        "_on",
        "_settling",
        "_waiting",
        "epoch",
        "name",
        "namespace",
        "subscriptions",
    )

    def __init__(self, hub: Hub, name: str, namespace: Namespace) -> None:
        self._hub = hub
        self.name = name
        self.namespace = namespace
        self.subscriptions: set[Subscription] = set()
        self._apart: set[Subscription] = set()
        """Those in no group: buffering, tracked, lagging or behind."""
        self._groups: dict[GroupKey, _Group] = {}
        self._offset: int | None = None
        """The last offset delivered here; None before the first, and without history."""
        self.epoch = ""
        self._base: bytes | None = None
        """What was published last here, if it can be what the next one is a difference to."""
        self._behind: StreamPosition | None = None
        """Where it stood when it was found behind at the last look."""
        self._on = False
        self._settling = False
        self._waiting: list[Deferred[None]] = []

    # -- the subscription at the broker ----------------------------------------------------------

    def register(self, subscription: Subscription) -> Deferred[None]:
        """Begin to keep publications for a subscription.

        Returns:
            Fires once the broker delivers the channel here, so that what the history says from
            then on, together with what is kept, has no gap.
        """
        self.subscriptions.add(subscription)
        self._apart.add(subscription)
        ready: Deferred[None] = Deferred()
        if self._on:
            ready.callback(None)
        else:
            self._waiting.append(ready)
            self._settle()
        return ready

    def _settle(self) -> None:
        """Bring the broker's subscription in line with whether somebody wants it."""
        if self._settling:
            return
        self._settling = True
        Deferred.fromCoroutine(self._settle_in_turn())

    async def _settle_in_turn(self) -> None:
        # One at a time: a broker that answers late must not see subscribe and unsubscribe cross.
        while self._on != bool(self.subscriptions):
            if self.subscriptions:
                await self._switch_on()
            else:
                await self._switch_off()
        self._settling = False
        if not self.subscriptions:
            self._hub.forget_channel(self)

    async def _switch_on(self) -> None:
        try:
            await self._hub.broker.subscribe(self.name)
        except Exception as error:
            self._release(error)
        else:
            self._on = True
            self._release(None)

    async def _switch_off(self) -> None:
        self._on = False
        self._base = None
        self._offset = None
        self.epoch = ""
        try:
            await self._hub.broker.unsubscribe(self.name)
        except Exception:
            _log.failure("the broker failed to unsubscribe {name}", name=self.name)

    def _release(self, error: Exception | None) -> None:
        waiting, self._waiting = self._waiting, []
        for ready in waiting:
            if not ready.called:
                if error is None:
                    ready.callback(None)
                else:
                    ready.errback(error)

    # -- members ---------------------------------------------------------------------------------

    def missing(self, subscription: Subscription, top: StreamPosition) -> bool:
        """Return whether what is kept does not carry on from a position without a gap."""
        if subscription.overflown:
            return True
        if not subscription.positioned:
            return False
        offset = top.offset
        for publication in subscription.buffer:
            if publication.ephemeral:
                continue
            if publication.epoch != top.epoch:
                return True
            if publication.offset > offset + 1:
                return True
            offset = max(offset, publication.offset)
        return self.epoch == top.epoch and self._offset is not None and offset < self._offset

    def go_live(
        self,
        subscription: Subscription,
        top: StreamPosition,
        following: Sequence[Publication] = (),
    ) -> None:
        """Write what was kept behind the answer, and join the others.

        Args:
            subscription: one that was registered, and whose answer is written.
            top: where the answer leaves the client.
            following: what comes before what was kept.
        """
        kept, subscription.buffer = subscription.buffer, []
        subscription.state = TRACKED
        subscription.position = top
        for publication in (*following, *kept):
            if subscription.state != TRACKED:
                return  # Ended, or behind: then the rest is read again.
            if publication.exclude == subscription.session.id:
                continue
            if not subscription.positioned or publication.ephemeral:
                self._push(subscription, publication)
            elif publication.offset > subscription.position.offset:
                subscription.position = StreamPosition(publication.offset, publication.epoch)
                self._push(subscription, publication)
        if subscription.state != TRACKED:
            return
        if subscription.positioned and len(self._apart) == len(self.subscriptions) == 1:
            # The first one here: the channel stands where it does.
            self._offset = subscription.position.offset
            self.epoch = subscription.position.epoch
        self._join_group_if_level(subscription)

    def remove(self, subscription: Subscription) -> None:
        """Take a subscription out, whatever its state."""
        if subscription.state == GROUPED:
            self._leave_group(subscription)
        self._apart.discard(subscription)
        self.subscriptions.discard(subscription)
        subscription.state = ENDED
        subscription.buffer.clear()
        if not self.subscriptions:
            self._settle()

    def set_apart(self, subscription: Subscription) -> None:
        """Note that a subscription's connection is slow: it leaves its group."""
        if subscription.state == GROUPED:
            self._leave_group(subscription)
            subscription.position = StreamPosition(self._offset or 0, self.epoch)
            subscription.state = LAGGING
            self._apart.add(subscription)

    def take_back(self, subscription: Subscription) -> None:
        """Note that a subscription's connection has caught up."""
        if subscription.state == LAGGING:
            subscription.state = TRACKED
            self._join_group_if_level(subscription)

    def put_off(self, subscription: Subscription, offset: int) -> None:
        """Note that a subscription's connection is too slow, and it is to be sent what is missing.

        Args:
            subscription: one that has a position, and whose connection is slow.
            offset: of the last publication that it is sent.
        """
        subscription.position = StreamPosition(offset, subscription.position.epoch)
        subscription.state = BEHIND

    def send_missing(self, subscription: Subscription, publications: Sequence[Publication]) -> None:
        """Send what a subscription that is behind lacks, up to a gap, or to what is refused."""
        for publication in publications:
            position = subscription.position
            if publication.offset <= position.offset:
                continue
            if publication.offset != position.offset + 1 or publication.epoch != position.epoch:
                return
            subscription.position = StreamPosition(publication.offset, publication.epoch)
            self._push(subscription, publication)
            if subscription.state != BEHIND or subscription.session.lagging:
                return

    def is_level(self, subscription: Subscription) -> bool:
        """Return whether one that was behind has all that was delivered here."""
        return subscription.state == BEHIND and (
            self._offset is None
            or (
                self.epoch == subscription.position.epoch
                and subscription.position.offset >= self._offset
            )
        )

    def come_back(self, subscription: Subscription) -> None:
        """Note that a subscription is behind no longer."""
        subscription.state = TRACKED
        self._join_group_if_level(subscription)

    def _join_group_if_level(self, subscription: Subscription) -> None:
        if subscription.positioned and (
            subscription.position.offset != self._offset
            or subscription.position.epoch != self.epoch
        ):
            return
        if subscription.session.lagging:
            subscription.state = LAGGING
            return
        self._apart.discard(subscription)
        subscription.state = GROUPED
        self._join_group(subscription)

    def _join_group(self, subscription: Subscription) -> None:
        key = subscription.key
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group(key.framing.group())
        transport = subscription.session.transport
        group.owners[transport] = subscription
        group.members.add(transport)

    def _leave_group(self, subscription: Subscription) -> None:
        group = self._groups[subscription.key]
        transport = subscription.session.transport
        group.members.discard(transport)
        group.owners.pop(transport, None)
        if not group.owners:
            del self._groups[subscription.key]
        # Whoever comes back begins with a whole publication.
        subscription.set_delta(DeltaState.FRESH)

    # -- whether something was lost --------------------------------------------------------------

    @property
    def is_positioned(self) -> bool:
        """Whether somebody here has a position that can be compared."""
        return self._offset is not None and (
            any(key.positioned for key in self._groups)
            or any(subscription.positioned for subscription in self._apart)
        )

    @property
    def standing(self) -> StreamPosition:
        """What was delivered here last."""
        return StreamPosition(self._offset or 0, self.epoch)

    def compare(self, top: StreamPosition, standing: StreamPosition) -> None:
        """Compare where the stream stands with what has come here.

        Args:
            top: what the broker says.
            standing: what had come here when it was asked.
        """
        behind = top.epoch != standing.epoch or top.offset > standing.offset
        if not behind or standing != self.standing:
            self._behind = None
        elif self._behind != standing:
            self._behind = standing
        else:
            self._behind = None
            for subscription in list(self.subscriptions):
                if subscription.positioned:
                    self._lose(subscription)

    # -- delivery --------------------------------------------------------------------------------

    def deliver(self, publication: Publication) -> None:
        """Bring a publication that the broker has kept to everybody subscribed here."""
        base = self._base if publication.delta else None
        frames = _Frames(
            lambda codec, state: codec.encode_publication(
                self.name, publication, _delta(state, base)
            )
        )
        follows, repeated = self._place(publication)
        for subscription in list(self._apart):
            if subscription.state == BUFFERING:
                subscription.keep(publication)
            elif subscription.session.id != publication.exclude:
                self._deliver_apart(subscription, publication, frames)
        if repeated:
            return
        if publication.offset:
            self._offset = publication.offset
            self.epoch = publication.epoch
        self._deliver_to_groups(publication, frames, follows=follows)
        if self.namespace.options.allowed_delta_types:
            self._rebase(publication)
        for subscription in [s for s in self._apart if s.state == TRACKED]:
            self._join_group_if_level(subscription)

    def _rebase(self, publication: Publication) -> None:
        """Note that the groups hold this publication; who had to be sent a whole one has been."""
        # One that leaves somebody out cannot be what the next one is a difference to.
        self._base = None if publication.exclude else publication.data
        for key, group in list(self._groups.items()):
            if key.delta == DeltaState.FRESH:
                for subscription in list(group.owners.values()):
                    self._leave_group(subscription)
                    subscription.set_delta(DeltaState.BASED)
                    self._join_group(subscription)

    def _deliver_to_groups(
        self, publication: Publication, frames: _Frames, *, follows: bool
    ) -> None:
        lost: list[Subscription] = []
        unable: list[tuple[Subscription, Disconnect]] = []
        for key, group in list(self._groups.items()):
            if key.positioned and not follows:
                lost.extend(group.owners.values())
                continue
            try:
                frame = frames.frame_for(key)
            except Disconnect as why:
                unable.extend((subscription, why) for subscription in group.owners.values())
                continue
            if frame is not None:
                waiting = self._waiting_frame(frame, publication)
                self._broadcast_but(group, waiting, publication.exclude)
        for subscription in lost:
            self._lose(subscription)
        for subscription, reason in unable:
            subscription.session.end(reason)

    def deliver_join(self, info: ClientInfo) -> None:
        """Tell those who want to know that somebody subscribed."""
        self._announce(_Frames(lambda codec, _: codec.encode_join(self.name, info)))

    def deliver_leave(self, info: ClientInfo) -> None:
        """Tell those who want to know that somebody's subscription ended."""
        self._announce(_Frames(lambda codec, _: codec.encode_leave(self.name, info)))

    def _place(self, publication: Publication) -> tuple[bool, bool]:
        """Return whether it follows what came before, and whether it came before."""
        if self._offset is None or not publication.offset:
            return True, False
        if publication.epoch != self.epoch:
            return False, False
        return publication.offset == self._offset + 1, publication.offset <= self._offset

    def _deliver_apart(
        self, subscription: Subscription, publication: Publication, frames: _Frames
    ) -> None:
        if subscription.state == ENDED:
            return
        position = subscription.position
        if subscription.state == BEHIND:
            if publication.ephemeral or publication.epoch == position.epoch:
                subscription.session.skip(subscription, publication)
            else:
                self._lose(subscription)
            return
        if subscription.positioned and not publication.ephemeral:
            if publication.epoch != position.epoch:
                self._lose(subscription)
                return
            if publication.offset <= position.offset:
                return
            if publication.offset != position.offset + 1:
                self._lose(subscription)
                return
            subscription.position = StreamPosition(publication.offset, publication.epoch)
        try:
            frame = frames.frame_for(subscription.key)
        except Disconnect as why:
            subscription.session.end(why)
            return
        if frame is not None:
            subscription.session.deliver(self._waiting_frame(frame, publication), subscription)

    def _push(self, subscription: Subscription, publication: Publication) -> None:
        key = subscription.key
        try:
            payload = key.codec.encode_publication(self.name, publication, _delta(key.delta, None))
        except Disconnect as why:
            subscription.session.end(why)
            return
        if payload is not None:
            frame = key.framing.prepare(payload)
            subscription.session.deliver(self._waiting_frame(frame, publication), subscription)

    def _broadcast(self, group: _Group, waiting: Waiting) -> None:
        for transport in group.members.broadcast(waiting.frame):
            subscription = group.owners.get(transport)
            if subscription is not None:
                subscription.session.deliver(waiting, subscription)

    def _broadcast_but(self, group: _Group, waiting: Waiting, excluded: str) -> None:
        """Send a frame to all of a group but one session, by its id."""
        session = self._hub.session(excluded) if excluded else None
        transport = None if session is None else session.transport
        if transport is None or transport not in group.owners:
            self._broadcast(group, waiting)
            return
        group.members.discard(transport)
        try:
            self._broadcast(group, waiting)
        finally:
            # It may have left meanwhile: somebody found slow ended it.
            if transport in group.owners:
                group.members.add(transport)

    def _announce(self, frames: _Frames) -> None:
        # Those apart first: who is found slow by the broadcast has been served by then.
        firm = not self.namespace.options.is_lossy
        for subscription in list(self._apart):
            if subscription.join_leave and subscription.state in (TRACKED, LAGGING, BEHIND):
                frame = frames.frame_for(subscription.key)
                if frame is not None:
                    subscription.session.deliver(Waiting(frame, firm=firm), subscription)
        for key, group in list(self._groups.items()):
            frame = frames.frame_for(key) if key.join_leave else None
            if frame is not None:
                self._broadcast(group, Waiting(frame, firm=firm))

    def _waiting_frame(self, frame: bytes, publication: Publication) -> Waiting:
        tag = self.namespace.options.conflate_key
        key = None if tag is None else publication.tags.get(tag)
        return Waiting(frame, key, publication.offset)

    def _lose(self, subscription: Subscription) -> None:
        """A publication is missing: the client must recover, by subscribing again."""
        subscription.session.end_subscription(self.name, UnsubscribeCode.INSUFFICIENT_STATE)


def _delta(state: DeltaState, base: bytes | None) -> Delta | None:
    """Return what a subscription of this kind holds, for a codec."""
    if state == DeltaState.NONE:
        return None
    return Delta(base if state == DeltaState.BASED else None)
