"""Which build of the engine is used."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sennit
from sennit.engine import build
from sennit.engine.deflate import Agreement, Deflate
from tests.engine.conftest import BUILDS
from tests.engine.wire import chunked, frame

SCRIPT = """
from sennit.engine import build
names = {getattr(build, name).__module__ for name in ("Connection", "Message", "Reader")}
print(build.COMPILED, *sorted(names))
"""


def chosen(environment: dict[str, str]) -> list[str]:
    """Return what a fresh process chooses."""
    source = sennit.__path__[0].rpartition("sennit")[0]
    ours = {name: value for name, value in os.environ.items() if name != "SENNIT_NO_EXTENSIONS"}
    done = subprocess.run(  # noqa: S603 - this Python
        [sys.executable, "-c", SCRIPT],
        env={**ours, "PYTHONPATH": source, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.split()


def test_both_builds_are_there() -> None:
    """In CI they have to be; elsewhere nobody has to have a compiler."""
    if "compiled" not in BUILDS and os.environ.get("CI") != "true":
        pytest.skip("nothing compiled the engine here")
    assert list(BUILDS) == ["python", "compiled"]


def test_the_environment_chooses() -> None:
    """``SENNIT_NO_EXTENSIONS=1`` is the engine as it is written; else it is compiled, if it can.

    What the network has of native code does not concern the engine.
    """
    written = ["sennit.engine.connection", "sennit.engine.event", "sennit.engine.reader"]
    compiled = ["sennit.engine._connection", "sennit.engine._event", "sennit.engine._reader"]
    assert chosen({"SENNIT_NO_EXTENSIONS": "1"}) == ["False", *written]
    best = ["True", *compiled] if "compiled" in BUILDS else ["False", *written]
    assert chosen({}) == best
    for value in ("", "0", "group"):
        assert chosen({"SENNIT_NO_EXTENSIONS": value}) == best


def test_a_word_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A warning says which there are; who wants some of it off gets all of it off."""
    monkeypatch.setenv("SENNIT_NO_EXTENSIONS", "yes")
    spec = build.__spec__
    assert spec is not None
    assert spec.loader is not None
    fresh = importlib.util.module_from_spec(spec)
    with pytest.warns(RuntimeWarning, match=r"'yes'.* 1 .* group .* 0 "):
        spec.loader.exec_module(fresh)
    assert (fresh.EXTENSIONS, fresh.COMPILED) == ("none", False)


FRAMES = st.builds(
    frame,
    st.sampled_from([0, 0, 1, 1, 2, 8, 9, 10, 3]),
    st.binary(max_size=200) | st.text(max_size=50).map(str.encode),
    fin=st.booleans(),
    rsv=st.sampled_from([0, 0, 0, 0, 4, 1]),
    masked=st.sampled_from([True] * 9 + [False]),
    form=st.sampled_from([None] * 8 + [3, 9]),
)


def heard(name: str, pieces: list[bytes], *, streaming: bool) -> list[str]:
    """Return what a build makes of the pieces, in words."""
    chosen = BUILDS[name]
    connection = chosen.Connection(
        chosen.SERVER,
        max_message=500,
        max_fragments=3,
        deflate=Agreement(Deflate(), 15, 15, True, True, is_server=True),
        streaming=streaming,
    )
    return [repr(event) for piece in pieces for event in connection.receive(piece)]


@pytest.mark.skipif("compiled" not in BUILDS, reason="nothing compiled the engine here")
@settings(max_examples=500, deadline=None)
@given(st.data(), st.lists(FRAMES, max_size=6).map(b"".join) | st.binary(max_size=100))
def test_both_say_the_same(data: st.DataObject, wire: bytes) -> None:
    """To the last word, whatever comes: events, replies, close codes and reasons."""
    pieces = data.draw(chunked(wire))
    streaming = data.draw(st.booleans())
    written = heard("python", pieces, streaming=streaming)
    assert heard("compiled", pieces, streaming=streaming) == written
