"""Where SDKs connect: ``/connection/websocket``."""

from __future__ import annotations

from sennit.hub.hub import Hub
from sennit.interfaces import Accepted
from sennit.model.request import ConnectionRequest
from sennit.protocols.centrifuge.codec import CentrifugeCodec
from sennit.protocols.centrifuge.driver import CentrifugeDriver
from sennit.protocols.centrifuge.json_codec import JSON
from sennit.protocols.centrifuge.protobuf_codec import PROTOBUF
from sennit.protocols.centrifuge.setting import ProtocolSettings

__all__ = ["CentrifugeMount"]

_SUBPROTOCOLS: dict[str, CentrifugeCodec] = {
    "centrifuge-protobuf": PROTOBUF,
    "centrifuge-json": JSON,
}
"""The format of each subprotocol; of several that are offered the first here is taken."""


class CentrifugeMount:
    """Implements ``Mount``: chooses the format (section 1) and makes the driver.

    Args:
        hub: where sessions live.
        settings: times and bounds.
    """

    def __init__(self, hub: Hub, settings: ProtocolSettings | None = None) -> None:
        self._hub = hub
        self._settings = settings or ProtocolSettings()

    def open(self, request: ConnectionRequest) -> Accepted:
        """Take the connection, in the format that the client asks for; in JSON if in none."""
        codec, subprotocol = _choose(request)
        # For tools like wscat that cannot answer the protocol's pings.
        control_frames = request.query.get("cf_ws_frame_ping_pong") == ("true",)
        driver = CentrifugeDriver(
            self._hub, codec, self._settings, request, heartbeat=not control_frames
        )
        interval = float(self._settings.ping_interval) if control_frames else None
        return Accepted(
            driver, subprotocol, binary=not codec.is_text, ping_interval=interval or None
        )


def _choose(request: ConnectionRequest) -> tuple[CentrifugeCodec, str | None]:
    """Return a codec, and the subprotocol to be answered."""
    for subprotocol, codec in _SUBPROTOCOLS.items():
        if subprotocol in request.subprotocols:
            return codec, subprotocol
    asked = (request.query.get("format"), request.query.get("cf_protocol"))
    return (PROTOBUF if ("protobuf",) in asked else JSON), None
