"""Asynchronous verdicts and answers: from a timer, pool or thread; never, twice, or too late."""

import contextlib
import re
import statistics
import time

import pytest

from harness.loopback import port_is_free
from harness.procfs import threads
from harness.scale import SLOW, count, seconds
from harness.services import Echo
from harness.sockets import connect, end_writing, read_exactly, reset
from harness.visitors import one_exchange

OK, STALE = 0, -3
ALLOW, DENY = 0x5A01, 0x5A02

DENIED = "invalid secret"
UNDECIDED = "authentication is not available"

LATE_ONES = {
    "timer": {"use": "timer"},
    "blocking": {"use": "blocking"},
    "blocking_ticket": {"use": "blocking", "ticket": True},
    "offload": {"use": "offload"},
    "offload_done": {"use": "offload", "from": "done"},
}


def auth(use, **options):
    return [{"use": use, "answer": "sesame", **options}]


def statuses(server, number):
    """The statuses of the completions, which the plugins log."""
    server.process.wait_for("completed plugin=", times=number)
    lines = [line for line in server.process.stderr if " completed plugin=" in line]
    return [int(re.search(r"status=(-?\d+)", line).group(1)) for line in lines]


@pytest.fixture(params=LATE_ONES)
def late(request):
    """The entry of an instance that decides after 50 ms."""
    return {"answer": "sesame", **LATE_ONES[request.param]}


def test_a_right_answer_is_let_in(host, late, answering):
    with host.server(auth=[late]) as server, answering.to(server) as wire:
        wire.tunnel("sesame")


def test_a_wrong_answer_is_not(host, late, answering):
    with host.server(auth=[late]) as server, answering.to(server) as wire:
        assert wire.say("please", {"Hello": 0}).expect_error(DENIED) == "end"


def test_a_whole_tunnel_whose_two_ends_take_their_time(host, late):
    with Echo() as service, host.server(auth=[late]) as server, host.client(
        server, service, auth=[late]
    ) as client:
        for _ in range(5):
            assert one_exchange(client.host, client.port, b"x" * 5000) == b"x" * 5000


def test_frames_behind_the_answer_are_kept(host, answering):
    with Echo() as service, host.server(auth=auth("timer", delay="300ms")) as server:
        with host.client(server, service, auth=auth("timer")) as client, answering.to(
            server
        ) as wire:
            assert wire.tunnel("sesame").port != client.port


def test_bytes_behind_accept_are_kept(host, answering):
    with host.server(auth=auth("timer", delay="200ms")) as server:
        with answering.to(server) as control, answering.to(server) as data:
            control.tunnel("sesame")
            with connect(server.public_host, control.port) as visitor:
                data.say("sesame", {"Accept": control.connection()})
                data.send_bytes(b"behind")
                assert visitor.recv(6) == b"behind"
                visitor.sendall(b"back")
                assert data.stream().recv(4) == b"back"


@pytest.mark.parametrize("use", ["timer", "blocking", "offload"])
def test_verdicts_of_many_at_once(host, use, answering):
    number = count(50, least=10)
    time_taken = {"delay": "50ms"} if use == "timer" else {"sleep": "20ms"}
    with host.server(auth=auth(use, **time_taken)) as server:
        wires = [answering.to(server) for _ in range(number)]
        try:
            for index, wire in enumerate(wires):
                wire.say("sesame" if index % 2 else "wrong", {"Hello": 0})
            for index, wire in enumerate(wires):
                message = wire.receive_but_heartbeats(20)
                assert list(message) == (["Hello"] if index % 2 else ["Error"]), message
        finally:
            for wire in wires:
                wire.close()


def test_one_that_never_decides_is_cancelled_at_the_deadline(host, answering):
    with host.server(auth=auth("timer", never=True)) as server, answering.to(server) as wire:
        begun = time.monotonic()
        wire.say("sesame", {"Hello": 0})
        assert wire.expect_error("authentication timed out", timeout=10) == "end"
        assert 2.5 < time.monotonic() - begun < 3.5 + seconds(1)
        server.process.wait_for("cancelled .*known=1")


