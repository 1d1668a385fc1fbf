"""Which Sennit this is."""

from __future__ import annotations

from importlib import metadata

__all__ = ["version"]


def version() -> str:
    """Return the version that is installed, or ``unknown`` where the package is not."""
    try:
        return metadata.version("sennit")
    except metadata.PackageNotFoundError:
        return "unknown"
