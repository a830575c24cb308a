"""A client notices at once that its network has changed, or that it stood still for a while."""

import contextlib
import re
import signal
import socket
import time

import pytest

from harness.network import FarNetwork
from harness.peers import end, spore_client, spore_server
from harness.scale import SLOW, seconds
from harness.services import Echo
from harness.sockets import connect, read_exactly
from harness.waiting import wait_until

# Time-outs alone take 10 s: the kernel's for what is not acknowledged.
AT_ONCE_S = 3 if SLOW == 1 else 9


@pytest.fixture
def network():
    with FarNetwork() as made:
        yield made


def start_server(network, **options):
    return spore_server(network.here, control_port=7835, **options)


def client_in(network, server, service, *flags, **options):
    return spore_client(
        server.control,
        service.port,
        local_host=network.here,
        within=network.within,
        extra=["--log-level=debug", *flags],
        **options,
    )


def works(server, client, patience=0.3 * SLOW):
    """Is a visitor served within that time? One that comes too early waits for ten seconds."""
    try:
        with connect(server.public_host, client.port) as visitor:
            visitor.settimeout(patience)
            visitor.sendall(b"ping")
            return visitor.recv(4) == b"ping"
    except OSError:
        return False


def time_until_it_works(server, client, what):
    began = time.monotonic()
    wait_until(lambda: works(server, client), "the tunnel to work again", timeout=30)
    took = time.monotonic() - began
    print(f"BACK {what}: {took:.2f} s")
    return took


@pytest.mark.parametrize("secret", [None, "s3cret"])
@pytest.mark.parametrize("away", [0, 1, 6])
def test_another_address(network, secret, away):
    """The client is back at its port soon after it has got another address."""
    with Echo(network.here) as service, start_server(network, secret=secret) as server:
        with client_in(network, server, service, secret=secret) as client:
            assert works(server, client)
            network.lose_address()
            time.sleep(away)
            network.get_another_address()
            took = time_until_it_works(server, client, f"after {away} s without an address")
            assert took < AT_ONCE_S
            client.process.wait_for(
                f"tunnel lost, trying again .*does not have the address {network.there} any more"
            )
            assert len(client.process.stdout) == 1, "the port is the same"


def test_the_same_address_again(network):
    """A visitor's relay goes on."""
    with Echo(network.here) as service, start_server(network) as server:
        with client_in(network, server, service) as client:
            with connect(server.public_host, client.port) as visitor:
                visitor.sendall(b"before")
                assert read_exactly(visitor, 6) == b"before"
                network.lose_address()
                client.process.wait_for("does not have the address")
                network.get_address_again()
                assert time_until_it_works(server, client, "with its address again") < AT_ONCE_S
                visitor.sendall(b"after")
                assert read_exactly(visitor, 5) == b"after"


@pytest.mark.parametrize("ahead", [0, 2])
def test_relays_whose_address_is_gone(network, ahead):
    """They end soon, not after `peer_timeout`."""
    with Echo(network.here) as service, start_server(network) as server:
        with client_in(network, server, service, f"--ahead={ahead}") as client:
            with connect(server.public_host, client.port) as visitor:
                visitor.sendall(b"before")
                assert read_exactly(visitor, 6) == b"before"
                network.lose_address()
                network.get_another_address()
                began = time.monotonic()
                client.process.wait_for("does not have the address")
                assert time_until_it_works(server, client, "with a relay") < AT_ONCE_S
                client.process.wait_for("connection ended bytes_from_visitor=6", timeout=9)
                print(f"RELAY ended after {time.monotonic() - began:.2f} s")


def test_a_relay_outlives_a_gap_after_another_change(network):
    """The time for which an address may be gone does not begin with an earlier change."""
    with Echo(network.here) as service, start_server(network) as server:
        with client_in(network, server, service) as client:
            with connect(server.public_host, client.port) as visitor:
                visitor.sendall(b"before")
                assert read_exactly(visitor, 6) == b"before"
                network.stir(1)
                client.process.wait_for("the way to the server may have changed")
                time.sleep(1.4)
                network.lose_address()
                time.sleep(1.1)
                network.get_address_again()
                time.sleep(3)
                assert not any("connection ended" in line for line in client.process.stderr)
                visitor.sendall(b"after")
                assert read_exactly(visitor, 5) == b"after"


def test_a_change_that_does_not_concern_the_connection(network):
    """It is probed and stays; a storm of such changes is looked at a few times only."""
    with Echo(network.here) as service, start_server(network) as server:
        with client_in(network, server, service) as client:
            began = time.monotonic()
            network.stir(2000)
            client.process.wait_for("the way to the server may have changed")
            time.sleep(6)
            looks = [x for x in client.process.stderr if "may have changed" in x]
            assert 1 <= len(looks) <= 7 + (time.monotonic() - began) / 5, len(looks)
            wait_until(lambda: works(server, client), "the tunnel to work")
            assert not any("tunnel lost" in line for line in client.process.stderr)
            assert sum("connected to server" in line for line in client.process.stderr) == 1


def test_a_pause_ends(network):
    """The client has tried in vain for a while, and comes back with the network."""
    with Echo(network.here) as service, start_server(network) as server:
        with client_in(network, server, service) as client:
            network.lose_address()
            client.process.wait_for("tries=5", timeout=30)
            network.get_address_again()
            assert time_until_it_works(server, client, "after five tries") < AT_ONCE_S


def test_a_port_of_another_program_is_left_alone(network):
    """News of the network are no reason to ask for it more often."""
    with Echo(network.here) as service, contextlib.ExitStack() as held:
        first = held.enter_context(start_server(network))
        client = held.enter_context(client_in(network, first, service))
        first.process_was_ended = True
        end(first.process, "spore")
        with socket.create_server((network.here, client.port)):
            held.enter_context(start_server(network))
            client.process.wait_for(r"already in use.* tries=([3-9]|\d\d)", timeout=30)
            before = len(client.process.stderr)
            for _ in range(3):
                seen = len(client.process.stderr)
                network.stir(1)
                wait_until(
                    lambda: any("may have changed" in x for x in client.process.stderr[seen:]),
                    "a look",
                )
            time.sleep(1)
            lines = "\n".join(client.process.stderr[before:])
            tries = [int(x) for x in re.findall(r"tries=(\d+)", lines)]
            assert 1 not in tries and tries == sorted(tries), tries
        wait_until(lambda: works(first, client), "the tunnel to work again", timeout=40)


def test_a_stop_that_was_too_long(address):
    """The server has ended the tunnel of a stopped client, which is back at once."""
    with Echo() as service, spore_server(address) as server:
        with spore_client(server.control, service.port) as client:
            wait_until(lambda: works(server, client), "the tunnel to work")
            client.process.signal(signal.SIGSTOP)
            server.process.wait_for("its heartbeats have stopped", timeout=seconds(30))
            client.process.signal(signal.SIGCONT)
            began = time.monotonic()
            wait_until(lambda: works(server, client), "the tunnel to work again", timeout=30)
            took = time.monotonic() - began
            print(f"BACK after a stop: {took:.2f} s")
            assert took < AT_ONCE_S
            client.process.wait_for(r"this process stood still, looking at the connections ms=\d+")
