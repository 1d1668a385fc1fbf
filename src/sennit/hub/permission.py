"""Who may do what, by a channel's name and its namespace's grants (protocol, section 10)."""

from __future__ import annotations

from collections.abc import Iterable

from sennit.hub.namespace import Grant, NamespaceOptions

__all__ = ["is_granted", "is_open_to", "is_private", "listed_users"]


def is_granted(grant: Iterable[Grant], user: str, subscribed: bool) -> bool:
    """Return whether a grant holds for a user."""
    grant = frozenset(grant)
    if not user and "anonymous" not in grant:
        return False
    if "client" in grant or ("subscriber" in grant and subscribed):
        return True
    return not user and grant == {"anonymous"}


def is_private(channel: str) -> bool:
    """Return whether only a token, or the server, can subscribe somebody to a channel."""
    return channel.startswith("$")


def listed_users(channel: str) -> tuple[str, ...] | None:
    """Return whom a user-limited channel is for; ``None`` for a channel that is not one."""
    _, sign, users = channel.rpartition("#")
    return tuple(users.split(",")) if sign else None


def is_open_to(options: NamespaceOptions, channel: str, user: str, subscribed: bool) -> bool:
    """Return whether a channel's name alone lets a client do anything there but subscribe."""
    if subscribed:
        return True
    if is_private(channel):
        return False
    users = listed_users(channel)
    return users is None or (options.allow_user_limited_channels and bool(user) and user in users)
