"""The configuration of a server: one typed loader for a TOML file, the environment, and flags.

A later source wins over an earlier one: the defaults, the file, ``SENNIT_…`` variables, flags.
A file looks like this; every key may be left out::

    host = "127.0.0.1"            # where to listen; "" for every address, "::" for IPv6 too
    port = 8000
    # endpoint = "unix:/run/sennit.sock"   a Twisted endpoint, instead of host and port
    allowed_origins = ["https://chat.example.com"]   # else pages of the same host only
    log_level = "info"            # debug, info, warn, error, critical
    reactor = "auto"              # auto, asyncio, uvloop, sennit, epoll, poll, select
    page = "chat"                 # what is at "/": "chat", "none", or a folder with an index.html

    [limits]                      # of connections: sennit.net.setting.WebSocketSettings
    max_message = 65536           # bytes
    head_timeout = 10.0           # seconds
    max_connections = 20000       # else any number
    compression = true            # permessage-deflate, with clients that offer it
    trusted_proxies = ["127.0.0.1"]   # whose X-Forwarded-For, -Proto and -Host are believed

    [hub]                         # of what clients can make it hold: sennit.hub.setting.HubSettings
    queue_limit = 1048576         # bytes

    [protocol]                    # sennit.protocols.centrifuge.setting.ProtocolSettings
    ping_interval = 25            # seconds

    [tokens]                      # of connections: sennit.hub.setting.TokenSettings
    hmac_secret = "…"             # better said as SENNIT_TOKENS_HMAC_SECRET

    [api]                         # the HTTP API: sennit.web.api.ApiSettings
    keys = ["…"]                  # better said as SENNIT_API_KEYS

    [namespaces.news]             # sennit.hub.namespace.NamespaceOptions
    allow_subscribe = ["client", "anonymous"]
    history = { size = 100, ttl = 3600 }   # publications, seconds

    [channels."news:weather"]     # the same, of one channel by its whole name
    presence = true

In the environment a key of a table has the table's name before it: ``SENNIT_PORT``,
``SENNIT_LIMITS_MAX_MESSAGE``; a list is written with commas. Namespaces and channels are the
file's alone.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from sennit.errors import ConfigurationError
from sennit.hub.app import App
from sennit.hub.namespace import History, Namespace, NamespaceOptions
from sennit.hub.setting import HubSettings, TokenSettings
from sennit.net.setting import WebSocketSettings
from sennit.protocols.centrifuge.setting import ProtocolSettings
from sennit.server.version import version
from sennit.web.api import ApiSettings

__all__ = ["Configuration", "LogLevelName", "ReactorName", "load_configuration"]

ReactorName = Literal["auto", "asyncio", "uvloop", "sennit", "epoll", "poll", "select"]
LogLevelName = Literal["debug", "info", "warn", "error", "critical"]

PREFIX = "SENNIT_"


def _protocol_settings() -> ProtocolSettings:
    return ProtocolSettings(version=f"sennit {version()}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything that can be said about a server besides its app.

    Attributes:
        host: the address to listen on; ``""`` is every IPv4 address, ``"::"`` IPv6 as well.
        port: the port to listen on; 0 for any that is free.
        endpoint: a Twisted endpoint such as ``"unix:/run/sennit.sock"``, instead of the two.
        allowed_origins: origins whose pages may connect: exact, ``"https://*.example.com"`` or
            ``"*"``; ``None`` for pages of the same host only.
        page: what is at ``/``: ``"chat"``, ``"none"``, or a folder with an ``index.html``; empty
            for the chat's page where the app is the chat, and nothing elsewhere.
        reactor: which reactor ``sennit serve`` runs on.
        log_level: the least important entries that ``sennit serve`` shows.
        limits: bounds of connections.
        hub: bounds of what clients can make the server hold.
        protocol: times and bounds of the Centrifuge protocol.
        tokens: what connection tokens are checked by, and subscription tokens too where the next
            has no keys.
        subscription_tokens: what subscription tokens are checked by.
        api: who may use the HTTP API.
        namespaces: declared for the app while it is served, by name.
        channels: likewise, single channels.
        source: where these come from, for messages.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    endpoint: str | None = None
    allowed_origins: tuple[str, ...] | None = None
    page: str = ""
    reactor: ReactorName = "auto"
    log_level: LogLevelName = "info"
    limits: WebSocketSettings = field(default_factory=WebSocketSettings)
    hub: HubSettings = field(default_factory=HubSettings)
    protocol: ProtocolSettings = field(default_factory=_protocol_settings)
    tokens: TokenSettings = field(default_factory=TokenSettings)
    subscription_tokens: TokenSettings = field(default_factory=TokenSettings)
    api: ApiSettings = field(default_factory=ApiSettings)
    namespaces: Mapping[str, NamespaceOptions] = field(default_factory=dict)
    channels: Mapping[str, NamespaceOptions] = field(default_factory=dict)
    source: str = "the configuration"

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ConfigurationError(f"port is a number from 0 to 65535, not {self.port}")
        if not (self.host.isascii() and self.host.isprintable()):
            raise ConfigurationError(f"host is an address or a name in ASCII, not {self.host!r}")

    @property
    def websocket(self) -> WebSocketSettings:
        """The settings of connections: the limits, with the allowed origins."""
        if self.allowed_origins is None:
            return self.limits
        return dataclasses.replace(self.limits, allowed_origins=self.allowed_origins)

    def declare_namespaces(self, app: App) -> Callable[[], None]:
        """Declare the namespaces, and the single channels, for an app.

        Returns:
            What takes them away again.

        Raises:
            ConfigurationError: the app declares one of them itself; then none is declared.
        """
        kinds: tuple[_Kind, ...] = (
            ("namespace", self.namespaces, app.namespaces, app.namespace),
            ("channel", self.channels, app.single_channels, app.channel),
        )
        for kind, wanted, present, _ in kinds:
            for name in wanted:
                if name in present:
                    raise ConfigurationError(
                        f"{self.source}: {kind}s.{name}: the app declares this {kind} itself"
                    )
        declared: list[tuple[dict[str, Namespace], str]] = []

        def withdraw() -> None:
            for present, name in declared:
                present.pop(name, None)

        for kind, wanted, present, declare in kinds:
            try:
                for name, options in wanted.items():
                    declare(name, **_keywords(options))
                    declared.append((present, name))
            except ConfigurationError as error:
                withdraw()
                raise ConfigurationError(f"{self.source}: {kind}s: {error}") from error
        return withdraw


_Kind: typing.TypeAlias = tuple[
    str, Mapping[str, NamespaceOptions], dict[str, Namespace], Callable[..., Namespace]
]
"""What a file can declare: its name, what is wanted, what is there, and what declares it."""


def _keywords(options: NamespaceOptions) -> dict[str, Any]:
    return {key.name: getattr(options, key.name) for key in dataclasses.fields(options)}


def load_configuration(
    file: Path | str | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Configuration:
    """Return the configuration that the sources make together.

    A source that says ``endpoint`` overrules ``host`` and ``port`` of the earlier ones, and one
    that says either of these overrules an earlier ``endpoint``.

    Args:
        file: a TOML file; else ``SENNIT_CONFIG`` of the environment names one, if any does.
        environment: as ``os.environ``; only ``SENNIT_…`` is looked at.
        flags: values by their key; ``None`` is one that was not given.

    Raises:
        ConfigurationError: the file cannot be read; a key is not known; a value has a wrong type
            or is out of bounds. The message says where, which, and what was expected.
    """
    environment = environment or {}
    path = file or environment.get(PREFIX + "CONFIG") or None
    layers: list[_Layer] = []
    if path is not None:
        layers.append(_read_file(Path(path)))
    layers.append(_read_environment(environment))
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    layers.append(_Layer("the command line", given, {}))
    return _Reading().read(layers)


# -- the keys ------------------------------------------------------------------------------------

_TABLES: dict[str, type[Any]] = {
    "limits": WebSocketSettings,
    "hub": HubSettings,
    "protocol": ProtocolSettings,
    "tokens": TokenSettings,
    "subscription_tokens": TokenSettings,
    "api": ApiSettings,
}
_HIDDEN: dict[str, frozenset[str]] = {
    # Of a client alone; a key of its own; each protocol's own affair; of the toolkit alone.
    "limits": frozenset(
        {
            "open_timeout",
            "allowed_origins",
            "ping_interval",
            "handshake_timeout",
            "read_high",
            "read_low",
            "streaming",
        }
    ),
    "hub": frozenset(),
    "protocol": frozenset({"version"}),
    "tokens": frozenset(),
    "subscription_tokens": frozenset({"allow_anonymous"}),
    "api": frozenset(),
}
_MAY_BE_ZERO = frozenset({"ping_interval", "position_interval"})
_TOP: dict[str, Any] = {
    "host": str,
    "port": typing.Annotated[int, msgspec.Meta(ge=0, le=65535)],
    "endpoint": str,
    "allowed_origins": tuple[str, ...],
    "page": str,
    "reactor": ReactorName,
    "log_level": LogLevelName,
}
_NAMESPACE: dict[str, Any] = {
    # A file has no None: what is not there is not said.
    key: typing.get_args(form)[0] if type(None) in typing.get_args(form) else form
    for key, form in typing.get_type_hints(NamespaceOptions).items()
}
_HISTORY: dict[str, Any] = {
    "size": typing.Annotated[int, msgspec.Meta(ge=1)],
    "ttl": typing.Annotated[float, msgspec.Meta(gt=0)],
    "meta_ttl": typing.Annotated[float, msgspec.Meta(gt=0)],
}
_OTHERS = frozenset({"CONFIG", "NO_EXTENSIONS"})
"""Variables of ours that are no settings."""
_KUBERNETES = re.compile(
    r"(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
"""What Kubernetes says of services called sennit or sennit-something, after the prefix."""
_KUBERNETES_PORT = re.compile(r"(tcp|udp|sctp)://.*")
"""What it says in SENNIT_PORT or SENNIT_SOMETHING_PORT."""


def _keys_of(table: str) -> dict[str, Any]:
    hints = typing.get_type_hints(_TABLES[table])
    return {
        key: _bounded(form, zero=key in _MAY_BE_ZERO)
        for key, form in hints.items()
        if key not in _HIDDEN[table]
    }


def _bounded(form: Any, *, zero: bool) -> Any:
    if typing.get_origin(form) in (tuple, Literal):
        return form
    if bool in (form, *typing.get_args(form)):
        return bool
    if form is str:
        return str
    # What may be None is a bound that is not there unless it is set.
    if int in (form, *typing.get_args(form)):
        return typing.Annotated[int, msgspec.Meta(ge=0 if zero else 1)]
    return typing.Annotated[float, msgspec.Meta(ge=0) if zero else msgspec.Meta(gt=0)]


def _expected(form: Any) -> str:
    """Return in words what a key's value has to be."""
    origin, arguments = typing.get_origin(form), typing.get_args(form)
    if origin is typing.Annotated:
        plain, bounds = arguments
        words = "a whole number" if plain is int else "a number"
        if bounds.gt is not None:
            return f"{words} above {bounds.gt}"
        if bounds.le is not None:
            return f"{words} from {bounds.ge} to {bounds.le}"
        return f"{words} of at least {bounds.ge}"
    if origin is Literal:
        return "one of " + ", ".join(f'"{choice}"' for choice in arguments)
    if origin in (tuple, frozenset):
        inner = arguments[0]
        return "a list of texts" if inner is str else f"a list, each {_expected(inner)}"
    simple = {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}
    return simple[form]


