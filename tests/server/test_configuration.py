"""The configuration: three sources, one loader, and what it says of mistakes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sennit.errors import ConfigurationError
from sennit.hub.app import App
from sennit.hub.namespace import History, NamespaceOptions
from sennit.hub.setting import HubSettings
from sennit.net.setting import WebSocketSettings
from sennit.protocols.centrifuge.setting import ProtocolSettings
from sennit.server.configuration import Configuration, load_configuration
from sennit.server.version import version

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file and return where it is."""

    def write(text: str) -> Path:
        path = tmp_path / "sennit.toml"
        path.write_text(text)
        return path

    return write


# -- what comes out ------------------------------------------------------------------------------


def test_defaults() -> None:
    """Without any source it is port 8000 of this machine alone, with the parts' own bounds."""
    configuration = load_configuration()
    assert configuration == Configuration()
    assert (configuration.host, configuration.port) == ("127.0.0.1", 8000)
    assert configuration.endpoint is None
    assert configuration.allowed_origins is None
    assert (configuration.page, configuration.reactor) == ("", "auto")
    assert configuration.log_level == "info"
    assert configuration.limits == WebSocketSettings()
    assert configuration.hub == HubSettings()
    assert configuration.protocol == ProtocolSettings(version=f"sennit {version()}")
    assert configuration.namespaces == {}


def test_every_key_of_a_file(write: Write) -> None:
    """Each table becomes the settings of its part, and each namespace its options."""
    configuration = load_configuration(
        write(
            """
            host = "::"
            port = 0
            allowed_origins = ["https://a.example", "https://*.b.example"]
            log_level = "debug"
            reactor = "epoll"
            page = "none"

            [limits]
            max_message = 1
            max_fragments = 2
            max_head = 3
            head_timeout = 4
            max_body = 11
            compression = true
            max_connections = 8
            max_handshakes = 9
            max_per_address = 10
            trusted_proxies = ["127.0.0.1", "10.0.0.0/8", "unix"]
            close_timeout = 5.5
            write_high = 6
            write_low = 5
            ping_timeout = 7

            [hub]
            queue_limit = 1
            channel_limit = 2
            channel_length = 3
            recovery_limit = 4
            history_limit = 5
            subscribe_buffer = 6
            waiting_limit = 7

            [protocol]
            ping_interval = 20
            pong_timeout = 1.5
            stale_timeout = 2
            max_in_flight = 3

            [namespaces.news]
            presence = true
            join_leave = true
            history = { size = 10, ttl = 60, meta_ttl = 600 }
            recovery = true
            slow = "recover"
            allow_subscribe = ["client", "anonymous"]
            allow_publish = ["subscriber"]
            allow_presence = ["client"]
            allow_history = []
            pattern = "[a-z]+"

            [namespaces.ticks]
            slow = "conflate"
            conflate_key = "symbol"
            """
        )
    )
    assert (configuration.host, configuration.port) == ("::", 0)
    assert configuration.allowed_origins == ("https://a.example", "https://*.b.example")
    assert (configuration.log_level, configuration.reactor) == ("debug", "epoll")
    assert configuration.page == "none"
    assert configuration.limits == WebSocketSettings(
        max_message=1,
        max_fragments=2,
        max_head=3,
        head_timeout=4.0,
        max_body=11,
        compression=True,
        max_connections=8,
        max_handshakes=9,
        max_per_address=10,
        trusted_proxies=("127.0.0.1", "10.0.0.0/8", "unix"),
        close_timeout=5.5,
        write_high=6,
        write_low=5,
        ping_timeout=7.0,
    )
    assert configuration.hub == HubSettings(
        queue_limit=1,
        channel_limit=2,
        channel_length=3,
        recovery_limit=4,
        history_limit=5,
        subscribe_buffer=6,
        waiting_limit=7,
    )
    assert configuration.protocol == ProtocolSettings(
        ping_interval=20,
        pong_timeout=1.5,
        stale_timeout=2.0,
        max_in_flight=3,
        version=f"sennit {version()}",
    )
    assert configuration.namespaces == {
        "news": NamespaceOptions(
            presence=True,
            join_leave=True,
            history=History(10, 60.0, 600.0),
            recovery=True,
            slow="recover",
            allow_subscribe=frozenset({"client", "anonymous"}),
            allow_publish=frozenset({"subscriber"}),
            allow_presence=frozenset({"client"}),
            pattern="[a-z]+",
        ),
        "ticks": NamespaceOptions(slow="conflate", conflate_key="symbol"),
    }


