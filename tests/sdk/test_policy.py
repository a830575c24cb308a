"""Grants of auth plugins: identity, ports, counts, life; revalidation; accounting."""

import re
import time

import pytest

from harness.loopback import port_is_free
from harness.scale import seconds
from harness.services import Echo, Sink
from harness.sockets import connect, end_writing, how_it_ends, read_exactly, read_to_end
from harness.visitors import one_exchange
from harness.waiting import wait_until


def policy(*names, **options):
    return [{"use": "policy", "names": list(names) or ["alice"], **options}]


def refusal(wire, name, port=0):
    """The error text of a refused Hello."""
    message = wire.say(name, {"Hello": port}).receive_but_heartbeats()
    assert list(message) == ["Error"], message
    return message["Error"]


def is_refused(visitor):
    """Whether the server closes the visitor's connection without a byte."""
    return how_it_ends(visitor)[0] == b""


def test_the_identity_is_in_the_log(host, answering):
    with host.server(auth=policy("alice")) as server, answering.to(server) as wire:
        wire.tunnel("alice")
        server.process.wait_for(r"new client .*identity=alice")


def test_ports_are_those_of_the_grant(host, address, answering):
    mine, other = address.free_port(), address.free_port()
    with host.server(auth=policy(ports=f"{mine}")) as server:
        with answering.to(server) as wire, answering.to(server) as second:
            assert refusal(wire, "alice", other) == "client port number not in allowed range"
            assert second.tunnel("alice", mine).port == mine
        wait_until(lambda: port_is_free(server.public_host, mine), "the public port to close")
        with answering.to(server) as wire:
            assert (
                wire.tunnel("alice").port == mine
            ), "the server also chooses among the granted ports"


def test_max_tunnels_counts_over_all_workers(host, answering):
    with host.server(auth=policy("alice", "bob", max_tunnels=2), workers=4) as server:
        with answering.to(server) as one, answering.to(server) as two:
            one.tunnel("alice")
            two.tunnel("alice")
            for _ in range(4):
                with answering.to(server) as third:
                    assert refusal(third, "alice") == "too many tunnels"
            with answering.to(server) as other:
                other.tunnel("bob")
            one.close()
            wait_until(lambda: can_open(answering, server, "alice"), "room for another")


def can_open(answering, server, name):
    with answering.to(server) as wire:
        return "Hello" in wire.say(name, {"Hello": 0}).receive_but_heartbeats()


def test_max_conns_counts_over_all_tunnels(host):
    with Echo() as service, host.server(auth=policy(max_conns=2)) as server:
        with host.client(server, service, auth=policy(say="alice")) as client:
            one, two = (connect(client.host, client.port) for _ in range(2))
            with one, two:
                for visitor in (one, two):
                    visitor.sendall(b"hello")
                    assert read_exactly(visitor, 5) == b"hello"
                with connect(client.host, client.port) as third:
                    assert is_refused(third)
            wait_until(lambda: service.open == 0, "both relays to end")
            wait_until(lambda: works(client), "room for another")


def works(client):
    try:
        return one_exchange(client.host, client.port) == b"ping"
    except OSError:
        return False


def test_life_ends_a_tunnel_and_its_client_is_told(host, answering):
    with host.server(auth=policy(life="600ms")) as server, answering.to(server) as wire:
        wire.tunnel("alice")
        begun = time.monotonic()
        wire.expect_error("the tunnel's time is over")
        assert 0.5 < time.monotonic() - begun < 0.6 + seconds(2)
        wait_until(lambda: port_is_free(server.public_host, wire.port), "the public port to close")


def test_revoked_tunnels_end_and_no_others(host, answering):
    chain = policy("alice", revoke_after="400ms") + [
        {"use": "policy", "name": "others", "names": ["bob"]}
    ]
    with host.server(auth=chain, workers=4) as server:
        with answering.to(server) as one, answering.to(server) as two, answering.to(
            server
        ) as other:
            other.tunnel("bob")
            one.tunnel("alice")
            two.tunnel("alice")
            one.expect_error("access was revoked")
            two.expect_error("access was revoked")
            server.process.wait_for("revalidated plugin=policy status=0")
            assert other.receive() == "Heartbeat"
            with connect(server.public_host, other.port):
                other.connection()


