"""Tokens, as they are read: signatures, claims, and the keys they are checked by."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from sennit.errors import ConfigurationError, ReplyError
from sennit.hub.key import JsonWebKeys, KeyRing
from sennit.hub.request import Credentials
from sennit.hub.setting import TokenSettings
from sennit.hub.token import (
    ExpiredTokenError,
    InvalidTokenError,
    SubscriptionToken,
    TokenReader,
)
from tests.double import LogKeeper, outcome

NOW = 1_800_000_000
SECRET = "a secret that is long enough for SHA-256"  # noqa: S105
RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()


def pem(key: Any) -> str:
    """Return the public half of a key."""
    encoded: bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded.decode()


def reader(*, remote: Any = None, **settings: Any) -> TokenReader:
    """Return a reader with the secret, and whatever else is said."""
    values: dict[str, Any] = {"hmac_secret": SECRET, **settings}
    made = TokenSettings(**values)
    return TokenReader(made, KeyRing(made, remote), lambda: NOW)


def signed(claims: Mapping[str, Any], key: Any = SECRET, algorithm: str = "HS256") -> str:
    """Return a token."""
    return jwt.encode(dict(claims), key, algorithm)


def credentials(claims: Mapping[str, Any], **settings: Any) -> Credentials:
    """Return what a good connection token says."""
    return outcome(Deferred.fromCoroutine(reader(**settings).credentials(signed(claims))))


def refused(read: Any, *arguments: Any) -> BaseException:
    """Return why a token was refused."""
    with pytest.raises((InvalidTokenError, ReplyError)) as caught:
        outcome(Deferred.fromCoroutine(read(*arguments)))
    return caught.value


# -- claims --------------------------------------------------------------------------------------


def test_a_connection_token() -> None:
    """It says who the client is, what others see, what it is subscribed to, and until when."""
    found = credentials(
        {
            "sub": "ann",
            "exp": NOW + 60,
            "iat": NOW + 10**6,
            "info": {"name": "Ann"},
            "channels": ["news", "team"],
            "subs": {
                "team": {
                    "info": [1],
                    "b64data": base64.b64encode(b'{"a":1}').decode(),
                    "override": {"presence": {"value": True}, "join_leave": {"value": False}},
                }
            },
            "meta": {"plan": "gold"},
        }
    )
    assert (found.user, found.info, found.expire_at) == ("ann", b'{"name":"Ann"}', NOW + 60)
    assert found.state == {"meta": {"plan": "gold"}}
    assert set(found.subscriptions) == {"news", "team"}
    team = found.subscriptions["team"]
    assert (team.info, team.data) == (b"[1]", b'{"a":1}')
    assert (team.presence, team.join_leave, team.force_recovery) == (True, False, None)
    assert found.subscriptions["news"].info is None


@pytest.mark.parametrize("claims", [{}, {"sub": ""}, {"info": None}])
def test_a_token_of_nobody(claims: dict[str, Any]) -> None:
    """Without a user it is an anonymous one's; without an end it is good for ever."""
    found = credentials(claims)
    assert (found.user, found.expire_at, found.info) == ("", None, None)


@pytest.mark.parametrize(
    ("claims", "ends"),
    [
        ({"exp": NOW + 1}, NOW + 1),
        ({"exp": NOW + 1, "expire_at": NOW + 99}, NOW + 99),
        ({"exp": NOW + 1, "expire_at": 0}, None),
        ({"expire_at": NOW + 5}, NOW + 5),
        ({"nbf": NOW}, None),
    ],
)
def test_when_it_ends(claims: dict[str, Any], ends: float | None) -> None:
    """``expire_at`` says when the connection ends where it is not when the token does."""
    assert credentials(claims).expire_at == ends


@pytest.mark.parametrize(
    "claims", [{"exp": NOW}, {"exp": NOW - 1}, {"nbf": NOW + 1}, {"expire_at": NOW - 1}]
)
def test_it_has_expired(claims: dict[str, Any]) -> None:
    """A token that is over, or not good yet, is an expired one."""
    assert isinstance(refused(reader().credentials, signed(claims)), ExpiredTokenError)


