"""What plugins are told of what a client says about itself."""

import re
import signal

import pytest

from harness.loopback import BORE_CONTROL_PORT
from harness.peers import bore_client
from harness.services import Echo
from harness.visitors import one_exchange
from harness.wire import Wire

NAMED = {
    "name": "my web",
    "hosts": ["a.example", "*.b.example"],
    "tags": {"env": "test", "k8s.io/app": "a b"},
}
PORT, ABOUT = 1, 2


def told(**options):
    return [{"use": "told", **options}]


def lines(server, event="told", times=1, purpose=None):
    """The fields of the lines of this event, as the plugin logged them."""
    pattern = rf"{event} plugin=\S+ " + (rf"purpose={purpose}\b" if purpose is not None else "")
    server.process.wait_for(pattern, times=times)
    found = [line for line in server.process.stderr if re.search(pattern, line)]
    return [
        {
            key: quoted or plain
            for key, quoted, plain in re.findall(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))', line)
        }
        for line in found
    ]


def check_all(fields, known=PORT | ABOUT):
    assert int(fields["known"]) == known
    assert fields["name"] == "my web"
    assert fields["version"].startswith("spore/")
    assert fields["hosts"] == "a.example *.b.example"
    assert fields["tags"] == "env:test k8s.io/app:a b"


@pytest.fixture
def named(host):
    """Starts a client whose tunnel has a name, hosts and tags."""

    def start(server, service, port=0, **sections):
        tunnel = {"local": f"{service.host}:{service.port}", "port": port, **NAMED}
        return host.client(server, service, tunnels=[tunnel], **sections)

    return start


def reload(host, server, number, **sections):
    """The server's `number`-th reload, with these sections instead."""
    control = server.control[1]
    config = host.server_config(**sections)
    config["server"]["control_port"] = control
    host.write(config, f"server{control}.json")
    server.process.signal(signal.SIGHUP)
    server.process.wait_for("configuration reloaded", times=number)


SECRET = [{"use": "hmac", "secret": "s3cret"}]


@pytest.mark.parametrize("use", ["told", "auth_told:told_blocking"])
def test_a_verdict_has_everything(host, named, address, use):
    port = address.free_port()
    with Echo() as service, host.server(auth=told(use=use)) as server:
        with named(server, service, port=port, auth=SECRET) as client:
            assert one_exchange(client.host, client.port) == b"ping"
            (fields,) = lines(server, purpose=1)
            check_all(fields)
            assert int(fields["port"]) == port
            # Data connections say nothing.
            (data,) = lines(server, purpose=2)
            assert int(data["known"]) == 0
        (end,) = lines(server, "told at the end")
        check_all(end)


def test_over_tls_too(host, named, authority, address):
    own = authority.issue(f"IP:{address.host}")
    secure = [{"use": "tls", "certfile": own.path, "keyfile": own.key}]
    trust = [{"use": "tls", "cacertfile": authority.path}]
    bound = [{**SECRET[0], "binding": "prefer"}]
    chain = [{"use": "told", "tag": "env=test"}]
    with Echo() as service, host.server(auth=chain, transport=secure) as server:
        with named(server, service, auth=bound, transport=trust) as client:
            assert one_exchange(client.host, client.port) == b"ping"
            check_all(lines(server, purpose=1)[0])


def test_without_a_challenge_the_end_alone_has_it(host, named):
    with Echo() as service, host.server(auth=told(silent=True)) as server:
        with named(server, service) as client:
            assert one_exchange(client.host, client.port) == b"ping"
            (fields,) = lines(server, purpose=1)
            assert int(fields["known"]) == PORT
            assert fields["name"] == fields["version"] == fields["tags"] == ""
            server.process.wait_for("client named its tunnel")
        (end,) = lines(server, "told at the end")
        check_all(end)


def test_a_bore_client_asks_for_a_port_and_says_nothing(host, address):
    port = address.free_port()
    own = {"control_port": BORE_CONTROL_PORT}
    with Echo() as service, host.server(auth=told(), server=own) as server:
        with bore_client(server.control, service.port, secret="any", port=port) as client:
            assert one_exchange(server.public_host, client.port) == b"ping"
            (fields,) = lines(server, purpose=1)
            assert (int(fields["known"]), int(fields["port"])) == (PORT, port)
            assert fields["version"] == ""


def test_a_client_that_waits_for_the_verdict_has_not_asked_yet(host, answering):
    with host.server(auth=told()) as server, answering.to(server) as wire:
        wire.say("anything")
        (fields,) = lines(server, purpose=1)
        assert (int(fields["known"]), int(fields["port"])) == (0, 0)
        assert wire.hello() > 0
    (end,) = lines(server, "told at the end")
    assert int(end["known"]) == PORT


def test_a_tag_decides(host, answering):
    with host.server(auth=told(tag="env=test")) as server:
        for items, expected in [
            (["tag=env=test"], "Hello"),
            (["tag=a=b", "tag=env=test"], "Hello"),
            (["tag=env=prod"], "Error"),
            (["name=env=test"], "Error"),
            ([], "Error"),
        ]:
            with answering.to(server) as wire:
                wire.say("x", *({"About": item} for item in items), {"Hello": 0})
                assert list(wire.receive()) == [expected], items


def test_a_reload_judges_by_the_same_items(host, answering):
    with host.server(auth=told(tag="env=test")) as server, answering.to(server) as wire:
        wire.say("x", {"About": "tag=env=test"}, {"Hello": 0})
        assert list(wire.receive()) == ["Hello"]
        reload(host, server, 1, auth=told(tag="env=test", name="second"))
        fields = lines(server, times=2)[1]
        assert (fields["plugin"], fields["tags"]) == ("second", "env:test")
        reload(host, server, 2, auth=told(tag="env=prod"))
        wire.expect_error("access was revoked")


def test_items_that_nobody_knows_are_something_said(host, answering):
    with host.server(auth=told()) as server, answering.to(server) as wire:
        wire.say("x", {"About": "color=blue"}, {"Hello": 0})
        assert list(wire.receive()) == ["Hello"]
        (fields,) = lines(server, purpose=1)
        assert int(fields["known"]) == PORT | ABOUT
        assert fields["name"] == fields["tags"] == ""


def test_a_hostile_client_does_not_reach_the_plugin(host, answering):
    """An invalid frame is judged with what came before it, and refused."""
    with host.server(auth=told()) as server, answering.to(server) as wire:
        wire.say("x", {"About": "name=a"}, {"About": "name=\x1b[2J"}, {"Hello": 0})
        wire.expect_end()
        (fields,) = lines(server, purpose=1)
        assert (int(fields["known"]), fields["name"]) == (ABOUT, "a")
        with Wire.connect(server.control) as other:
            assert list(other.receive()) == ["Challenge"]


def test_the_end_of_a_client_without_a_tunnel_has_it_too(host, answering):
    """The server refuses the port after the verdict, or the client leaves before it."""
    with host.server(auth=told(), server={"ports": "20000-20001"}) as server:
        with answering.to(server) as wire:
            wire.say("x", {"About": "name=web"}, {"Hello": 80})
            wire.expect_error("client port number not in allowed range")
        (end,) = lines(server, "told at the end")
        assert (int(end["known"]), int(end["port"]), end["name"]) == (PORT | ABOUT, 80, "web")
