"""The app that is measured through the Centrifuge protocol: history and recovery are on."""

from sennit import App, History

__all__ = ["CHANNEL", "app"]

CHANNEL = "bench:talk"

app = App()
app.namespace(
    "bench",
    history=History(size=100, ttl=300),
    recovery=True,
    allow_subscribe={"anonymous", "client"},
    allow_publish={"anonymous", "client"},
)
