"""A reload asks about the client of each open tunnel again: with a purpose of its own, and at a
bounded pace."""

import re
import signal

import pytest

from harness.admin import Admin
from harness.ledgers import Books, reload
from harness.scale import count
from harness.services import Echo
from harness.visitors import one_exchange
from harness.waiting import wait_until

AGAIN = "clients of open tunnels were authenticated again"


def test_an_answer_that_is_good_once_outlives_reloads(host, answering):
    """A HUP that changes nothing closes no tunnel, though the answer was used up."""
    chain = [{"use": "ledger", "once": True, "how": "ticket", "say": "7381"}]
    with Echo() as service, host.server(auth=chain) as server:
        with host.client(server, service, auth=[{"use": "ledger", "say": "7381"}]) as client:
            with answering.to(server) as wire:
                wire.say("7381", {"Hello": 0})
                wire.expect_error("invalid secret")
            for times in range(1, 4):
                server.process.signal(signal.SIGHUP)
                server.process.wait_for(f"{AGAIN} tunnels=1 allowed=1 denied=0 left=0", times=times)
                assert one_exchange(client.host, client.port) == b"ping"
        assert server.stop() == 0
    assert not any("client refused" in line and "revoked" in line for line in server.process.stderr)
    books = Books(server.process)
    books.check()
    assert books.renewals == 3


def test_who_is_not_known_any_more_loses_its_tunnel(host, answering):
    chain = [{"use": "ledger", "once": True}]  # returned without an identity, so not its own word
    with host.server(auth=chain) as server, answering.to(server) as wire:
        wire.tunnel("x")
        reload(host, server, chain)
        wire.expect_error("access was revoked")


@pytest.mark.timeout(120)
def test_all_tunnels_reach_the_new_instance_of_a_slow_service(host, answering):
    """300 tunnels, and a service that refuses more than 50 requests in a second."""
    number = count(300, least=60)
    rate = max(10, number // 6)
    with host.server(
        auth=[{"use": "ledger", "name": "old"}],
        workers=2,
        admin={"socket": str(host.folder / "admin.sock")},
    ) as server:
        admin = Admin(host.folder / "admin.sock")
        wires = [answering.to(server).tunnel("x") for _ in range(number)]
        reload(host, server, [{"use": "ledger", "name": "new", "how": "ticket", "rate": rate}])
        assert admin.ask("status")["tunnels_outdated"] > 0
        server.process.wait_for(
            rf"{AGAIN} tunnels={number} allowed={number} denied=0 left=0", timeout=60
        )
        server.process.wait_for(rf"ledger allows={number} ends={number} .* plugin=old")
        status = admin.ask("status")
        assert (status["tunnels"], status["tunnels_outdated"]) == (number, 0)
        instances = admin.ask("plugins")["instances"]
        assert [each["name"] for each in instances if each["kind"] == "auth"] == ["new"]
        assert server.stop() == 0
        for wire in wires:
            wire.close()
    lines = [line for line in server.process.stderr if "authenticated again" in line]
    assert len(lines) == 2, lines
    assert re.search(rf"tunnels={number} undecided=\d+ plugin=new status=.*SPORE_EBUSY", lines[0])
    assert not any("could not decide" in line for line in server.process.stderr)
    Books(server.process).check()


def test_the_old_instance_serves_while_the_new_one_cannot_decide(host):
    chain = [{"use": "ledger", "name": "old", "say": "x"}]
    with Echo() as service, host.server(auth=chain) as server:
        with host.client(server, service, auth=[{"use": "ledger", "say": "x"}]) as client:
            reload(host, server, [{"use": "ledger", "name": "broken", "verdict": "fail"}])
            server.process.wait_for(r"the server tries on tunnels=1 undecided=1 plugin=broken")
            assert one_exchange(client.host, client.port) == b"ping"
            reload(host, server, [{"use": "ledger", "name": "good"}], times=2)
            server.process.wait_for(f"{AGAIN} tunnels=1 allowed=1")
            assert one_exchange(client.host, client.port) == b"ping"
            wait_until(
                lambda: any(
                    "plugin=old" in line and "ledger" in line for line in server.process.stderr
                ),
                "the old instance to end",
            )