def test_every_key_of_the_environment() -> None:
    """A table's name stands before its keys, a list has commas, and texts become numbers."""
    configuration = load_configuration(
        environment={
            "SENNIT_HOST": "",
            "SENNIT_PORT": "8001",
            "SENNIT_ALLOWED_ORIGINS": "https://a.example, https://b.example,",
            "SENNIT_LOG_LEVEL": "warn",
            "SENNIT_REACTOR": "poll",
            "SENNIT_PAGE": "chat",
            "SENNIT_LIMITS_MAX_MESSAGE": "10",
            "SENNIT_LIMITS_HEAD_TIMEOUT": "2.5",
            "SENNIT_LIMITS_MAX_PER_ADDRESS": "4",
            "SENNIT_LIMITS_COMPRESSION": "true",
            "SENNIT_LIMITS_TRUSTED_PROXIES": "127.0.0.1, unix",
            "SENNIT_HUB_QUEUE_LIMIT": "11",
            "SENNIT_PROTOCOL_PING_INTERVAL": "0",
        }
    )
    assert (configuration.host, configuration.port) == ("", 8001)
    assert configuration.allowed_origins == ("https://a.example", "https://b.example")
    assert (configuration.log_level, configuration.reactor) == ("warn", "poll")
    assert configuration.page == "chat"
    assert configuration.limits == WebSocketSettings(
        max_message=10,
        head_timeout=2.5,
        max_per_address=4,
        compression=True,
        trusted_proxies=("127.0.0.1", "unix"),
    )
    assert configuration.hub == HubSettings(queue_limit=11)
    assert configuration.protocol.ping_interval == 0


def test_later_sources_win(write: Write) -> None:
    """Key by key: flags over the environment, over the file, over the defaults."""
    path = write('host = "a"\nport = 1\npage = "none"\n[limits]\nmax_head = 1\nmax_message = 2\n')
    configuration = load_configuration(
        path,
        {"SENNIT_HOST": "b", "SENNIT_PORT": "2", "SENNIT_LIMITS_MAX_MESSAGE": "3"},
        {"port": 3, "reactor": None},
    )
    assert (configuration.host, configuration.port) == ("b", 3)
    assert (configuration.page, configuration.reactor) == ("none", "auto")
    assert configuration.limits == WebSocketSettings(max_head=1, max_message=3)


