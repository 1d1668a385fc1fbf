"""Loading what a user has written from its address, like ``module:app``."""

from __future__ import annotations

import importlib
import sys
import traceback
from pathlib import Path
from typing import Any

from sennit.cli.complaint import Misuse
from sennit.hub.app import App

__all__ = ["load", "load_app"]


def load_app(address: str) -> App:
    """Return the app at ``module:attribute``; without an attribute it is called ``app``.

    Raises:
        Misuse: there is none; where the module itself fails, its traceback is written first.
    """
    found = load(address, "app")
    if not isinstance(found, App):
        raise Misuse(f"{address} is not a sennit.App but a {type(found).__name__}")
    return found


def load(address: str, default: str) -> Any:
    """Return what is at ``module:attribute``; without an attribute it is called as it is usual.

    Modules are looked for in the current directory first.

    Raises:
        Misuse: there is nothing; where the module itself fails, its traceback is written first.
    """
    name, _, attribute = address.partition(":")
    if not name or name.endswith(".py") or "/" in name:
        module = Path(name).stem or "module"
        raise Misuse(f"{address!r} is not like module:{default}; try {module}:{default}")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    found: Any = _load_module(name)
    for part in (attribute or default).split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise Misuse(f"{name} has no {attribute or default!r}") from None
    return found


def _load_module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise Misuse(
                f"there is no module {error.name!r}, neither in {Path.cwd()} nor on Python's path"
            ) from None
        traceback.print_exc()
        raise Misuse(f"{name} cannot be loaded: {error}") from error
    except Exception as error:
        if type(error).__name__ == "ReactorAlreadyInstalledError":
            raise Misuse(
                f"{name} installs a reactor of its own, but the server has installed one: leave it "
                "to the server, and choose by --reactor"
            ) from error
        traceback.print_exc()
        raise Misuse(f"{name} cannot be loaded: {type(error).__name__}: {error}") from error
