"""``sennit token``: making a token, and looking at one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from sennit.cli.command import main

SECRET = "a secret that is long enough for SHA-256"  # noqa: S105


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Say the secret in the environment."""
    monkeypatch.setenv("SENNIT_TOKENS_HMAC_SECRET", SECRET)


def run(*arguments: str | Path) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["token", *map(str, arguments)])


def made(*arguments: str | Path) -> str:
    """Return the token that the command makes, and says nothing beside."""
    result = run(*arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout.strip()


def claims(token: str, key: Any = SECRET, algorithm: str = "HS256") -> dict[str, Any]:
    """Return what a token says, without the times."""
    read: dict[str, Any] = jwt.decode(token, key, [algorithm])
    del read["iat"]
    return read


def test_a_token_for_a_connection() -> None:
    """It is signed by the secret, and good for an hour."""
    read: dict[str, Any] = jwt.decode(made("--user", "ann"), SECRET, ["HS256"])
    assert read["exp"] - read["iat"] == 3600
    assert read["sub"] == "ann"


def test_what_it_can_say() -> None:
    """Who, what others see, which subscriptions; for ever, if so."""
    arguments = ("--user", "ann", "--expire", "0", "--info", '{"n": 1}')
    channels = ("--subscribe", "a", "--subscribe", "b")
    expected = {"sub": "ann", "info": {"n": 1}, "channels": ["a", "b"]}
    assert claims(made(*arguments, *channels)) == expected


def test_a_token_for_a_subscription(tmp_path: Path) -> None:
    """It names the channel, and is signed by the secret of subscriptions where there is one."""
    assert claims(made("--channel", "$a", "--expire", "0")) == {"sub": "", "channel": "$a"}
    config = tmp_path / "sennit.toml"
    other = "another secret that is long enough too"
    config.write_text(f'[subscription_tokens]\nhmac_secret = "{other}"\n')
    arguments = ("--config", config, "--expire", "0")
    assert claims(made("--channel", "$a", *arguments), other)["channel"] == "$a"
    assert claims(made("--user", "ann", *arguments))["sub"] == "ann"


@pytest.mark.parametrize(
    ("key", "algorithms"),
    [
        (rsa.generate_private_key(65537, 2048), ("RS256", "RS512")),
        (ec.generate_private_key(ec.SECP256R1()), ("ES256",)),
        (ec.generate_private_key(ec.SECP384R1()), ("ES384",)),
        (ec.generate_private_key(ec.SECP521R1()), ("ES512",)),
    ],
)
def test_a_private_key(tmp_path: Path, key: Any, algorithms: tuple[str, ...]) -> None:
    """It signs in its family, by the first algorithm of it or by the one that is said."""
    file = write_key(tmp_path, key)
    public = key.public_key()
    assert claims(made("--key", file, "--user", "a", "--expire", "0"), public, algorithms[0])
    for algorithm in algorithms:
        assert claims(made("--key", file, "--algorithm", algorithm), public, algorithm)
    result = run("--key", file, "--algorithm", "HS256")
    assert result.exit_code == 2
    assert "HS256 does not go with this key" in result.stderr


def write_key(folder: Path, key: Any) -> Path:
    """Write a private key to a file."""
    file = folder / "key.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file


def test_a_short_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """It signs, and whoever chose it is told."""
    monkeypatch.setenv("SENNIT_TOKENS_HMAC_SECRET", "secret")
    result = run("--user", "ann")
    assert result.exit_code == 0
    assert result.stderr.startswith("sennit: The HMAC key is 6 bytes long")


def test_looking_at_a_token() -> None:
    """A good one is shown; of another one it is said what is wrong."""
    result = run(made("--user", "ann", "--expire", "0"))
    assert (result.exit_code, json.loads(result.stdout)["sub"]) == (0, "ann")
    board = run(made("--channel", "$a"))
    assert json.loads(board.stdout)["channel"] == "$a"


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("no token", "it is not a token"),
        (jwt.encode({"sub": "ann"}, SECRET + "x"), "it is not good: Signature verification failed"),
        (jwt.encode({"sub": "ann", "exp": 1}, SECRET), "it is not good: the token has expired"),
        (jwt.encode({"sub": 1, "x": 1}, SECRET), "it is not good: Expected `str`, got `int`"),
        (jwt.encode({"sub": "ann"}, "", "none"), "it is not good: there is no key for 'none'"),
    ],
)
def test_a_bad_token(token: str, words: str) -> None:
    """One line says why, with exit status 1."""
    result = run(token)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"sennit: {words}")
    assert result.stderr.count("\n") == 1


def test_an_address_that_gives_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said which, and why."""
    monkeypatch.setenv("SENNIT_TOKENS_JWKS_URL", "http://127.0.0.1:1/keys")
    key = ec.generate_private_key(ec.SECP256R1())
    result = run(jwt.encode({"sub": "ann"}, key, "ES256"))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("sennit: http://127.0.0.1:1/keys gives no keys: ")
    assert result.stderr.count("\n") == 1


def test_a_key_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said which."""
    good = made("--user", "ann")
    monkeypatch.setenv("SENNIT_TOKENS_RSA_PUBLIC_KEY", "no key")
    result = run(good)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "rsa_public_key is not a public key in PEM" in result.stderr


def test_misuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be is one line, with exit status 2."""
    nothing = tmp_path / "nothing"
    garbage = tmp_path / "garbage"
    garbage.write_text("no key")
    for arguments, words in (
        (("--info", "{"), "--info is not JSON"),
        (("--channel", "a", "--subscribe", "b"), "--subscribe is for connections"),
        (("--key", nothing), "cannot be read"),
        (("--key", garbage), "is not a private key in PEM"),
        (("--key", write_key(tmp_path, ed25519.Ed25519PrivateKey.generate())), "is not a private"),
        (("--config", nothing), "cannot be read"),
        (("--algorithm", "RS256"), "RS256 does not go with this key"),
    ):
        result = run(*arguments)
        assert (result.exit_code, result.stdout) == (2, ""), arguments
        assert words in result.stderr
    good = made("--user", "ann")
    monkeypatch.delenv("SENNIT_TOKENS_HMAC_SECRET")
    assert "there is no secret" in run("--user", "ann").stderr
    assert "there is no key to check it by" in run(good).stderr
