"""Bad arguments to the host: each is an error that names the plugin, and harms nobody else."""

import re
import time

import pytest

from harness.admin import Admin
from harness.metrics import Exporter
from harness.services import Echo
from harness.visitors import one_exchange

UNDECIDED = "authentication is not available"
BAD = "plugin passed a bad argument"

# What the plugin passes wrongly until its workers have started.
CALLS = {
    "get_extension": ["id is NULL"],
    "visit": ["the visitor is NULL, or lacks begin or value"],
    "explain": ["text is NULL"],
    "log": ["fields is NULL"],
    "random": ["buf is NULL", "len is above INT_MAX"],
    "worker_index": ["worker is NULL"],
    "sha256": ["data is NULL", "the output is NULL"],
    "hmac_sha256": ["key is NULL"],
    "equal": ["a or b is NULL"],
    "cfg_parse": ["ctx, out or the text is NULL"],
    "state_put": ["ctx, key or bytes is NULL", "key: not 1 to 63 bytes"],
    "state_get": ["ctx, key or out is NULL"],
    "file_watch": ["ctx or path is NULL, or path is empty", "called outside of create()"],
    "state_show": ["ctx or text is NULL"],
    "cfg_get": ["key is NULL"],
    "listener_get": [
        "ctx, address or fd_out is NULL",
        "address is not an IP address",
        "called outside of create()",
    ],
    "metric_family": ["ctx or spec is NULL"],
    "metric_series": [
        "values is NULL",
        "a value is NULL with a length",
        "a value is longer than 1024 bytes",
        "unknown family, or another number of values",
    ],
    "metric_add": ["unknown series, or of another type"],
    "metric_set": ["unknown series, or of another type"],
    "metric_observe": ["unknown series, or of another type"],
    "auth_revalidate": [
        "verdict: neither SPORE_ALLOW nor SPORE_DENY",
        "identity: NULL with a length",
        "identity: a control character, or not UTF-8",
        "struct_size: less than that of ABI 1.0",
    ],
    "auth_revalidate_session": [
        "verdict: neither SPORE_ALLOW nor SPORE_DENY",
        "struct_size: less than that of ABI 1.0",
    ],
    "timer_start": [
        "the callback is NULL",
        "out is NULL",
        "after_ms is negative",
        "repeat_ms is negative",
        "the calling thread is not that of the worker",
    ],
    "timer_update": [
        "after_ms is negative",
        "the handle is stale: it was stopped before",
    ],
    "timer_stop": ["the handle is stale: it was stopped before"],
    "io_start": [
        "fd is not open",
        "events has unknown bits",
        "the callback is NULL",
        "out is NULL",
        "fd cannot be watched: it is a regular file, a folder or the like",
        "the calling thread is not that of the worker",
    ],
    "io_update": [
        "events has unknown bits",
        "fd was closed before io_stop",
        "the handle is stale: it was stopped before",
    ],
    "io_stop": [
        "the handle is of another kind",
        "fd was closed before io_stop",
        "the handle is stale: it was stopped before",
    ],
    "post": ["fn is NULL"],
    "offload": ["work or on_done is NULL"],
    "resolve": [
        "name is NULL or empty",
        "name is longer than 255 bytes",
        "the callback is NULL",
        "out is NULL",
        "the calling thread is not that of the worker",
    ],
    "resolve_stop": ["the handle is of another kind"],
}

# The argument that the log names for each result of verify().
RESULTS = {
    "size": "struct_size: less than that of ABI 1.0",
    "older": "struct_size: less than that of ABI 1.0",
    "all_bits": "fields: an unknown bit",
    "life": "life_ms: negative",
    "no_bit": "max_conns: not 0, but fields lacks SPORE_AUTH_F_MAX_CONNS",
    "no_rate": "rate_up: expected a value above 0 together with SPORE_AUTH_F_RATE_UP",
    "no_ports": "ports: NULL with a count",
    "inverted": "ports: a range ends before it begins",
    "port_0": "ports: a range begins with port 0",
    "many_ports": "ports: more than SPORE_AUTH_PORTS_MAX ranges",
    "identity_null": "identity: NULL with a length",
    "identity_long": "identity: longer than SPORE_IDENTITY_MAX",
    "identity_bytes": "identity: a control character, or not UTF-8",
    "identity_nul": "identity: a control character, or not UTF-8",
    "reason_null": "reason: NULL with a length",
    "identity=two\nlines": "identity: a control character, or not UTF-8",
    "identity=\x1b[31m": "identity: a control character, or not UTF-8",
    "identity=\u0085": "identity: a control character, or not UTF-8",
}

IDENTITIES = {
    "quotes": "a \"b\" 'c' {d} \\e",
    "separators": "a=b,c;d|e#f:g@h/i",
    "letters": "\u00c4rger \u20ac \U0001f344",
    "long": "x" * 222,
}


