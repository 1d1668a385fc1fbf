"""The mount: which format a connection speaks (section 1)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.protocols.conftest import House
from tests.protocols.tongue import JsonTongue, Tongue


@pytest.fixture
def tongue() -> Tongue:
    """JSON, unless a test says otherwise."""
    return JsonTongue()


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ((), None),
        (("centrifuge-json",), "centrifuge-json"),
        (("other",), None),
    ],
)
def test_json(house: House, offered: tuple[str, ...], chosen: str | None) -> None:
    """It is spoken where it is offered, and where nothing is, as SDKs do."""
    accepted = house.wire(subprotocols=offered).accepted
    assert (accepted.subprotocol, accepted.binary, accepted.ping_interval) == (chosen, False, None)


@pytest.mark.parametrize(
    ("request_", "chosen"),
    [
        ({"subprotocols": ("centrifuge-protobuf",)}, "centrifuge-protobuf"),
        ({"subprotocols": ("centrifuge-json", "centrifuge-protobuf")}, "centrifuge-protobuf"),
        ({"query": {"format": ("protobuf",)}}, None),
        ({"query": {"cf_protocol": ("protobuf",)}}, None),
    ],
)
def test_protobuf(house: House, request_: dict[str, Any], chosen: str | None) -> None:
    """It is spoken where it is asked for, in binary frames."""
    accepted = house.wire(**request_).accepted
    assert (accepted.subprotocol, accepted.binary) == (chosen, True)


def test_control_frames_for_pings(house: House) -> None:
    """A client may ask for WebSocket pings instead of the protocol's."""
    wire = house.wire(query={"cf_ws_frame_ping_pong": ("true",)})
    assert wire.accepted.ping_interval == 25
    assert set(wire.ask("connect")) == {"client", "version"}
    house.pass_time(60)
    assert wire.take() == []
    assert wire.ended is None
