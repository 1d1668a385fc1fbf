"""Runs the ported suite: ``seam.py fuzzingclient|fuzzingserver SPEC``, on 127.0.0.1 only.

The cases were written for Python 2, where a payload is a ``str``. In the port they keep theirs,
with a character for each octet. They are turned to bytes here, where a case calls its connection,
and back where the connection calls a case. Nothing else of what a case does or expects is touched.
"""

from __future__ import annotations

import binascii
import functools
import json
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module, resources
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed

VALIDATOR = "autobahn.websocket.utf8validator"
SENDING = ("sendFrame", "sendMessage", "sendMessageFrameData", "sendCloseFrame")
"""What a case calls with a payload."""
LOGGED = 60
"""Octets of a payload that a report shows."""


def to_octets(value: Any) -> Any:
    """Return a case's payload as bytes; anything else as it is."""
    return value.encode("latin-1") if isinstance(value, str) else value


def to_text(value: Any) -> str:
    """Return bytes as a case has them."""
    return bytes(value).decode("latin-1")


# -- while the suite is imported -----------------------------------------------------------------


@contextmanager
def python2() -> Iterator[None]:
    """Let modules that are imported meanwhile find what they know from Python 2."""
    found: Any = types.ModuleType("pkg_resources")
    found.resource_filename = lambda package, name: str(resources.files(package) / name)
    hexadecimal: Any = types.ModuleType("binascii")
    hexadecimal.b2a_hex = lambda data: binascii.b2a_hex(to_octets(data)).decode()
    hexadecimal.hexlify = hexadecimal.b2a_hex
    shadows = {"pkg_resources": found, "binascii": hexadecimal}
    before = {name: sys.modules.get(name) for name in shadows}
    sys.modules.update(shadows)
    validator: Any = import_module(VALIDATOR)
    real = validator.Utf8Validator
    validator.Utf8Validator = functools.partial(_Validator, real)
    try:
        yield
    finally:
        validator.Utf8Validator = real
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


class _Validator:
    """The validator of UTF-8 as some cases use it when they are made."""

    def __init__(self, real: Callable[[], Any]) -> None:
        self._real = real()
        self.reset = self._real.reset

    def validate(self, text: str) -> Any:
        return self._real.validate(to_octets(text))


# -- between a case and its connection -----------------------------------------------------------


def join(fuzzing: Any) -> None:
    """Put the seam into the suite's connections."""
    mixin = fuzzing.FuzzingProtocol
    for kind in (fuzzing.FuzzingServerProtocol, fuzzing.FuzzingClientProtocol):
        for name in SENDING:
            setattr(kind, name, _sending(getattr(kind, name)))
    received, ponged = mixin.onMessage, mixin.onPong

    def on_message(self: Any, payload: bytes, binary: bool) -> None:
        # The cases of compression are the only ones that count in bytes themselves.
        counts = hasattr(self.runCase, "TESTDATA")
        received(self, payload if counts or not self.runCase else to_text(payload), binary)

    mixin.onMessage = on_message
    mixin.onPong = lambda self, payload: ponged(self, to_text(payload))


def _sending(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def send(self: Any, *values: Any, **named: Any) -> Any:
        return method(
            self,
            *map(to_octets, values),
            **{name: to_octets(value) for name, value in named.items()},
        )

    return send


def describe(fuzzing: Any) -> None:
    """Let the reports show payloads, and be JSON alone."""
    fuzzing.asciiLogData = lambda data, *_, **__: repr(to_octets(data)[:LOGGED])[2:-1]
    fuzzing.binLogData = lambda data, *_: to_octets(data)[:LOGGED].hex()
    fuzzing.json = types.SimpleNamespace(
        loads=json.loads, dumps=functools.partial(json.dumps, default=to_text)
    )
    factory = fuzzing.FuzzingFactory
    factory.createReports = functools.partialmethod(factory.createReports, produceHtml=False)


def main(mode: str, spec: str) -> None:
    """Run the suite as a client or as a server until it is done, or is ended."""
    with python2():
        fuzzing: Any = import_module("autobahntestsuite.fuzzing")
    join(fuzzing)
    describe(fuzzing)
    fuzzing.listenWS = functools.partial(fuzzing.listenWS, interface="127.0.0.1")
    wanted = json.loads(Path(spec).read_text())
    if mode == "fuzzingclient":
        fuzzing.startClient(wanted)
    else:
        fuzzing.startServer(wanted, 0)
    reactor: Any = installed
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