def test_what_is_completed_twice_counts_once(host, answering):
    with host.server(auth=auth("timer", twice=True)) as server, answering.to(server) as wire:
        wire.tunnel("sesame")
        assert statuses(server, 2) == [OK, STALE]
        assert wire.receive() == "Heartbeat"


def test_what_is_completed_after_the_peer_left_is_stale(host, answering):
    with host.server(auth=auth("timer", delay="800ms", keep=True)) as server, answering.to(
        server
    ) as wire:
        wire.say("sesame", {"Hello": 0})
        time.sleep(0.2)
        reset(wire.sock)
        server.process.wait_for("cancelled .*known=1")
        assert statuses(server, 1) == [STALE]


def test_what_is_completed_after_the_deadline_is_stale(host, answering):
    with host.server(auth=auth("timer", delay="4s", keep=True)) as server, answering.to(
        server
    ) as wire:
        wire.say("sesame", {"Hello": 0})
        wire.expect_error("authentication timed out", timeout=10)
        assert statuses(server, 1) == [STALE]


def test_a_blocking_one_that_is_late_is_stale(host, answering):
    with host.server(auth=auth("blocking", sleep="1s", ticket=True)) as server, answering.to(
        server
    ) as wire:
        wire.say("sesame", {"Hello": 0})
        time.sleep(0.3)
        reset(wire.sock)
        assert statuses(server, 1) == [STALE]


def test_half_a_close_is_not_leaving(host, answering):
    """The client half-closes after its last frame and waits for the verdict."""
    with host.server(auth=auth("timer", delay="300ms")) as server, answering.to(server) as wire:
        wire.say("wrong")
        end_writing(wire.sock)
        assert wire.expect_error(DENIED) == "end"


@pytest.mark.parametrize("use", ["timer", "blocking"])
@pytest.mark.parametrize("on_error", ["deny", "next"])
def test_a_failure_is_denied_or_passed_on_as_configured(host, use, on_error, answering):
    chain = auth(use, verdict="fail", on_error=on_error) + auth("timer", name="second")
    with host.server(auth=chain) as server, answering.to(server) as wire:
        if on_error == "next":
            wire.tunnel("sesame")
        else:
            assert wire.say("sesame", {"Hello": 0}).expect_error(UNDECIDED) == "end"
        server.process.wait_for(
            rf'auth plugin could not decide plugin={use} status="its back-end failed '
            rf'\(SPORE_EBACKEND\)" then={on_error}'
        )


def test_a_chain_passes_on_from_one_late_verdict_to_the_next(host, answering):
    chain = [
        {"use": "timer", "answer": "sesame", "verdict": "next"},
        {"use": "blocking", "answer": "sesame", "verdict": "next"},
        {"use": "offload", "answer": "sesame"},
    ]
    with host.server(auth=chain) as server, answering.to(server) as wire:
        wire.tunnel("sesame")


def test_a_chain_that_only_passes_on_denies(host, answering):
    chain = auth("timer", verdict="next") + auth("blocking", verdict="next")
    with host.server(auth=chain) as server, answering.to(server) as wire:
        assert wire.say("sesame", {"Hello": 0}).expect_error(DENIED) == "end"


@pytest.mark.parametrize("how", ["return", "verdict"])
@pytest.mark.parametrize("component", ["wrong", "auth_wrong:blocking"])
@pytest.mark.parametrize("value", [0, 1, 2, 42, -1])
def test_only_a_verdict_lets_anybody_in(host, component, value, how, answering):
    """`return 1` and `return SPORE_OK` are errors, not a permission."""
    with host.server(auth=[{"use": component, "value": value, "how": how}]) as server:
        with answering.to(server) as wire:
            wire.say("anything", {"Hello": 0})
            assert wire.expect_error(UNDECIDED) == "end"
            if how == "verdict":
                assert statuses(server, 1) == [-4]