def arguments(**options):
    return [{"use": "arguments", "name": "careless", **options}]


def accepted(process):
    return [line for line in process.stderr if "argument accepted" in line]


def named(process, plugin="careless"):
    """The arguments that the log names, by function."""
    found = {}
    pattern = rf'warn  {BAD} plugin={plugin} call=(\w+) argument="(.*)" withheld='
    for line in process.stderr:
        if match := re.search(pattern, line):
            found.setdefault(match[1], []).append(match[2])
    return found


def test_every_function_refuses_bad_arguments(host, answering):
    with host.server(auth=arguments(), workers=2) as server:
        server.process.wait_for("arguments done .*worker=", times=2)
        with answering.to(server) as wire:
            wire.tunnel("good")
        assert server.stop() == 0
    found = named(server.process)
    assert accepted(server.process) == []
    for call, texts in CALLS.items():
        assert set(texts) <= set(found.get(call, [])), f"{call}: {found.get(call)}"
    for call in ("verify", "answer", "handshake", "start"):
        assert found[f"complete_{call}"], call
    assert {"conn_attr", "conn_set_peer", "conn_wake"} <= set(found)


def test_each_mistake_is_logged_once_in_ten_seconds(host, answering):
    begun = time.monotonic()
    with host.server(auth=arguments(), workers=4) as server:
        server.process.wait_for("arguments done .*worker=", times=4)
        for _ in range(20):
            with answering.to(server) as wire:
                wire.tunnel("good")
        most = 1 + (time.monotonic() - begun) // 10
        for call, texts in named(server.process).items():
            assert all(texts.count(text) <= most for text in texts), call


def test_leaks_and_closed_descriptors_are_found_at_the_end(host):
    """Until then the server uses the closed descriptor's number for its own connections."""
    say = [{"use": "policy", "say": "good"}]
    with Echo() as service, host.server(auth=arguments(leak=True), workers=1) as server:
        server.process.wait_for("arguments done .*worker=")
        with host.client(server, service, auth=say) as client:
            for _ in range(5):
                assert one_exchange(client.host, client.port, b"x" * 5000) == b"x" * 5000
        assert server.stop() == 0
    assert accepted(server.process) == []
    assert any(
        "leaked timers" in line and "plugin=careless" in line and "count=2" in line
        for line in server.process.stderr
    )


def test_timers_that_are_always_due_starve_nobody(host):
    say = [{"use": "policy", "say": "good"}]
    with Echo() as service, host.server(auth=arguments(storm=True), workers=1) as server:
        with host.client(server, service, auth=say) as client:
            for _ in range(5):
                assert one_exchange(client.host, client.port, b"x" * 5000) == b"x" * 5000
        assert server.stop() == 0
    assert accepted(server.process) == []
    assert "repeat_ms is negative" in named(server.process)["timer_start"]


def test_a_wrong_result_refuses_that_client_alone(host, answering):
    """At once, not at the deadline."""
    with host.server(auth=arguments()) as server:
        with answering.to(server) as other:
            other.tunnel("good")
            for name, argument in RESULTS.items():
                with answering.to(server) as wire:
                    wire.say(name, {"Hello": 0})
                    assert wire.expect_error(UNDECIDED, timeout=2.5) == "end", name
                server.process.wait_for(
                    rf"{BAD} plugin=careless call=complete_verify .*{re.escape(argument)}"
                )
            with answering.to(server) as wire:
                wire.tunnel("newer")
            other.send("Heartbeat")
        server.process.wait_for(
            r"auth plugin could not decide plugin=careless .*SPORE_EINVAL.* then=deny"
        )
        assert accepted(server.process) == []


def test_a_wrong_result_is_an_error_of_the_chain(host, answering):
    chain = [{**arguments()[0], "on_error": "next"}, {"use": "policy", "names": ["inverted"]}]
    with host.server(auth=chain) as server, answering.to(server) as wire:
        wire.tunnel("inverted")
        server.process.wait_for(r"new client .*identity=inverted")


@pytest.mark.parametrize("name", IDENTITIES)
def test_every_valid_identity_is_shown(host, address, tmp_path, answering, name):
    """In the log, in ctl, and in the metrics."""
    identity = IDENTITIES[name]
    admin = Admin(tmp_path / "admin.sock")
    port = address.free_port()
    metrics = [{"use": "prometheus", "listen": f"{address.host}:{port}"}]
    with host.server(
        auth=arguments(), admin={"socket": admin.path}, metrics=metrics
    ) as server, answering.to(server) as wire:
        wire.tunnel(f"identity={identity}")
        server.process.wait_for("new client .*identity=")
        (tunnel,) = admin.ask("tunnels")["tunnels"]
        assert tunnel["identity"] == identity
        samples = Exporter(address.host, port).page().samples
        shown = {labels.get("identity", "") for _, labels, _ in samples}
        assert identity in {text.replace('\\"', '"').replace("\\\\", "\\") for text in shown}