@pytest.mark.parametrize(
    "claims",
    [
        {"channel": "news"},
        {"sub": 42},
        {"exp": "tomorrow"},
        {"channels": "news"},
        {"channels": [1]},
        {"subs": ["news"]},
        {"subs": {"news": {"override": {"presence": True}}}},
        {"b64info": "%"},
        {"b64info": base64.b64encode(b"\xff").decode()},
        {"subs": {"news": {"b64data": base64.b64encode(b"{").decode()}}},
        {"meta": []},
    ],
)
def test_claims_that_cannot_be(claims: dict[str, Any]) -> None:
    """A claim of another type, or one that does not belong there, is a bad token."""
    why = refused(reader().credentials, signed(claims))
    assert type(why) is InvalidTokenError


@pytest.mark.parametrize(
    "claim", ["sub", "exp", "nbf", "aud", "expire_at", "b64info", "channel", "channels", "subs"]
)
def test_a_claim_that_is_null(claim: str) -> None:
    """It is one that is not there: not every language can leave one out."""
    found = credentials({"sub": "ann", "info": {"a": None}, claim: None})
    assert found.user == ("" if claim == "sub" else "ann")
    assert (found.info, found.expire_at, found.subscriptions) == (b'{"a":null}', None, {})


def test_audience_and_issuer() -> None:
    """They count where they are configured."""
    wanted = {"audience": "chat", "issuer": "us"}
    assert credentials({"aud": ["x", "chat"], "iss": "us"}, **wanted).user == ""
    assert credentials({"aud": "chat", "iss": "us"}, **wanted).user == ""
    assert credentials({"aud": "whatever", "iss": "anybody"}).user == ""
    for claims in ({"iss": "us"}, {"aud": "chats", "iss": "us"}, {"aud": "chat", "iss": "them"}):
        why = refused(reader(**wanted).credentials, signed(claims))
        assert type(why) is InvalidTokenError


def test_a_subscription_token() -> None:
    """It names a channel, a user, perhaps a connection, and how."""
    claims = {"sub": "ann", "channel": "$a", "client": "c1", "info": 1, "data": 2, "exp": NOW + 9}
    read = outcome(Deferred.fromCoroutine(reader().subscription(signed(claims))))
    assert (read.channel, read.user, read.client) == ("$a", "ann", "c1")
    options = read.options
    assert (options.info, options.data, options.expire_at) == (b"1", b"2", NOW + 9)
    why = refused(reader().subscription, signed({"sub": "ann"}))
    assert str(why) == "the token names no channel"


@pytest.mark.parametrize(
    ("channel", "user", "client", "good"),
    [
        ("$a", "ann", "c1", True),
        ("$b", "ann", "c1", False),
        ("$a", "bob", "c1", False),
        ("$a", "ann", "c2", False),
    ],
)
def test_whose_a_subscription_token_is(channel: str, user: str, client: str, good: bool) -> None:
    """It is for one channel, one user, and one connection where it names one."""
    options = credentials({}).subscriptions.get("none")
    assert options is None
    read = outcome(
        Deferred.fromCoroutine(
            reader().subscription(signed({"sub": "ann", "channel": "$a", "client": "c1"}))
        )
    )
    assert isinstance(read, SubscriptionToken)
    if good:
        read.check(channel, user, client)
    else:
        with pytest.raises(InvalidTokenError):
            read.check(channel, user, client)