@pytest.mark.parametrize("component", ["wrong", "auth_wrong:blocking"])
@pytest.mark.parametrize("completed, returned", [(ALLOW, DENY), (DENY, ALLOW)])
def test_a_word_given_through_the_ticket_counts(host, component, completed, returned, answering):
    """The returned value after it does not matter."""
    with host.server(
        auth=[{"use": component, "value": completed, "how": "verdict", "then": returned}]
    ) as server:
        with answering.to(server) as wire:
            wire.say("anything", {"Hello": 0})
            if completed == ALLOW:
                assert list(wire.receive()) == ["Hello"]
            else:
                assert wire.expect_error(DENIED) == "end"


@pytest.mark.parametrize("component", ["wrong", "auth_wrong:blocking"])
@pytest.mark.parametrize("how", ["answer", "handshake"])
def test_a_ticket_is_for_one_kind_of_completion(host, component, how, answering):
    with host.server(auth=[{"use": component, "value": 0, "how": how}]) as server:
        with answering.to(server) as wire:
            wire.say("anything", {"Hello": 0})
            assert statuses(server, 1) == [-4]
            assert wire.expect_error("authentication timed out", timeout=10) == "end"


def exchanges(visitor, duration):
    """The duration of each exchange; one starts every millisecond."""
    times = []
    until = time.monotonic() + duration
    while time.monotonic() < until:
        begun = time.monotonic()
        visitor.sendall(b"ping")
        read_exactly(visitor, 4)
        times.append(time.monotonic() - begun)
        time.sleep(0.001)
    return times


def test_the_loop_goes_on_while_blocking_ones_sleep(host, answering):
    """More blocking verdicts than pool threads: the worker's relays and other verdicts do not
    wait."""
    sleep = 2.0
    chain = [
        {"use": "policy", "names": ["quick"]},
        *auth("blocking", sleep=f"{int(sleep * 1000)}ms"),
    ]
    with Echo() as service, host.server(auth=chain, workers=1) as server:
        quick = [{"use": "policy", "say": "quick"}]
        with host.client(server, service, auth=quick) as client, contextlib.ExitStack() as stack:
            visitor = stack.enter_context(connect(client.host, client.port))
            sleepers = [stack.enter_context(answering.to(server)) for _ in range(12)]
            assert exchanges(visitor, 0.1)
            for sleeper in sleepers:
                sleeper.say("sesame", {"Hello": 0})
            times = exchanges(visitor, sleep / 4)
            begun = time.monotonic()
            with answering.to(server) as other:
                other.tunnel("quick")
            times.append(time.monotonic() - begun)
            # An exchange that waited for a blocking verdict would take at least three quarters of
            # its sleep.
            assert max(times) < sleep / 2, f"an exchange took {max(times):.3f} s"
            assert statistics.median(times) < 0.01 * SLOW
        assert server.stop() == 0
    server.process.wait_for("at once plugin=blocking most=8")


def test_the_pool_of_an_instance_is_bounded(host, answering):
    """Many verdicts at once on few threads; they do not delay other work."""
    number = 24
    with host.server(auth=auth("blocking", sleep="200ms")) as server:
        before = threads(server.pid)
        wires = [answering.to(server).say("sesame", {"Hello": 0}) for _ in range(number)]
        try:
            for wire in wires:
                assert list(wire.receive_but_heartbeats(10)) == ["Hello"]
        finally:
            for wire in wires:
                wire.close()
        assert threads(server.pid) <= before + 8
    most = int(server.process.wait_for(r"at once plugin=blocking most=(\d+)").group(1))
    assert 2 <= most <= 8


def test_facts_reach_a_blocking_one_as_a_copy(host, answering):
    with Echo() as service, host.server(
        auth=auth("blocking", fact="xor.key"), transport=[{"use": "xor", "key": 77}]
    ) as server:
        with host.client(
            server, service, auth=auth("timer"), transport=[{"use": "xor", "key": 77}]
        ) as client:
            assert one_exchange(client.host, client.port) == b"ping"
            server.process.wait_for("fact plugin=blocking value=77")


