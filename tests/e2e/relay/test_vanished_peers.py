"""A peer whose host is gone does not hold a relay; one that only does not read does."""

import json
import time

import pytest

from harness.bulk import fill, receive_pattern
from harness.network import FarNetwork
from harness.peers import spore_client, spore_server
from harness.services import Inbox
from harness.sockets import connect, end_writing, how_it_ends, read_exactly, vanish

LIMIT_S = 1


@pytest.fixture
def start_client(tmp_path):
    """Starts a client with these settings in its file; the rest as for peers.spore_client."""

    def start(*arguments, settings=None, **options):
        path = tmp_path / "client.json"
        path.write_text(json.dumps({"client": settings or {}}), encoding="utf-8")
        return spore_client(*arguments, extra=["--config", str(path)], **options)

    return start


@pytest.fixture
def impatient_server(configured_server):
    """Peers that do not answer are gone after LIMIT_S."""
    config = {"server": {"peer_timeout": LIMIT_S}, "log": {"visitors": True}}
    with configured_server(config=config) as server:
        yield server


def test_what_is_sent_to_a_vanished_peer_ends_the_relay(impatient_server, start_client):
    """One visitor vanishes, and the service of another one."""
    server = impatient_server
    with Inbox() as service, start_client(
        server.control, service.port, settings={"peer_timeout": LIMIT_S}
    ) as client:
        with connect(server.public_host, client.port) as gone:
            with_gone_visitor = service.take()
            with connect(server.public_host, client.port) as visitor:
                gone_service = service.take()
                for each in (gone, gone_service):
                    vanish(each)
                with_gone_visitor.sendall(b"download")
                visitor.sendall(b"upload")
                began = time.monotonic()
                assert how_it_ends(with_gone_visitor, timeout=10) == (b"", "reset")
                assert how_it_ends(visitor, timeout=10) == (b"", "reset")
                assert time.monotonic() - began > LIMIT_S
                server.process.wait_for('visitor ended .*reason="the visitor vanished"')


def test_a_pause_of_five_times_the_limit_ends_nothing(impatient_server, start_client):
    """A download and an upload whose readers pause, so that all windows are closed."""
    server = impatient_server
    with Inbox() as service, start_client(
        server.control, service.port, settings={"peer_timeout": LIMIT_S}
    ) as client:
        with connect(server.public_host, client.port) as download:
            writers = [service.take()]
            readers = [download]
            with connect(server.public_host, client.port) as upload:
                writers.append(upload)
                readers.append(service.take())
                sent = [fill(writer) for writer in writers]
                time.sleep(5 * LIMIT_S)
                for reader, writer, what in zip(readers, writers, sent):
                    end_writing(writer)
                    assert receive_pattern(reader) == what


def test_relays_of_a_client_whose_network_is_gone(tmp_path):
    """Nothing is sent, so only the server's probes find out."""
    config = tmp_path / "server.json"
    keys = {"keepalive_data": "1s", "peer_timeout": LIMIT_S}
    config.write_text(json.dumps({"server": keys}), encoding="utf-8")
    with FarNetwork() as network, Inbox(network.here) as service, spore_server(
        network.here, control_port=7835, extra=["--config", str(config)]
    ) as server:
        with spore_client(
            server.control, service.port, local_host=network.here, within=network.within
        ) as client:
            with connect(network.here, client.port) as visitor:
                near = service.take()
                near.sendall(b"hello")
                assert read_exactly(visitor, 5) == b"hello"
                network.cut()
                assert how_it_ends(visitor, timeout=10) == (b"", "reset")


def test_relays_of_a_client_whose_port_was_taken_over(tmp_path):
    """They are idle, and are probed seldom. A shorter peer_timeout holds for them, too."""
    config = tmp_path / "server.json"
    config.write_text(json.dumps({"server": {"peer_timeout": LIMIT_S}}), encoding="utf-8")
    with FarNetwork() as network, Inbox(network.here) as service, spore_server(
        network.here, control_port=7835, extra=["--config", str(config)]
    ) as server:
        with spore_client(
            server.control, service.port, local_host=network.here, within=network.within
        ) as client:
            with connect(network.here, client.port) as visitor:
                near = service.take()
                near.sendall(b"hello")
                assert read_exactly(visitor, 5) == b"hello"
                network.cut()
                with spore_client(
                    server.control, service.port, port=client.port, extra=["--retry"]
                ):
                    # The relays of a lost client may otherwise last for 15 seconds.
                    assert how_it_ends(visitor, timeout=8) == (b"", "reset")
