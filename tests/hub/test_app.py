"""Declarations: what an app may say, and what the app does once it runs."""

from __future__ import annotations

from typing import Any

import pytest

from sennit.errors import ConfigurationError, NotRunning, ReplyError
from sennit.hub.app import App
from sennit.hub.namespace import History
from sennit.model.publication import ClientInfo, Publication, StreamPosition
from tests.double import outcome
from tests.hub.conftest import House


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"recovery": True}, "needs history"),
        ({"slow": "sometimes"}, "slow is one of"),
        ({"slow": "recover"}, "needs recovery"),
        ({"slow": "conflate"}, "go together"),
        ({"conflate_key": "k"}, "go together"),
        ({"allow_publish": {"everybody"}}, "allow_publish knows"),
        ({"pattern": "("}, "pattern"),
    ],
)
def test_contradictions_are_refused(options: dict[str, Any], match: str) -> None:
    """A namespace that cannot be honoured is refused when it is declared, in a sentence."""
    with pytest.raises(ConfigurationError, match=match):
        App().namespace("room", **options)


@pytest.mark.parametrize(("size", "ttl", "meta_ttl"), [(0, 1, 10), (1, 0, 10), (1, 11, 10)])
def test_bad_history_is_refused(size: int, ttl: float, meta_ttl: float) -> None:
    """A history that could keep nothing, or outlives its metadata, is refused."""
    with pytest.raises(ConfigurationError):
        History(size, ttl, meta_ttl)


@pytest.mark.parametrize("name", ["a", "room:x", "räume", "a b"])
def test_bad_names_are_refused(name: str) -> None:
    """A namespace's name is two or more letters, digits, ``-`` or ``_``."""
    with pytest.raises(ConfigurationError, match="two or more"):
        App().namespace(name)


def test_one_name_once() -> None:
    """Namespaces and raw paths are declared once; a raw path begins with a slash."""
    app = App()
    app.namespace("room")
    app.raw("/chat")
    with pytest.raises(ConfigurationError, match="twice"):
        app.namespace("room")
    with pytest.raises(ConfigurationError, match="twice"):
        app.raw("/chat")
    with pytest.raises(ConfigurationError, match="begins with /"):
        app.raw("chat")