# -- signatures ----------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_shared_secrets(algorithm: str) -> None:
    """Each HMAC, whatever the length of the secret; nothing is warned of."""
    for secret in (SECRET, "secret"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("warnings.filters", [("ignore", None, Warning, None, 0)])
            token = signed({"sub": "ann"}, secret, algorithm)
        read = reader(hmac_secret=secret).credentials(token)
        assert outcome(Deferred.fromCoroutine(read)).user == "ann"


@pytest.mark.parametrize(
    ("key", "option", "algorithms"),
    [
        (RSA_KEY, "rsa_public_key", ["RS256", "RS384", "RS512"]),
        (EC_KEY, "ecdsa_public_key", ["ES256"]),
        (ec.generate_private_key(ec.SECP384R1()), "ecdsa_public_key", ["ES384"]),
        (ec.generate_private_key(ec.SECP521R1()), "ecdsa_public_key", ["ES512"]),
    ],
)
def test_public_keys(key: Any, option: str, algorithms: Sequence[str]) -> None:
    """RSA and elliptic curves, by a public key in PEM."""
    for algorithm in algorithms:
        token = signed({"sub": "ann"}, key, algorithm)
        read = reader(**{option: pem(key)}).credentials(token)
        assert outcome(Deferred.fromCoroutine(read)).user == "ann"
        why = refused(reader().credentials, token)
        assert "there is no key" in str(why)


def forged(header: Mapping[str, Any], claims: Mapping[str, Any], signature: bytes = b"") -> str:
    """Return a token of any header."""

    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    return ".".join(
        (part(json.dumps(header).encode()), part(json.dumps(claims).encode()), part(signature))
    )


def confused() -> str:
    """Return a token signed with a public key, as if that were a shared secret."""
    signing, _, _ = forged({"alg": "HS256", "typ": "JWT"}, {"sub": "ann"}).rpartition(".")
    digest = hmac.new(pem(RSA_KEY).encode(), signing.encode(), hashlib.sha256).digest()
    return f"{signing}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        "..",
        "\xff.\xff.\xff",
        forged({"alg": "none"}, {"sub": "ann"}),
        forged({"alg": "None"}, {"sub": "ann"}),
        forged({}, {"sub": "ann"}),
        forged({"alg": ["HS256"]}, {"sub": "ann"}),
        forged({"alg": "HS256", "b64": False, "crit": ["b64"]}, {"sub": "ann"}),
        forged({"alg": "HS256", "kid": 7}, {"sub": "ann"}),
        forged({"alg": "RS256"}, {"sub": "ann"}, b"x" * 256),
        forged({"alg": "PS256"}, {"sub": "ann"}, b"x" * 256),
        signed({"sub": "ann"}, "another secret that is long enough too"),
        signed({"sub": "ann"}) + "x",
        signed({"sub": "ann"}).rpartition(".")[0] + ".",
        confused(),
    ],
)
def test_what_is_no_token_of_ours(token: str) -> None:
    """Whatever is not signed by the right key, in its own family of algorithms, is refused."""
    made = reader(rsa_public_key=pem(RSA_KEY), ecdsa_public_key=pem(EC_KEY))
    why = refused(made.credentials, token)
    assert type(why) is InvalidTokenError


def test_payloads_that_are_none() -> None:
    """A signed payload that is no object of claims is a bad token."""
    deep = b"[" * 20_000 + b"]" * 20_000
    nested = (b'{"x":%b}' % deep, b'{"info":%b}' % deep, b'{"meta":{"x":%b}}' % deep)
    for payload in (b"[]", b"1", b"null", b"not JSON", b'{"sub": "\xff"}', b"[" * 5000, *nested):
        token = jwt.PyJWS().encode(payload, SECRET)
        assert type(refused(reader().credentials, token)) is InvalidTokenError


@pytest.mark.parametrize(
    ("option", "kind", "other"),
    [
        ("rsa_public_key", "of RSA", EC_KEY),
        ("ecdsa_public_key", "on the curve P-256, P-384 or P-521", RSA_KEY),
    ],
)
@pytest.mark.parametrize(
    "text",
    [
        "no key",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        pem(ED_KEY),
        pem(ec.generate_private_key(ec.SECP256K1())),
        None,
    ],
)
def test_a_public_key_that_is_none(option: str, kind: str, other: Any, text: str | None) -> None:
    """It is refused when the server starts, and so is the other family's."""
    with pytest.raises(ConfigurationError, match=f"{option} is not a public key in PEM, {kind}"):
        reader(**{option: pem(other) if text is None else text})