@pytest.mark.parametrize(
    ("environment", "flags", "expected"),
    [
        ({}, {}, ("unix:/file", "127.0.0.1", 8000)),
        ({"SENNIT_ENDPOINT": "unix:/env"}, {}, ("unix:/env", "127.0.0.1", 8000)),
        ({"SENNIT_PORT": "1"}, {}, (None, "127.0.0.1", 1)),
        ({}, {"host": "::1"}, (None, "::1", 8000)),
        ({"SENNIT_PORT": "1"}, {"endpoint": "unix:/flag"}, ("unix:/flag", "127.0.0.1", 1)),
    ],
)
def test_endpoint_and_port_overrule_each_other(
    write: Write, environment: dict[str, str], flags: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    """The last source that says where to listen is right, in whichever way it says it."""
    found = load_configuration(write('endpoint = "unix:/file"'), environment, flags)
    assert (found.endpoint, found.host, found.port) == expected


def test_the_environment_names_the_file(write: Write) -> None:
    """``SENNIT_CONFIG`` does, unless a file is given; empty it is nothing."""
    path = write("port = 5")
    assert load_configuration(environment={"SENNIT_CONFIG": str(path)}).port == 5
    other = path.with_name("other.toml")
    other.write_text("port = 6")
    assert load_configuration(str(other), {"SENNIT_CONFIG": str(path)}).port == 6
    assert load_configuration(environment={"SENNIT_CONFIG": ""}).port == 8000


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("SENNIT_SERVICE_HOST", "10.0.0.1"),
        ("SENNIT_SERVICE_PORT", "8000"),
        ("SENNIT_SERVICE_PORT_HTTP", "8000"),
        ("SENNIT_PORT", "tcp://10.0.0.1:8000"),
        ("SENNIT_PORT_8000_TCP", "tcp://10.0.0.1:8000"),
        ("SENNIT_PORT_8000_TCP_PROTO", "tcp"),
        ("SENNIT_PORT_8000_TCP_PORT", "8000"),
        ("SENNIT_PORT_8000_TCP_ADDR", "10.0.0.1"),
        ("SENNIT_REDIS_SERVICE_HOST", "10.0.0.1"),
        ("SENNIT_REDIS_SERVICE_PORT", "6379"),
        ("SENNIT_REDIS_PORT", "tcp://10.0.0.1:6379"),
        ("SENNIT_REDIS_PORT_6379_UDP_PORT", "6379"),
    ],
)
def test_what_kubernetes_says_is_no_setting(variable: str, text: str) -> None:
    """Services called sennit or sennit-something put variables into every pod."""
    assert load_configuration(environment={variable: text}) == Configuration()


def test_other_variables_are_left_alone() -> None:
    """Only ``SENNIT_…`` is looked at, and there two names are switches of another kind."""
    environment = {"PATH": "/bin", "PORT": "x", "sennit_port": "x", "SENNIT_NO_EXTENSIONS": "1"}
    assert load_configuration(environment=environment) == Configuration()


def test_allowed_origins_are_the_limits_too() -> None:
    """What the network gets is the limits and the origins together."""
    limits = WebSocketSettings(max_message=5, allowed_origins=("https://limits.example",))
    assert Configuration(limits=limits).websocket is limits
    configuration = Configuration(limits=limits, allowed_origins=("*",))
    assert configuration.websocket == WebSocketSettings(max_message=5, allowed_origins=("*",))


# -- mistakes ------------------------------------------------------------------------------------

