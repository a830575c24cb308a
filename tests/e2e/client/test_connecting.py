"""How a client connects to its service: from which address, to which address, and for how long."""

import contextlib
import json
import socket
import subprocess
import time

import pytest

from harness.loopback import Loopback, has_ipv6
from harness.names import Names
from harness.network import FarNetwork
from harness.peers import spore_client
from harness.scale import seconds
from harness.services import Greeter, Inbox
from harness.sockets import connect, how_it_ends, read_to_end


@contextlib.contextmanager
def tunnel(server, folder, settings, within=(), **client):
    config = folder / "client.json"
    config.write_text(json.dumps({"client": client, "tunnels": [settings]}))
    with spore_client(
        server.control, None, extra=["--config", str(config)], within=within
    ) as running:
        yield running


def test_the_service_sees_the_source(server, tmp_path):
    with Loopback() as source, Inbox() as inbox:
        settings = {"local": f"{inbox.host}:{inbox.port}", "source": source.host}
        with tunnel(server, tmp_path, settings) as client:
            ports = set()
            for _ in range(3):
                with connect(client.host, client.port):
                    host, port = inbox.take().getpeername()
                    assert host == source.host
                    ports.add(port)
            assert len(ports) == 3


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 loopback here")
def test_a_source_of_ipv6(server, tmp_path):
    with Inbox("::1") as inbox:
        settings = {"local": f"[::1]:{inbox.port}", "source": "::1"}
        with tunnel(server, tmp_path, settings) as client:
            with connect(client.host, client.port):
                assert inbox.take().getpeername()[0] == "::1"


def test_a_source_that_is_not_of_this_host(server, tmp_path):
    with Inbox() as inbox:
        settings = {"local": f"{inbox.host}:{inbox.port}", "source": "192.0.2.1"}
        with tunnel(server, tmp_path, settings) as client:
            with connect(client.host, client.port) as visitor:
                assert how_it_ends(visitor) == (b"", "end")
            client.process.wait_for(
                "local service not reached .*the source address 192.0.2.1 is not of this host"
            )


def addresses(names, name):
    """In the order in which the C library gives them."""
    found = subprocess.run(
        [*names.within, "getent", "ahosts", name], capture_output=True, text=True, check=True
    )
    return list(dict.fromkeys(line.split()[0] for line in found.stdout.splitlines()))


@pytest.fixture
def names(address, tmp_path):
    with Names(address.host, tmp_path) as service:
        yield service


@pytest.fixture
def far():
    with FarNetwork() as network:
        yield network


def two_places(far):
    """Two addresses behind the far network's interface, at neither of which anybody is yet."""
    number = far.there.split(".")
    places = [f"198.19.{number[2]}.{number[3]}", f"198.19.{number[2]}.{int(number[3]) ^ 1}"]
    for place in places:
        subprocess.run(["ip", "route", "add", f"{place}/32", "via", far.there], check=True)
    return places


def test_the_next_address_is_tried_beside_one_that_is_silent(server, names, far, tmp_path):
    """The packets to the first address vanish, as behind a firewall."""
    places = two_places(far)
    names.publish(svc=places)
    order = addresses(names, "svc.test")
    assert sorted(order) == sorted(places)
    subprocess.run(["ip", "-n", far.name, "addr", "add", f"{order[1]}/32", "dev", "lo"], check=True)
    with far.make(lambda: Greeter(b"hello", order[1])) as service:
        settings = {"local": f"svc.test:{service.port}"}
        with tunnel(server, tmp_path, settings, within=names.within) as client:
            began = time.monotonic()
            with connect(client.host, client.port) as visitor:
                assert read_to_end(visitor) == b"hello"
            assert time.monotonic() - began > 0.2  # that is how the first one was tried


def test_the_time_out(server, far, tmp_path):
    """That of the tunnel, not that of the client."""
    place = two_places(far)[0]
    settings = {"local": f"{place}:80", "connect_timeout": "300ms"}
    with tunnel(server, tmp_path, settings, connect_timeout="60s") as client:
        with connect(client.host, client.port) as visitor:
            assert how_it_ends(visitor, timeout=seconds(8)) == (b"", "end")
        client.process.wait_for(f"local service not reached .*{place}:80: timed out")


def test_the_servers_time_out(far, tmp_path):
    """The client tells that it was this time-out of its own."""
    place = two_places(far)[0]
    config = tmp_path / "client.json"
    config.write_text(
        json.dumps(
            {"client": {"to": place, "connect_timeout": "300ms"}, "tunnels": [{"local_port": 80}]}
        )
    )
    with spore_client(
        (place, 7835), 80, extra=["--config", str(config)], listening=False
    ) as client:
        assert client.wait() == 1
        client.process.wait_for(f"could not connect to {place}:7835: {place}:7835: timed out")