# -- the sources ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Layer:
    """One source.

    Attributes:
        source: its name, for messages.
        values: as in a TOML file.
        names: what the source itself calls a key, where that is something else.
        loose: whether its numbers and truth values come as text.
    """

    source: str
    values: Mapping[str, Any]
    names: Mapping[str, str]
    loose: bool = False

    def complain(self, key: str, problem: str) -> ConfigurationError:
        """Return the error to raise about a key."""
        return ConfigurationError(f"{self.source}: {self.names.get(key, key)} {problem}")


def _read_file(path: Path) -> _Layer:
    try:
        with path.open("rb") as file:
            values = tomllib.load(file)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not TOML: {error}") from error
    return _Layer(str(path), values, {})


def _read_environment(environment: Mapping[str, str]) -> _Layer:
    forms = dict(_TOP)
    for table in _TABLES:
        forms |= {f"{table}.{key}": form for key, form in _keys_of(table).items()}
    known = {key.replace(".", "_").upper(): key for key in forms}
    values: dict[str, Any] = {}
    names: dict[str, str] = {}
    for variable, text in environment.items():
        name = variable.removeprefix(PREFIX)
        if name == variable or name in _OTHERS or _is_of_kubernetes(name, text):
            continue
        if name not in known:
            raise ConfigurationError(f"the environment: {variable} is not a setting of Sennit")
        key = known[name]
        names[key] = variable
        value: Any = text
        if typing.get_origin(forms[key]) is tuple:
            value = [part.strip() for part in text.split(",") if part.strip()]
        table, dot, rest = key.partition(".")
        if dot:
            values.setdefault(table, {})[rest] = value
        else:
            values[key] = value
    return _Layer("the environment", values, names, loose=True)