def test_one_channel_by_its_whole_name() -> None:
    """``app.channel`` declares one channel, once, and nothing that is about many."""
    app = App()
    lobby = app.channel("lobby", presence=True)
    assert lobby.options.presence
    assert app.single_channels == {"lobby": lobby}
    for name, options, words in (
        ("lobby", {}, "twice"),
        ("", {}, "printable ASCII"),
        ("caf\u00e9", {}, "printable ASCII"),
        ("other", {"pattern": "x"}, "is one"),
        ("other", {"personal": True}, "is one"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            app.channel(name, **options)


def test_unknown_option_is_named() -> None:
    """An option that there is not is named; so is a text where a set of names belongs."""
    app = App()
    with pytest.raises(ConfigurationError, match="no option 'colour'"):
        app.namespace("room", colour="red")  # type: ignore[call-arg]
    with pytest.raises(ConfigurationError, match="not the text"):
        app.namespace("room", allow_publish="client")  # type: ignore[arg-type]


def test_nothing_runs_before_it_is_served() -> None:
    """Every call that needs a running server raises NotRunning at once."""
    app = App()
    for call in (
        lambda: app.publish("room:a", 1),
        lambda: app.presence("room:a"),
        lambda: app.presence_stats("room:a"),
        lambda: app.history("room:a"),
        lambda: app.unsubscribe("ann", "room:a"),
        lambda: app.disconnect("ann"),
    ):
        with pytest.raises(NotRunning):
            call()


def test_an_app_is_served_once(house: House) -> None:
    """A second hub for one app is refused; after the stop the app does not run."""
    hub = house.hub
    with pytest.raises(ConfigurationError, match="served already"):
        house.app.attach(hub)
    person = house.person()
    outcome(house.hub.stop())
    assert person.transport.disconnected == (3001, "shutdown")
    with pytest.raises(NotRunning):
        house.app.publish("room:a", 1)


def test_publish_answers_where_it_stands(house: House) -> None:
    """``app.publish`` needs no permission, calls no handler, and says the position."""
    room = house.app.namespace("room", history=History(9, 9), allow_subscribe={"client"})
    room.on_publish(lambda _session, _publication: 1 / 0)
    person = house.person()
    person.subscribe("room:a")
    info = ClientInfo("bot", "")
    position = house.publish("room:a", b'{"raw":1}', tags={"k": "v"}, info=info)
    page = outcome(house.app.history("room:a"))
    assert page.position == position == StreamPosition(1, position.epoch)
    assert page.publications == (
        Publication(b'{"raw":1}', 1, position.epoch, info, {"k": "v"}, "room:a"),
    )
    assert person.take()[-1] == ["pub", "room:a", 1, {"raw": 1}]


def test_idempotent_publish_is_published_once(house: House) -> None:
    """A key seen before is answered with the first position and reaches nobody again."""
    house.app.namespace("room", history=History(9, 9), allow_subscribe={"client"})
    person = house.person()
    person.subscribe("room:a")
    first = house.publish("room:a", 1, idempotency_key="k")
    assert house.publish("room:a", 1, idempotency_key="k") == first
    assert len(person.take()) == 2


@pytest.mark.parametrize(("channel", "code"), [("no:a", 102), ("room:ä", 107)])
def test_publish_refuses(house: House, channel: str, code: int) -> None:
    """An unknown namespace and what is no name have their codes."""
    house.app.namespace("room")
    with pytest.raises(ReplyError) as caught:
        house.publish(channel, 1)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "data",
    [object(), b"", b"words", b"1 2", b'"\xff"', b'"\xed\xa0\x80"', b"[" * 100_000],
    ids=["object", "nothing", "words", "two", "latin-1", "surrogate", "too-deep"],
)
def test_what_is_no_payload_is_refused_at_once(house: House, data: Any) -> None:
    """A value without a JSON form, and bytes that would break the frame they are put in."""
    house.app.namespace("room")
    with pytest.raises(TypeError):
        house.hub.app.publish("room:a", data)


def test_bytes_are_published_as_they_are(house: House) -> None:
    """JSON is not written anew, whatever space it has."""
    house.app.namespace("room", history=History(9, 9))
    house.publish("room:a", b'{ "a": 1.0 }')
    (kept,) = outcome(house.app.history("room:a")).publications
    assert kept.data == b'{ "a": 1.0 }'


def test_client_publish_carries_who_it_was(house: House) -> None:
    """A client's publication has its info; permission is needed, and a payload."""
    house.app.namespace("room", allow_subscribe={"client"}, allow_publish={"subscriber"})
    house.app.namespace("plain", history=History(9, 9), allow_publish={"client"})
    person = house.person()
    with pytest.raises(ReplyError) as caught:
        outcome(person.session.publish("room:a", b"1"))
    assert caught.value.code == 103
    person.subscribe("room:a")
    outcome(person.session.publish("room:a", b"1"))
    with pytest.raises(ReplyError) as caught:
        outcome(person.session.publish("room:a", b""))
    assert caught.value.code == 107
    outcome(person.session.publish("plain:a", b"1"))
    (publication,) = outcome(house.app.history("plain:a")).publications
    assert publication.info == person.session.info


def test_presence_is_kept_and_asked(house: House) -> None:
    """Presence needs the option (108) and a grant (103)."""
    house.app.namespace(
        "room", presence=True, allow_subscribe={"client"}, allow_presence={"subscriber"}
    )
    house.app.namespace("plain", allow_subscribe={"client"})
    person = house.person()
    for channel, code in (("plain:a", 108), ("room:a", 103)):
        with pytest.raises(ReplyError) as caught:
            outcome(person.session.presence(channel))
        assert caught.value.code == code
        with pytest.raises(ReplyError) as caught:
            outcome(person.session.presence_stats(channel))
        assert caught.value.code == code
    person.subscribe("room:a")
    assert outcome(person.session.presence("room:a")) == {person.session.id: person.session.info}
    assert outcome(person.session.presence_stats("room:a")) == (1, 1)
    assert outcome(house.app.presence_stats("room:a")) == (1, 1)
    with pytest.raises(ReplyError) as caught:
        outcome(house.app.presence("plain:a"))
    assert caught.value.code == 108


def test_history_is_asked(house: House) -> None:
    """History needs the option (108) and a grant (103); a wrong epoch is 112."""
    house.app.namespace(
        "room", history=History(9, 9), allow_subscribe={"client"}, allow_history={"subscriber"}
    )
    house.app.namespace("plain")
    person = house.person()
    epoch = house.publish("room:a", 1).epoch
    house.publish("room:a", 2)

    def ask(channel: str, since: StreamPosition | None = None, reverse: bool = False) -> list[int]:
        page = outcome(person.session.history(channel, -1, since, reverse))
        return [publication.offset for publication in page.publications]

    for channel, code in (("plain:a", 108), ("room:a", 103)):
        with pytest.raises(ReplyError) as caught:
            ask(channel)
        assert caught.value.code == code
    person.subscribe("room:a")
    assert ask("room:a") == [1, 2]
    assert ask("room:a", reverse=True) == [2, 1]
    assert ask("room:a", StreamPosition(1, epoch)) == [2]
    assert ask("room:a", StreamPosition(2, epoch), reverse=True) == [1]
    with pytest.raises(ReplyError) as caught:
        ask("room:a", StreamPosition(1, "other"))
    assert caught.value.code == 112
    with pytest.raises(ReplyError) as caught:
        ask("room:a", StreamPosition(0, epoch), reverse=True)
    assert caught.value.code == 107
    with pytest.raises(ReplyError) as caught:
        outcome(house.app.history("plain:a"))
    assert caught.value.code == 108


def test_user_is_disconnected_everywhere(house: House) -> None:
    """``app.disconnect`` ends every connection of one user and nobody else's."""
    tabs, other = [house.person("ann"), house.person("ann")], house.person("bob")
    house.app.disconnect("ann", 4500, "banned")
    assert [tab.transport.disconnected for tab in tabs] == [(4500, "banned")] * 2
    assert other.transport.disconnected is None
    assert len(list(house.hub.sessions)) == 3
    with pytest.raises(ValueError, match="3000 to 4999"):
        house.app.disconnect("ann", 1000)


def test_session_sends_to_one_client(house: House) -> None:
    """``session.send`` is the application's own message to one client."""
    person, other = house.person(), house.person("bob")
    person.session.send({"x": 1})
    assert person.take() == [["message", {"x": 1}]]
    assert other.take() == []
    person.session.disconnect(4000, "bye")
    person.session.send(1)
    assert person.take() == []
    assert person.transport.disconnected == (4000, "bye")


def test_a_protocol_may_have_no_words(house: House) -> None:
    """What a codec cannot say is not sent, and nothing else is disturbed."""
    house.app.namespace("room", allow_subscribe={"client"})
    person = house.person()
    person.subscribe("room:a")
    house.publish("room:a", "unspeakable")
    house.publish("room:a", 1)
    assert person.take() == [["answer"], ["pub", "room:a", 0, 1]]