GRANTS = 'a list, each one of "client", "subscriber", "anonymous"'
POLICIES = 'one of "disconnect", "recover", "drop-oldest", "conflate"'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("prot = 1", "prot is not a setting of Sennit"),
        ("port = '8000'", "port is a whole number from 0 to 65535, not '8000'"),
        ("port = 65536", "port is a whole number from 0 to 65535, not 65536"),
        ("port = -1", "port is a whole number from 0 to 65535, not -1"),
        ("port = true", "port is a whole number from 0 to 65535, not True"),
        ("host = 1", "host is a text, not 1"),
        ("endpoint = []", "endpoint is a text, not []"),
        ("page = false", "page is a text, not False"),
        ("allowed_origins = '*'", "allowed_origins is a list of texts, not '*'"),
        ("allowed_origins = [1]", "allowed_origins is a list of texts, not [1]"),
        (
            "reactor = 'gtk'",
            (
                'reactor is one of "auto", "asyncio", "uvloop", "sennit", "epoll", "poll", '
                "\"select\", not 'gtk'"
            ),
        ),
        (
            "log_level = 'INFO'",
            'log_level is one of "debug", "info", "warn", "error", "critical", not \'INFO\'',
        ),
        ("endpoint = 'tcp:1'\nport = 1", "endpoint goes without host and port"),
        ("endpoint = 'tcp:1'\nhost = ''", "endpoint goes without host and port"),
        ("limits = 1", "limits is a table, not 1"),
        ("[limits]\nmax_mesage = 1", "limits.max_mesage is not a setting of Sennit"),
        ("[limits]\nallowed_origins = []", "limits.allowed_origins is not a setting of Sennit"),
        ("[limits]\nopen_timeout = 1", "limits.open_timeout is not a setting of Sennit"),
        ("[limits]\nping_interval = 1", "limits.ping_interval is not a setting of Sennit"),
        (
            "[limits]\nmax_connections = 0",
            "limits.max_connections is a whole number of at least 1, not 0",
        ),
        (
            "[limits]\ntrusted_proxies = 'unix'",
            "limits.trusted_proxies is a list of texts, not 'unix'",
        ),
        (
            "[limits]\ntrusted_proxies = ['nginx']",
            (
                "limits: trusted_proxies: 'nginx' is neither an address like \"127.0.0.1\", nor a "
                'network like "10.0.0.0/8", nor "unix" (\'nginx\' does not appear to be an IPv4 '
                "or IPv6 network)"
            ),
        ),
        ("[limits]\nmax_message = 0", "limits.max_message is a whole number of at least 1, not 0"),
        ("[limits]\nmax_head = 1.5", "limits.max_head is a whole number of at least 1, not 1.5"),
        ("[limits]\nhead_timeout = 0", "limits.head_timeout is a number above 0, not 0"),
        ("[limits]\nhead_timeout = nan", "limits.head_timeout is a number above 0, not nan"),
        ("[limits]\nclose_timeout = '5'", "limits.close_timeout is a number above 0, not '5'"),
        ("[hub]\nqueue_limit = -1", "hub.queue_limit is a whole number of at least 1, not -1"),
        ("[protocol]\nversion = 'x'", "protocol.version is not a setting of Sennit"),
        (
            "[protocol]\nping_interval = -1",
            "protocol.ping_interval is a whole number of at least 0, not -1",
        ),
        (
            "[protocol]\nping_interval = 5",
            "protocol: pong_timeout is more than 0 and less than ping_interval",
        ),
        ("namespaces = []", "namespaces is a table, not []"),
        ("namespaces.news = 1", "namespaces.news is a table, not 1"),
        ("[namespaces.news]\nrecover = true", "namespaces.news.recover is not a setting of Sennit"),
        ("[namespaces.news]\npresence = 1", "namespaces.news.presence is true or false, not 1"),
        ("[namespaces.news]\npattern = 1", "namespaces.news.pattern is a text, not 1"),
        (
            "[namespaces.news]\npattern = '['",
            "namespaces.news cannot be: pattern '[': unterminated character set at position 0",
        ),
        (
            "[namespaces.news]\nallow_publish = ['everybody']",
            f"namespaces.news.allow_publish is {GRANTS}, not ['everybody']",
        ),
        (
            "[namespaces.news]\nslow = 'wait'",
            f"namespaces.news.slow is {POLICIES}, not 'wait'",
        ),
        (
            "[namespaces.news]\nrecovery = true",
            "namespaces.news cannot be: recovery=True needs history=History(size, ttl)",
        ),
        ("[namespaces.news]\nhistory = 5", "namespaces.news.history is a table, not 5"),
        ("[namespaces.news]\nhistory = {size = 5}", "namespaces.news.history needs ttl"),
        ("[namespaces.news]\nhistory = {ttl = 5}", "namespaces.news.history needs size"),
        (
            "[namespaces.news]\nhistory = {size = 5, ttl = 5, age = 5}",
            "namespaces.news.history.age is not a setting of Sennit",
        ),
        (
            "[namespaces.news]\nhistory = {size = 0, ttl = 5}",
            "namespaces.news.history.size is a whole number of at least 1, not 0",
        ),
        (
            "[namespaces.news]\nhistory = {size = 5, ttl = nan}",
            "namespaces.news.history.ttl is a number above 0, not nan",
        ),
        (
            "[namespaces.news]\nhistory = {size = 5, ttl = 'a day'}",
            "namespaces.news.history.ttl is a number above 0, not 'a day'",
        ),
        (
            "[namespaces.news]\nhistory = {size = 5, ttl = 5, meta_ttl = 1}",
            "namespaces.news.history cannot be: a history's meta_ttl is at least its ttl",
        ),
    ],
)
def test_a_mistake_in_the_file(write: Write, text: str, complaint: str) -> None:
    """The message names the file and the key, and says what was expected there."""
    path = write(text)
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(path)
    assert str(caught.value) == f"{path}: {complaint}"


