"""Where SDKs connect: ``/connection/websocket``, and the addresses of the emulated transports."""

from __future__ import annotations

from sennit.hub.hub import Hub
from sennit.interfaces import Accepted, Streamed, UplinkFrame
from sennit.model.request import ConnectionRequest
from sennit.protocols.centrifuge.codec import CentrifugeCodec
from sennit.protocols.centrifuge.driver import CentrifugeDriver, Emulation
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
    """Implements ``Mount`` and ``StreamMount``: chooses the format (section 1), makes the driver.

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

    def open_stream(
        self, request: ConnectionRequest, *, binary: bool, session: str, node: str
    ) -> Streamed:
        """Take a connection whose client speaks by uplinks (section 11)."""
        codec = _codec(binary)
        driver = CentrifugeDriver(
            self._hub, codec, self._settings, request, emulation=Emulation(session, node)
        )
        return Streamed(driver, codec.encode_disconnect)

    def read_uplink(self, body: bytes, *, binary: bool) -> UplinkFrame:
        """Read the body of an uplink.

        Raises:
            RemoteProtocolError: 3501, it cannot be read as one.
        """
        return _codec(binary).decode_uplink(body)


def _codec(binary: bool) -> CentrifugeCodec:
    return PROTOBUF if binary else JSON


def _choose(request: ConnectionRequest) -> tuple[CentrifugeCodec, str | None]:
    """Return a codec, and the subprotocol to be answered."""
    for subprotocol, codec in _SUBPROTOCOLS.items():
        if subprotocol in request.subprotocols:
            return codec, subprotocol
    asked = (request.query.get("format"), request.query.get("cf_protocol"))
    return (PROTOBUF if ("protobuf",) in asked else JSON), None
