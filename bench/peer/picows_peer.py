"""A server made with picows, on uvloop."""

from __future__ import annotations

from typing import Any

import picows

from bench.peer.command import BACKLOG, HOST, parse, run

members: set[Any] = set()


class Echo(picows.WSListener):  # type: ignore[misc, unused-ignore] # it may not be installed
    """Sends every message back."""

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        """Take a frame."""
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close()
            transport.disconnect()
        else:
            transport.send(frame.msg_type, frame.get_payload_as_memoryview())


class Share(picows.WSListener):  # type: ignore[misc, unused-ignore] # it may not be installed
    """Sends every message to everybody."""

    def on_ws_connected(self, transport: Any) -> None:
        """Take part."""
        members.add(transport)

    def on_ws_disconnected(self, transport: Any) -> None:
        """Take part no more."""
        members.discard(transport)

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        """Take a frame."""
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close()
            transport.disconnect()
            return
        kind, payload = frame.msg_type, frame.get_payload_as_bytes()
        for member in members:
            member.send(kind, payload)


async def main() -> None:
    """Serve until the process is ended."""
    options = parse()
    listener = Share if options.is_broadcast else Echo
    server = await picows.ws_create_server(
        lambda _request: listener(), HOST, options.port, backlog=BACKLOG, ssl=options.context
    )
    await server.serve_forever()


if __name__ == "__main__":
    run(main())