@pytest.mark.parametrize(
    ("option", "key"), [("rsa_public_key", RSA_KEY), ("ecdsa_public_key", EC_KEY)]
)
def test_a_private_key_in_a_public_ones_place(option: str, key: Any) -> None:
    """It is refused: who only checks tokens should not be able to make them."""
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    with pytest.raises(ConfigurationError, match=f"{option} is a private key"):
        reader(**{option: text})


def test_a_public_key_in_the_secrets_place() -> None:
    """It is refused, since everybody could sign with it."""
    with pytest.raises(ConfigurationError, match="hmac_secret is a key in PEM"):
        reader(hmac_secret=pem(RSA_KEY))


def test_an_address_that_is_none() -> None:
    """It is refused when the configuration is read."""
    for address in ("id.example/keys", "ftp://id.example/keys"):
        with pytest.raises(ConfigurationError, match="jwks_url begins with"):
            TokenSettings(jwks_url=address)


# -- a set of keys at an address -----------------------------------------------------------------


def published(key: Any, key_id: str, **values: Any) -> dict[str, Any]:
    """Return a key as a set has it."""
    names = {rsa.RSAPrivateKey: "RS256", ec.EllipticCurvePrivateKey: "ES256"}
    name = next((name for kind, name in names.items() if isinstance(key, kind)), "EdDSA")
    algorithm = jwt.get_algorithm_by_name(name)
    described: dict[str, Any] = json.loads(algorithm.to_jwk(key.public_key()))
    return {**described, "kid": key_id, **values}


class Address:
    """Where a set of keys is, and how often it was asked for."""

    def __init__(self, *keys: Mapping[str, Any]) -> None:
        self.keys = list(keys)
        self.asked = 0
        self.clock = Clock()
        self.answer: Deferred[bytes] | None = None
        self.set = JsonWebKeys("https://id.example/keys", self.fetch, self.clock)

    def fetch(self, url: str) -> Deferred[bytes]:
        assert url == "https://id.example/keys"
        self.asked += 1
        return self.answer or succeed(json.dumps({"keys": self.keys}).encode())

    def begin(self, key: Any, algorithm: str, key_id: str) -> Deferred[Credentials]:
        """Read a token signed by a key."""
        token = jwt.encode({"sub": "ann"}, key, algorithm, headers={"kid": key_id})
        return Deferred.fromCoroutine(reader(remote=self.set).credentials(token))


def test_keys_at_an_address() -> None:
    """RSA, elliptic curves and Ed25519, each found by its id; fetched once."""
    address = Address(published(RSA_KEY, "r"), published(EC_KEY, "e"), published(ED_KEY, "d"))
    for key, algorithm, key_id in (
        (RSA_KEY, "RS256", "r"),
        (RSA_KEY, "RS512", "r"),
        (EC_KEY, "ES256", "e"),
        (ED_KEY, "EdDSA", "d"),
    ):
        assert outcome(address.begin(key, algorithm, key_id)).user == "ann"
    assert address.asked == 1
    assert (
        outcome(Deferred.fromCoroutine(reader(remote=address.set).credentials(signed({})))).user
        == ""
    )


def test_an_algorithm_that_the_key_names() -> None:
    """A key that says what it is for is for nothing else; shared secrets are not for anybody."""
    octets = {"kty": "oct", "k": "c2VjcmV0", "kid": "o"}
    address = Address(
        published(RSA_KEY, "r", alg="RS256"),
        published(RSA_KEY, "x", alg="HS256"),
        published(RSA_KEY, "enc", use="enc"),
        octets,
        {"kty": "RSA", "kid": "broken"},
        {"kty": ["RSA"]},
    )
    assert outcome(address.begin(RSA_KEY, "RS256", "r")).user == "ann"
    for key_id in ("x", "enc", "o", "r", "broken", ""):
        with pytest.raises(InvalidTokenError):
            outcome(address.begin(RSA_KEY, "RS512", key_id))


def test_keys_that_share_an_id() -> None:
    """They are told apart by their algorithms."""
    address = Address(published(RSA_KEY, "k"), published(EC_KEY, "k"), published(ED_KEY, "k"))
    for key, algorithm in ((RSA_KEY, "RS256"), (EC_KEY, "ES256"), (ED_KEY, "EdDSA")):
        assert outcome(address.begin(key, algorithm, "k")).user == "ann"


