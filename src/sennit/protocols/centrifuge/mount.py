"""Where SDKs connect: ``/connection/websocket``."""

from __future__ import annotations

from sennit.errors import HandshakeError
from sennit.hub.hub import Hub
from sennit.interfaces import Accepted
from sennit.model.request import ConnectionRequest
from sennit.protocols.centrifuge.driver import CentrifugeDriver
from sennit.protocols.centrifuge.json_codec import JSON
from sennit.protocols.centrifuge.setting import ProtocolSettings

__all__ = ["CentrifugeMount"]


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
        """Take the connection, in JSON.

        Raises:
            HandshakeError: 400, the client wants Protobuf and nothing else.
        """
        subprotocol = "centrifuge-json" if "centrifuge-json" in request.subprotocols else None
        if subprotocol is None and _wants_protobuf(request):
            raise HandshakeError(400, "this server speaks JSON (centrifuge-json), not Protobuf")
        # For tools like wscat that cannot answer the protocol's pings.
        control_frames = request.query.get("cf_ws_frame_ping_pong") == ("true",)
        driver = CentrifugeDriver(
            self._hub, JSON, self._settings, request, heartbeat=not control_frames
        )
        interval = float(self._settings.ping_interval) if control_frames else None
        return Accepted(driver, subprotocol, ping_interval=interval or None)


def _wants_protobuf(request: ConnectionRequest) -> bool:
    asked = (request.query.get("format"), request.query.get("cf_protocol"))
    return "centrifuge-protobuf" in request.subprotocols or ("protobuf",) in asked
