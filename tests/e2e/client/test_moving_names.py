"""The name of a service moves, is deleted, or cannot be looked up."""

import time

import pytest

from harness.loopback import Loopback
from harness.metrics import Exporter
from harness.names import Names
from harness.peers import spore_client, spore_server
from harness.scale import seconds
from harness.services import Greeter
from harness.sockets import connect, read_to_end

# How long an answer is used without a question.
AGE = 2.0


@pytest.fixture
def names(address, tmp_path):
    with Names(address.host, tmp_path) as service:
        yield service


@pytest.fixture
def places():
    """Two services at two addresses with one port: they greet with "old" and "new"."""
    with Loopback() as first, Loopback() as second:
        port = first.free_port()
        with Greeter(b"old", first.host, port) as old, Greeter(b"new", second.host, port) as new:
            yield old, new


@pytest.fixture
def client(server, names, places):
    """A client whose service is svc.test, at the old place."""
    names.publish(svc=places[0].host)
    with spore_client(
        server.control,
        places[0].port,
        local_host="svc.test",
        within=names.within,
    ) as running:
        yield running


def visit(server, client):
    with connect(server.public_host, client.port) as visitor:
        return read_to_end(visitor)


def test_a_name_that_moved_while_nobody_came(server, names, places, client):
    """Not even the first visitor gets to the old place."""
    assert visit(server, client) == b"old"
    names.publish(svc=places[1].host)
    time.sleep(AGE + 0.1)
    assert visit(server, client) == b"new"


def test_a_name_that_moves_under_load(server, names, places, client):
    """Visitors of the next two seconds may get to the old place, and no later one."""
    assert visit(server, client) == b"old"
    names.publish(svc=places[1].host)
    moved = time.monotonic()
    while visit(server, client) == b"old":
        assert time.monotonic() - moved < AGE + seconds(0.5)
        time.sleep(0.05)
    assert {visit(server, client) for _ in range(20)} == {b"new"}


def test_a_name_that_was_deleted(server, names, client):
    assert visit(server, client) == b"old"
    names.publish()
    time.sleep(AGE + 0.1)
    assert visit(server, client) == b""
    client.process.wait_for("local service not reached.*cannot resolve the name")
    # It stays unknown when the service, which could not tell, does not answer any more.
    names.end()
    assert visit(server, client) == b""


def test_a_name_service_that_fails(server, names, client):
    """The old answer is used: after a second if there is no answer, at once if nobody listens."""
    assert visit(server, client) == b"old"
    names.hang()
    time.sleep(AGE + 0.1)
    begun = time.monotonic()
    assert visit(server, client) == b"old"
    assert 0.5 < time.monotonic() - begun < seconds(2)
    names.wake()
    names.end()
    time.sleep(AGE + 0.1)
    assert visit(server, client) == b"old"


def test_visitors_of_a_name_that_is_gone_are_not_served(address, names, places):
    """After the first of them the client asks for the name before it answers the server."""
    exporter = Exporter("127.0.0.1", address.free_port())
    service = places[0]
    names.publish()
    with spore_server(address, extra=[f"--metrics-port={exporter.port}"]) as server:
        with spore_client(
            server.control, service.port, local_host="svc.test", within=names.within
        ) as client:
            assert visit(server, client) == b""
            for number in range(1, 4):
                assert visit(server, client) == b""
                assert exporter.value("spore_refusals_total", reason="no_service") == number
            names.publish(svc=service.host)
            time.sleep(AGE + 0.1)
            assert visit(server, client) == b"old"
            assert visit(server, client) == b"old"