@pytest.mark.parametrize(
    ("key", "algorithm"), [(RSA_KEY, "RS256"), (EC_KEY, "ES256"), (ED_KEY, "EdDSA")]
)
def test_a_private_key_that_is_published(key: Any, algorithm: str) -> None:
    """Whoever has read it could sign with it: it is not used, and the log says so."""
    described = jwt.get_algorithm_by_name(algorithm).to_jwk(key)
    address = Address({**json.loads(described), "kid": "k"})
    with LogKeeper() as log:
        with pytest.raises(InvalidTokenError, match="there is no key"):
            outcome(address.begin(key, algorithm, "k"))
        assert len(log.events) == 1


@pytest.mark.parametrize("algorithm", ["none", "PS256", "HS256", "dir", ""])
def test_an_algorithm_of_no_public_key(algorithm: str) -> None:
    """Nothing is fetched for it."""
    address = Address(published(RSA_KEY, "r"))
    made = reader(remote=address.set, hmac_secret="")
    token = forged({"alg": algorithm, "kid": "r"}, {"sub": "ann"}, b"x" * 256)
    assert type(refused(made.credentials, token)) is InvalidTokenError
    assert address.asked == 0


def test_a_new_key_is_fetched() -> None:
    """A key that is not there is looked for anew, but not more often than every ten seconds."""
    address = Address(published(RSA_KEY, "old"))
    outcome(address.begin(RSA_KEY, "RS256", "old"))
    address.keys.append(published(EC_KEY, "new"))
    for _ in range(5):
        with pytest.raises(InvalidTokenError):
            outcome(address.begin(EC_KEY, "ES256", "new"))
    assert address.asked == 1
    address.clock.advance(10)
    assert outcome(address.begin(EC_KEY, "ES256", "new")).user == "ann"
    assert address.asked == 2
    address.clock.advance(3601)
    del address.keys[0]
    with pytest.raises(InvalidTokenError):
        outcome(address.begin(RSA_KEY, "RS256", "old"))
    assert address.asked == 3


def test_all_wait_for_one_fetch() -> None:
    """Whoever comes meanwhile shares it; who goes away takes it from nobody."""
    address = Address(published(RSA_KEY, "r"))
    address.answer = Deferred()
    waiting = [address.begin(RSA_KEY, "RS256", "r") for _ in range(3)]
    assert address.asked == 1
    waiting[0].cancel()
    waiting[0].addErrback(lambda _: None)
    address.answer.callback(json.dumps({"keys": address.keys}).encode())
    assert [outcome(one).user for one in waiting[1:]] == ["ann", "ann"]


@pytest.mark.parametrize(
    "answer", [b"", b"no JSON", b"[]", b'{"keys": 1}', b'{"keys": [1]}', OSError("down")]
)
def test_an_address_that_fails(answer: bytes | Exception) -> None:
    """Clients are told to try again, the log says it once, and it is tried again later."""
    address = Address(published(RSA_KEY, "r"))
    with LogKeeper() as log:
        for _ in range(3):
            address.answer = fail(answer) if isinstance(answer, Exception) else succeed(answer)
            for _ in range(3):
                with pytest.raises(ReplyError) as caught:
                    outcome(address.begin(RSA_KEY, "RS256", "r"))
                assert (caught.value.code, caught.value.temporary) == (100, True)
            address.clock.advance(10)
        assert len(log.events) == 1
    assert address.asked == 3
    address.answer = None
    assert outcome(address.begin(RSA_KEY, "RS256", "r")).user == "ann"


def test_keys_outlive_a_failure() -> None:
    """An address that cannot be reached takes no keys away."""
    address = Address(published(RSA_KEY, "r"))
    outcome(address.begin(RSA_KEY, "RS256", "r"))
    address.clock.advance(4000)
    address.answer = fail(OSError("down"))
    with LogKeeper():
        assert outcome(address.begin(RSA_KEY, "RS256", "r")).user == "ann"