@pytest.mark.parametrize(
    ("variable", "text", "complaint"),
    [
        ("SENNIT_PROT", "1", "is not a setting of Sennit"),
        ("SENNIT_", "1", "is not a setting of Sennit"),
        ("SENNIT_CONFIG_FILE", "x", "is not a setting of Sennit"),
        ("SENNIT_NAMESPACES", "{}", "is not a setting of Sennit"),
        ("SENNIT_LIMITS", "{}", "is not a setting of Sennit"),
        ("SENNIT_REDIS_PORT", "6379", "is not a setting of Sennit"),
        ("SENNIT_PORT", "http", "is a whole number from 0 to 65535, not 'http'"),
        ("SENNIT_PORT", "", "is a whole number from 0 to 65535, not ''"),
        ("SENNIT_PORT", "65536", "is a whole number from 0 to 65535, not '65536'"),
        ("SENNIT_LIMITS_MAX_MESSAGE", "1.5", "is a whole number of at least 1, not '1.5'"),
        ("SENNIT_LIMITS_HEAD_TIMEOUT", "soon", "is a number above 0, not 'soon'"),
        ("SENNIT_LIMITS_HEAD_TIMEOUT", "nan", "is a number above 0, not 'nan'"),
        ("SENNIT_HUB_QUEUE_LIMIT", "0", "is a whole number of at least 1, not '0'"),
        (
            "SENNIT_LOG_LEVEL",
            "loud",
            'is one of "debug", "info", "warn", "error", "critical", not \'loud\'',
        ),
    ],
)
def test_a_mistake_in_the_environment(variable: str, text: str, complaint: str) -> None:
    """The message names the variable as it is written there."""
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(environment={variable: text})
    assert str(caught.value) == f"the environment: {variable} {complaint}"


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ({"speed": 1}, "speed is not a setting of Sennit"),
        ({"port": "8000"}, "port is a whole number from 0 to 65535, not '8000'"),
        ({"port": 70000}, "port is a whole number from 0 to 65535, not 70000"),
        ({"endpoint": "tcp:1", "port": 1}, "endpoint goes without host and port"),
        ({"limits": {"max_head": 0}}, "limits.max_head is a whole number of at least 1, not 0"),
    ],
)
def test_a_mistake_in_a_flag(flags: dict[str, Any], complaint: str) -> None:
    """The message names the command line."""
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(flags=flags)
    assert str(caught.value) == f"the command line: {complaint}"


def test_sources_that_contradict_each_other_are_all_named(write: Write) -> None:
    """Each is right by itself, so either may have to change."""
    path = write("[protocol]\nping_interval = 20")
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(path, {"SENNIT_PROTOCOL_PONG_TIMEOUT": "30"})
    assert str(caught.value) == (
        f"{path} and the environment: protocol: "
        "pong_timeout is more than 0 and less than ping_interval"
    )


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """The message says so, in the system's words."""
    path = tmp_path / "none.toml"
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(path)
    assert str(caught.value) == f"{path} cannot be read: No such file or directory"
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        load_configuration(tmp_path)


@pytest.mark.parametrize("data", [b"port: 8000", b"port = 1\nport = 2", b'host = "\xff"'])
def test_a_file_that_is_not_toml(tmp_path: Path, data: bytes) -> None:
    """The message says where it stops being TOML."""
    path = tmp_path / "sennit.toml"
    path.write_bytes(data)
    with pytest.raises(ConfigurationError, match=f"^{re.escape(str(path))} is not TOML: "):
        load_configuration(path)


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_out_of_range_in_code(port: int) -> None:
    """A configuration made in code is checked as well."""
    with pytest.raises(ConfigurationError, match=f"from 0 to 65535, not {port}"):
        Configuration(port=port)


