"""The hub's bounds. Each says what happens when it is reached."""

from __future__ import annotations

from dataclasses import dataclass

from sennit.errors import ConfigurationError
from sennit.hub.rate import Rate

__all__ = ["HubSettings", "TokenSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSettings:
    """Bounds on what clients can make the hub hold.

    Attributes:
        queue_limit: bytes that may wait for one connection that does not read, each frame counted
            with 512 more; over it the slow policy of the channel decides, and for everything else
            the client is disconnected with 3008.
        channel_limit: subscriptions of one connection; one more gets error 106, or, where the
            server makes it at connect, ends the connection with 3505.
        connections_per_user: connections of one user id; one more is ended with 3504. ``None`` for
            any number.
        channel_length: bytes in a channel's name; a longer one gets error 107.
        recovery_limit: publications brought back in one recovery; a wider gap is not recovered.
        history_limit: publications in one answer to a history request; fewer are given.
        presence_limit: clients in one answer to a request for presence; no more are told, though
            ``presence_stats`` counts all.
        position_interval: seconds in which each channel whose subscribers have positions is
            compared once with its stream at the broker; one that is behind twice in a row has
            its subscribers recover. 0 compares none.
        subscribe_buffer: publications that may arrive while one subscription is being made;
            over it the client is disconnected with 3010 and comes back.
        waiting_limit: rpc calls that may wait for one method's ``concurrency``; one more gets
            the temporary error 111.
        call_limit: calls of the server that may wait for one client's answers; one more fails.
        connect_rate: how often clients may connect, all together, in words like
            ``"100/s burst 20"`` or ``"5/min"``; one more is disconnected with 3013, before
            ``on_connect``. Empty for any, as with the other rates.
        connect_rate_per_address: likewise, the clients at one address.
        publish_rate: how often one connection may publish; one more gets the temporary error 111.
        subscribe_rate: likewise, subscribe.
        rpc_rate: likewise, call.
        send_rate: likewise, send messages that want no answer; one more ends it with 3013.
        refusal_limit: how often a connection may be refused for one of its own rates before it has
            rested; one more ends it with 3013.

    Raises:
        ConfigurationError: a rate is not one.
    """

    queue_limit: int = 1024 * 1024
    channel_limit: int = 128
    connections_per_user: int | None = None
    channel_length: int = 255
    recovery_limit: int = 300
    history_limit: int = 300
    presence_limit: int = 1000
    position_interval: float = 40.0
    subscribe_buffer: int = 4096
    waiting_limit: int = 1024
    call_limit: int = 64
    connect_rate: str = ""
    connect_rate_per_address: str = ""
    publish_rate: str = ""
    subscribe_rate: str = ""
    rpc_rate: str = ""
    send_rate: str = ""
    refusal_limit: int = 100

    def __post_init__(self) -> None:
        for words in (
            self.connect_rate,
            self.connect_rate_per_address,
            self.publish_rate,
            self.subscribe_rate,
            self.rpc_rate,
            self.send_rate,
        ):
            Rate.parse(words)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSettings:
    """What tokens are checked by. Without a key there are none, and ``on_connect`` alone decides.

    Attributes:
        hmac_secret: the secret of HS256, HS384 and HS512.
        rsa_public_key: the public key of RS256, RS384 and RS512, in PEM.
        ecdsa_public_key: the public key of ES256, ES384 or ES512, by its curve, in PEM.
        jwks_url: the address of a JSON Web Key Set, in place of public keys; EdDSA as well.
        audience: what has to be in the claim ``aud``; empty for anything.
        issuer: what the claim ``iss`` has to be; empty for anything.
        allow_anonymous: clients without a token may connect, as anonymous users; without it they
            are disconnected with 3501, unless ``on_connect`` lets them in.

    Raises:
        ConfigurationError: the address is none of the web.
    """

    hmac_secret: str = ""
    rsa_public_key: str = ""
    ecdsa_public_key: str = ""
    jwks_url: str = ""
    audience: str = ""
    issuer: str = ""
    allow_anonymous: bool = False

    def __post_init__(self) -> None:
        if self.jwks_url and not self.jwks_url.startswith(("http://", "https://")):
            raise ConfigurationError("jwks_url begins with http:// or https://")

    @property
    def has_keys(self) -> bool:
        """Whether there is anything to check tokens by."""
        return bool(
            self.hmac_secret or self.rsa_public_key or self.ecdsa_public_key or self.jwks_url
        )