def test_what_is_renewed_holds_from_then_on(host):
    with Echo() as service:
        with host.server(auth=policy(max_conns=5, renew_after="300ms", renewed_conns=0)) as server:
            with host.client(server, service, auth=policy(say="alice")) as client:
                assert works(client)
                server.process.wait_for("revalidated plugin=policy status=0")
                wait_until(lambda: not works(client), "the smaller number to hold")


def test_another_ones_visitor_is_out_of_reach(host, answering):
    """Bob knows the id of Alice's visitor, but only Alice's data connection gets the visitor."""
    with host.server(auth=policy("alice", "bob")) as server:
        with answering.to(server) as alice, answering.to(server) as bob, answering.to(
            server
        ) as thief:
            alice.tunnel("alice")
            bob.tunnel("bob")
            with connect(server.public_host, alice.port) as visitor:
                identity = alice.connection()
                thief.say("bob", {"Accept": identity})
                thief.expect_error("invalid secret")
                with answering.to(server) as data:
                    data.say("alice", {"Accept": identity})
                    visitor.sendall(b"for alice")
                    assert read_exactly(data.stream(), 9) == b"for alice"


def test_each_tunnel_is_accounted_for(host, tmp_path):
    accounts = tmp_path / "accounts"
    with Sink() as service, host.server(auth=policy(accounts="accounts")) as server:
        with host.client(server, service, auth=policy(say="alice"), workers=2) as client:
            port = client.port
            for _ in range(3):
                with connect(client.host, client.port) as visitor:
                    visitor.sendall(b"x" * 1000)
                    end_writing(visitor)
                    answer = read_to_end(visitor)
            wait_until(lambda: "connections ended" and not service._sockets, "the services' ends")
            time.sleep(seconds(0.3))
            assert not accounts.exists()
        wait_until(accounts.exists, "the account")
    line = accounts.read_text()
    found = re.fullmatch(
        r"alice port=(\d+) session=right up=(\d+) down=(\d+) conns=(\d+) life=(\d+)\n", line
    )
    assert found, line
    assert [int(number) for number in found.groups()[:4]] == [port, 3000, 3 * len(answer), 3]
    assert int(found.group(5)) > 0


def test_shutdown_accounts_for_what_still_stands(host, answering, tmp_path):
    with host.server(auth=policy("alice", "bob", accounts="accounts"), workers=3) as server:
        with answering.to(server) as one, answering.to(server) as two:
            one.tunnel("alice")
            two.tunnel("bob")
            assert server.stop() == 0
    lines = (tmp_path / "accounts").read_text().splitlines()
    assert sorted(line.split()[0] for line in lines) == ["alice", "bob"]
    assert all("session=right" in line for line in lines)


class TestWithoutAnswer:
    """An instance whose needs_challenge() says 0."""

    def test_no_challenge_is_sent(self, host, answering):
        chain = [{"use": "silent", "peer": "127.0.0.1"}]
        with host.server(auth=chain) as server, answering.to(server) as wire:
            assert wire.hello() > 0

    def test_a_client_needs_no_plugin(self, host):
        chain = [{"use": "silent", "peer": "127.0.0.1"}]
        with Echo() as service, host.server(auth=chain) as server, host.client(
            server, service
        ) as client:
            for _ in range(3):
                assert one_exchange(client.host, client.port) == b"ping"

    def test_whoever_it_does_not_know_is_denied(self, host, answering):
        chain = [{"use": "silent", "peer": "192.0.2.1"}]
        with host.server(auth=chain) as server, answering.to(server) as wire:
            wire.send({"Hello": 0})
            wire.expect_error("the server does not know this client")

    @pytest.mark.parametrize("first", [0, 1])
    def test_a_chain_with_one_that_needs_it_sends_one(self, host, answering, first):
        chain = [{"use": "silent", "peer": "192.0.2.1", "on_error": "next"}, *policy("alice")]
        if first:
            chain.reverse()
        with host.server(auth=chain) as server, answering.to(server) as wire:
            wire.tunnel("alice")