@pytest.mark.parametrize("host", ["bücher.example", "127.0.0.1\0", "a\nb"])
def test_a_host_that_can_be_none(host: str) -> None:
    """What Python's sockets would answer with a TypeError is refused before."""
    with pytest.raises(ConfigurationError, match="host is an address or a name in ASCII, not "):
        load_configuration(flags={"host": host})


# -- namespaces ----------------------------------------------------------------------------------


def test_namespaces_are_declared_and_withdrawn(write: Write) -> None:
    """The app has them, with their options, until they are taken away; its own stay."""
    app = App()
    own = app.namespace("room")
    configuration = load_configuration(
        write('[namespaces.news]\nallow_subscribe = ["client"]\n[namespaces.""]\npresence = true')
    )
    withdraw = configuration.declare_namespaces(app)
    assert set(app.namespaces) == {"room", "news", ""}
    assert app.namespaces["news"].options == configuration.namespaces["news"]
    assert app.namespaces[""].options.presence
    withdraw()
    assert app.namespaces == {"room": own}
    withdraw()  # once more is fine


def test_a_namespace_that_the_app_has_already(write: Write) -> None:
    """None is declared then, and the message names the file."""
    app = App()
    app.namespace("news")
    path = write("[namespaces.ticks]\n[namespaces.news]\npresence = true")
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(path).declare_namespaces(app)
    assert str(caught.value) == (f"{path}: namespaces.news: the app declares this namespace itself")
    assert set(app.namespaces) == {"news"}


def test_channels_are_declared_and_withdrawn(write: Write) -> None:
    """So are single channels, by their whole names; what is about many cannot be said of one."""
    app = App()
    configuration = load_configuration(
        write('[namespaces.news]\n[channels."news:weather"]\npresence = true')
    )
    withdraw = configuration.declare_namespaces(app)
    assert app.single_channels["news:weather"].options.presence
    withdraw()
    assert (app.namespaces, app.single_channels) == ({}, {})
    for text, words in (
        (
            '[namespaces.news]\n[channels.lobby]\npattern = "x"',
            "channels: the channel 'lobby' is one",
        ),
        ("[channels.lobby]", "channels.lobby: the app declares this channel itself"),
    ):
        app = App()
        if "itself" in words:
            app.channel("lobby")
        path = write(text)
        with pytest.raises(ConfigurationError, match=f"{path}: {words}"):
            load_configuration(path).declare_namespaces(app)
        assert app.namespaces == {}


def test_a_namespace_whose_name_is_none(write: Write) -> None:
    """Those declared before it are taken away again."""
    app = App()
    path = write("[namespaces.news]\n[namespaces.n]")
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(path).declare_namespaces(app)
    assert str(caught.value).startswith(f"{path}: namespaces: a namespace's name is two or more")
    assert app.namespaces == {}


def test_namespaces_made_in_code_are_of_the_configuration() -> None:
    """There is no file to name."""
    app = App()
    app.namespace("news")
    configuration = Configuration(namespaces={"news": NamespaceOptions()})
    with pytest.raises(ConfigurationError, match=r"^the configuration: namespaces\.news: "):
        configuration.declare_namespaces(app)


def test_rates(write: Write) -> None:
    """They are words, in the file and in the environment; what is no rate is refused."""
    path = write('[hub]\npublish_rate = "20/s burst 40"\n[namespaces.chat]\npublish_rate = "5/min"')
    found = load_configuration(path, {"SENNIT_HUB_CONNECT_RATE": "5/s"})
    assert (found.hub.publish_rate, found.hub.connect_rate) == ("20/s burst 40", "5/s")
    assert found.namespaces["chat"].publish_rate == "5/min"
    with pytest.raises(ConfigurationError, match="a rate is like"):
        load_configuration(path, {"SENNIT_HUB_CONNECT_RATE": "fast"})
    with pytest.raises(ConfigurationError, match="a rate is like"):
        load_configuration(write('[namespaces.chat]\nsubscribe_rate = "often"'))