def test_shutdown_waits_for_a_blocking_verdict(host, answering):
    """The job runs when TERM arrives; the process soon ends cleanly."""
    with host.server(auth=auth("blocking", sleep="700ms")) as server, answering.to(server) as wire:
        wire.say("sesame", {"Hello": 0})
        time.sleep(0.3)
        assert server.stop() == 0
        server.process.wait_for("at once plugin=blocking most=1")


def test_shutdown_gives_up_on_one_that_hangs(host, answering):
    with host.server(auth=auth("blocking", sleep="8s")) as server, answering.to(server) as wire:
        wire.say("sesame", {"Hello": 0})
        time.sleep(0.3)
        begun = time.monotonic()
        assert server.stop() == 1
        assert time.monotonic() - begun < seconds(6)
        server.process.wait_for("plugin still busy plugin=blocking")


@pytest.mark.parametrize(
    "entry",
    [auth("timer", never=True), auth("timer", delay="30s"), auth("offload", sleep="1s")],
    ids=["never", "timer", "offload"],
)
def test_shutdown_with_a_verdict_on_its_way(host, entry, answering):
    with host.server(auth=entry) as server, answering.to(server) as wire:
        wire.say("sesame", {"Hello": 0})
        time.sleep(0.3)
        assert server.stop() == 0
        assert port_is_free(*server.control)


def test_a_client_whose_plugin_never_answers_says_so(host):
    with Echo() as service, host.server(auth=auth("timer")) as server:
        client = host.client(server, service, auth=auth("timer", never=True), listening=False)
        with client.process:
            assert client.wait(15) == 1
            client.process.wait_for("no answer to the server.s Challenge from auth plugin timer")


def test_a_client_whose_plugin_cannot_answer_says_so(host):
    with Echo() as service, host.server(auth=auth("timer")) as server:
        client = host.client(server, service, auth=[{"use": "policy"}], listening=False)
        with client.process:
            assert client.wait(15) == 1
            client.process.wait_for(
                "cannot answer the server's challenge: auth plugin [a-z_]+ failed"
            )


@pytest.mark.parametrize(
    "said",
    ['with "quotes" and \\', "f\u00fcnf \u4e94 \U0001f30d", "x" * 232, "/a b/\x01"],
    ids=["quotes", "utf-8", "longest", "control"],
)
def test_an_answer_arrives_as_it_was_said(host, said):
    """The server's plugin gets exactly the answer of the client's plugin."""
    entry = [{"use": "timer", "answer": said}]
    with Echo() as service, host.server(auth=entry) as server, host.client(
        server, service, auth=entry
    ) as client:
        assert one_exchange(client.host, client.port) == b"ping"


@pytest.mark.parametrize("delay", ["0s", "50ms"])
def test_a_thread_of_its_own_may_decide(host, delay, answering):
    number = count(30, least=10)
    with host.server(auth=auth("thread", delay=delay), log={"level": "debug"}, workers=4) as server:
        wires = [
            answering.to(server).say("sesame" if i % 2 else "wrong", {"Hello": 0})
            for i in range(number)
        ]
        try:
            for index, wire in enumerate(wires):
                message = wire.receive_but_heartbeats(10)
                assert list(message) == (["Hello"] if index % 2 else ["Error"]), message
        finally:
            for wire in wires:
                wire.close()
        assert server.stop() == 0
    assert not any("completed twice" in line for line in server.process.stderr)


def test_a_thread_of_its_own_may_outlive_what_it_decides_about(host, answering):
    """The thread completes and logs until destroy(), while the host shuts down."""
    for _ in range(count(8, least=3)):
        with host.server(
            auth=auth("thread", delay="150ms"), log={"level": "debug"}, workers=2
        ) as server:
            with answering.to(server) as one, answering.to(server) as two:
                one.say("sesame", {"Hello": 0})
                two.say("sesame", {"Hello": 0})
                time.sleep(0.13)
                assert server.stop() == 0
