"""The compiled reader called from C: it is lent memory, and keeps what it has not read of it."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sennit.errors import RemoteProtocolError
from tests.engine.conftest import BUILDS
from tests.engine.wire import chunked, frame

TEXT, BINARY, PING = 1, 2, 9
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def caller(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """Return ``lending.pyx``, compiled."""
    if "compiled" not in BUILDS:
        pytest.skip("nothing compiled the engine here")
    try:
        return _compile(tmp_path_factory.mktemp("lending"))
    except Exception:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("nothing compiles C here, or Cython is missing")


def _compile(folder: Path) -> ModuleType:
    from Cython.Build import cythonize  # noqa: PLC0415 - it may be missing
    from setuptools import Distribution, Extension  # noqa: PLC0415 - likewise

    source = folder / "lending.pyx"
    source.write_text((HERE / source.name).read_text())
    package = BUILDS["compiled"].__file__
    assert package is not None
    root = Path(package).parents[2]
    modules = cythonize([Extension("lending", [str(source)])], include_path=[str(root)], quiet=True)
    command: Any = Distribution({"ext_modules": modules}).get_command_obj("build_ext")
    command.build_lib = command.build_temp = str(folder)
    command.ensure_finalized()
    command.run()
    spec = importlib.util.spec_from_file_location("lending", command.get_ext_fullpath("lending"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def reader(**options: Any) -> Any:
    build = BUILDS["compiled"]
    return build.Reader(build.SERVER, options.pop("size", 1 << 20), 1 << 20, **options)


MESSAGES = [
    (TEXT, b"a", True),
    (TEXT, "€".encode() * 100, True),
    (PING, b"p", True),
    (BINARY, bytes(range(256)) * 300, True),
    (BINARY, b"", True),
    (TEXT, b"left and right", True),
]
WIRE = (
    b"".join(frame(opcode, payload) for opcode, payload, _ in MESSAGES[:-1])
    + frame(TEXT, b"left", fin=False)
    + frame(0, b" and right")
)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_pieces(caller: ModuleType, data: st.DataObject) -> None:
    """Lent or given, asked for all or for less: the same comes out, in the same order."""
    made = reader()
    items: list[tuple[int, bytes, bool]] = []
    for piece in data.draw(chunked(WIRE)):
        limit = data.draw(st.integers(-1, 3))
        if data.draw(st.booleans()):
            made.feed(piece)
        else:
            items += caller.read_lent(made, piece, limit)
    items += caller.read_lent(made, b"", -1)
    assert items == MESSAGES


def test_pieces_of_messages(caller: ModuleType) -> None:
    """A reader that hands out pieces hands out what was lent, at once."""
    made = reader(streaming=True)
    wire = frame(BINARY, b"x" * 1000)
    pieces = [
        item
        for start in range(0, len(wire), 300)
        for item in caller.read_lent(made, wire[start : start + 300], -1)
    ]
    assert [final for _, _, final in pieces] == [False, False, False, True]
    assert b"".join(piece for _, piece, _ in pieces) == b"x" * 1000


def test_what_is_refused(caller: ModuleType) -> None:
    """As it is of bytes that are given."""
    with pytest.raises(RemoteProtocolError) as error:
        caller.read_lent(reader(size=10), frame(BINARY, b"x" * 11), -1)
    assert error.value.close_code == 1009
    made = reader()
    assert caller.read_lent(made, frame(TEXT, b"a") + frame(TEXT, b"\xff"), 1) == [
        (TEXT, b"a", True)
    ]
    with pytest.raises(RemoteProtocolError) as error:
        made.advance()
    assert error.value.close_code == 1007