def _is_of_kubernetes(name: str, text: str) -> bool:
    if _KUBERNETES.fullmatch(name) is not None:
        return True
    return name.endswith("PORT") and _KUBERNETES_PORT.fullmatch(text) is not None


class _Reading:
    """Puts the layers on top of each other."""

    def __init__(self) -> None:
        self._top: dict[str, Any] = {}
        self._tables: dict[str, dict[str, Any]] = {table: {} for table in _TABLES}
        self._sources: dict[str, list[str]] = {table: [] for table in _TABLES}
        self._declared: dict[str, dict[str, NamespaceOptions]] = {"namespaces": {}, "channels": {}}
        self._source = "the configuration"

    def read(self, layers: list[_Layer]) -> Configuration:
        """Return the whole."""
        for layer in layers:
            self._add(layer)
        tables: dict[str, Any] = {}
        for table, values in self._tables.items():
            made = _protocol_settings() if table == "protocol" else _TABLES[table]()
            try:
                tables[table] = dataclasses.replace(made, **values)
            except ConfigurationError as error:
                sources = " and ".join(self._sources[table])
                raise ConfigurationError(f"{sources}: {table}: {error}") from error
        top: dict[str, Any] = {**self._top, **tables, **self._declared}
        return Configuration(**top, source=self._source)

    def _add(self, layer: _Layer) -> None:
        values = layer.values
        if "endpoint" in values and ("host" in values or "port" in values):
            raise layer.complain("endpoint", "goes without host and port")
        for key, value in values.items():
            if key in self._declared and not layer.loose:
                self._add_declared(layer, key, _table(layer, key, value))
            elif key in _TABLES:
                known = _keys_of(key)
                self._sources[key].append(layer.source)
                for inner, item in _table(layer, key, value).items():
                    whole = f"{key}.{inner}"
                    self._tables[key][inner] = _convert(layer, whole, item, known.get(inner))
            else:
                self._top[key] = _convert(layer, key, value, _TOP.get(key))
        if "host" in values or "port" in values:
            self._top.pop("endpoint", None)

    def _add_declared(self, layer: _Layer, kind: str, tables: Mapping[str, Any]) -> None:
        self._source = layer.source
        for name, value in tables.items():
            where = f"{kind}.{name}"
            options: dict[str, Any] = {}
            for key, item in _table(layer, where, value).items():
                whole = f"{where}.{key}"
                if key == "history":
                    options[key] = _history(layer, whole, item)
                else:
                    options[key] = _convert(layer, whole, item, _NAMESPACE.get(key))
            try:
                self._declared[kind][name] = NamespaceOptions(**options)
            except ConfigurationError as error:
                raise layer.complain(where, f"cannot be: {error}") from error


def _table(layer: _Layer, key: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise layer.complain(key, f"is a table, not {value!r}")
    return value


def _history(layer: _Layer, key: str, value: Any) -> History:
    values = {
        inner: _convert(layer, f"{key}.{inner}", item, _HISTORY.get(inner))
        for inner, item in _table(layer, key, value).items()
    }
    for needed in ("size", "ttl"):
        if needed not in values:
            raise layer.complain(key, f"needs {needed}")
    try:
        return History(**values)
    except ConfigurationError as error:
        raise layer.complain(key, f"cannot be: {error}") from error


def _convert(layer: _Layer, key: str, value: Any, form: Any) -> Any:
    if form is None:
        raise layer.complain(key, "is not a setting of Sennit")
    try:
        return msgspec.convert(value, form, strict=not layer.loose)
    except msgspec.ValidationError:
        raise layer.complain(key, f"is {_expected(form)}, not {value!r}") from None
