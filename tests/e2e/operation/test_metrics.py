"""Metrics over HTTP: the pages, their values, and clients that cannot starve others."""

import contextlib
import socket
import time

import pytest

from harness.loopback import port_is_free
from harness.metrics import Exporter
from harness.peers import spore_binary, spore_client, spore_server
from harness.process import run
from harness.scale import seconds
from harness.services import Echo
from harness.sockets import connect, how_it_ends, read_exactly
from harness.visitors import one_exchange
from harness.waiting import wait_until
from harness.wire import Tunnel, Wire

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8"
MAX_OF_SOURCE, DEADLINE_S = 8, 10


@contextlib.contextmanager
def serving(tmp_path, address, **options):
    """A server and its exporter on the address of the test."""
    port = address.free_port()
    path = tmp_path / "metrics.json"
    path.write_text(f'{{"metrics": [{{"use": "prometheus", "listen": "{address.host}:{port}"}}]}}')
    with spore_server(address, extra=["--config", str(path)], **options) as server:
        yield server, Exporter(address.host, port)


@pytest.fixture
def scene(tmp_path, address):
    with serving(tmp_path, address) as both:
        yield both


def send(exporter, data, source=None):
    sock = socket.create_connection(
        (exporter.host, exporter.port),
        timeout=seconds(5),
        source_address=(source, 0) if source else None,
    )
    sock.sendall(data)
    return sock


# ---- what is served


def test_the_predecessors_names_are_there(scene):
    page = scene[1].page()
    for name in (
        "connections_incoming",
        "connections_accepted",
        "connections_stale",
        "bytes_proxied",
    ):
        assert page.value(f"spore_{name}_total") == 0
        assert page.types[f"spore_{name}_total"] == "counter"
    assert page.value("spore_accept_latency_ms_sum") == 0
    assert page.value("spore_accept_latency_ms_count") == 0
    assert page.types["spore_accept_latency_ms"] == "summary"


def test_accept_chooses_the_format(scene):
    status, headers, text = scene[1].get()
    assert (status, headers["content-type"]) == (200, TEXT)
    assert "# EOF" not in text
    status, headers, text = scene[1].get(
        headers={"Accept": "application/openmetrics-text;version=1.0.0"}
    )
    assert (status, headers["content-type"]) == (200, OPEN)
    assert text.endswith("\n# EOF\n")
    assert "# TYPE spore_connections_incoming counter\nspore_connections_incoming_total 0\n" in text
    assert "# UNIT spore_connection_setup_seconds seconds\n" in text


def test_histograms_are_whole(scene, address):
    server, exporter = scene
    with Echo() as service, spore_client(server.control, service.port) as client:
        for _ in range(3):
            assert one_exchange(client.host, client.port) == b"ping"
        page = exporter.page()
    histograms = [name for name, kind in page.types.items() if kind == "histogram"]
    assert "spore_connection_setup_seconds" in histograms
    for name in histograms:
        assert page.find(f"{name}_count") == page.find(f"{name}_bucket", le="+Inf")
    buckets = page.find("spore_connection_setup_seconds_bucket")
    assert buckets == sorted(buckets)
    assert page.value("spore_connection_setup_seconds_count") == 3


def test_other_paths_and_methods(scene):
    exporter = scene[1]
    assert exporter.get("/healthz")[0] == 200
    assert exporter.get("/readyz")[0] == 200
    for path in ("/", "/metrics/", "/metric", "/METRICS", "/metrics%20", "//metrics"):
        assert exporter.get(path)[0] == 404, path
    for method in ("POST", "PUT", "DELETE", "HEAD", "OPTIONS", "BREW"):
        status, headers, _ = exporter.get(method=method)
        assert (status, headers["allow"]) == (405, "GET"), method
    assert exporter.get("/metrics?name=x")[0] == 200


def test_readiness_ends_with_the_drain(scene):
    server, exporter = scene
    with Echo() as service, spore_client(server.control, service.port) as client:
        with connect(client.host, client.port) as visitor:
            visitor.sendall(b"stay")
            assert visitor.recv(4) == b"stay"
            server.process.terminate()
            server.process.wait_for("draining")
            wait_until(lambda: exporter.get("/readyz")[0] == 503, "not ready while it drains")
            assert "the server drains" in exporter.get("/readyz")[2]
            assert exporter.get("/healthz")[0] == 200
            assert exporter.value("spore_relays") == 1
        assert server.stop() == 0


def test_a_client_that_drains_leaves_its_address_to_the_next(scene, address):
    server = scene[0]
    metrics = address.free_port()
    extra = [f"--metrics-port={metrics}"]
    exporter = Exporter("127.0.0.1", metrics)
    with Echo() as service, spore_client(server.control, service.port, extra=extra) as old:
        with connect(old.host, old.port) as visitor:
            visitor.sendall(b"stay")
            assert visitor.recv(4) == b"stay"
            old.process.terminate()
            old.process.wait_for("draining")
            with spore_client(server.control, service.port, extra=extra):
                assert exporter.get("/readyz")[0] == 200
                assert exporter.value("spore_relays") == 0
                visitor.sendall(b"still")
                assert read_exactly(visitor, 5) == b"still"
        assert old.stop() == 0


# ---- the values


def test_bytes_count_by_direction(scene):
    server, exporter = scene
    with Tunnel(server) as tunnel:
        visitor, client = tunnel.join()
        with visitor, client:
            visitor.sendall(b"x" * 1000)
            client.sendall(b"y" * 10)
            assert read_exactly(client, 1000) and read_exactly(visitor, 10)
            # They are counted while the relay still runs.
            wait_until(
                lambda: exporter.value("spore_bytes_proxied_total") == 1010,
                "the bytes of a running relay",
            )
            page = exporter.page()
            assert page.value("spore_relays") == 1
            assert page.value("spore_tunnel_up_bytes_total", identity="") == 1000
            assert page.value("spore_tunnel_down_bytes_total", identity="") == 10
        wait_until(lambda: exporter.value("spore_relays") == 0, "the relay's end")
        assert exporter.value("spore_bytes_proxied_total") == 1010


def test_waiting_visitors_are_counted(scene):
    server, exporter = scene
    with Tunnel(server) as tunnel:
        with tunnel.visit(), tunnel.visit():
            identity = tunnel.wire.connection()
            tunnel.wire.connection()
            page = exporter.page()
            assert page.value("spore_connections_pending") == 2
            assert page.value("spore_connections_incoming_total") == 2
            assert page.value("spore_connections_accepted_total") == 0
            with tunnel.accept(identity):
                wait_until(
                    lambda: exporter.value("spore_connections_pending") == 1, "one to be taken"
                )
                page = exporter.page()
                assert page.value("spore_connections_accepted_total") == 1
                assert page.value("spore_accept_latency_ms_count") == 1
                assert page.value("spore_accept_latency_ms_sum") > 0


def test_tunnels_are_counted(scene):
    server, exporter = scene
    with Tunnel(server), Tunnel(server):
        page = exporter.page()
        assert page.value("spore_tunnels") == 2
        assert page.value("spore_control_connections_total") == 2
    wait_until(lambda: exporter.value("spore_tunnels") == 0, "the tunnels to go")
    assert exporter.value("spore_tunnels_opened_total") == 2


def test_refusals_count_by_reason(tmp_path, address):
    with serving(tmp_path, address, secret="s3cret", min_port=20000, max_port=20009) as (
        server,
        exporter,
    ):

        def refused(reason):
            return exporter.value("spore_refusals_total", at="control", reason=reason)

        for secret, behind, reason in [
            ("wrong", {"Hello": 0}, "wrong_secret"),
            ("s3cret", {"Hello": 1}, "port_not_allowed"),
            ("s3cret", {"Accept": "00000000-0000-4000-8000-000000000000"}, "unknown_connection"),
        ]:
            with Wire.connect(server.control) as wire:
                wire.authenticate(secret)
                wire.send(behind)
                wait_until(lambda: refused(reason) == 1, reason)
        with Wire.connect(server.control) as wire:
            wire.receive()
            wire.send({"Hello": 0})
            wait_until(lambda: refused("no_secret") == 1, "no_secret")
        with Wire.connect(server.control) as wire:
            wire.receive()
            wire.send_bytes(b"nonsense\0")
            wait_until(lambda: refused("bad_frame") == 1, "bad_frame")
        page = exporter.page()
        assert sum(page.find("spore_refusals_total")) == 5
        # hmac passes a wrong answer to the next instance, which does not exist here. The third
        # refusal was an Accept without a tunnel, which the chain judges like a Hello.
        assert page.value("spore_auth_verdicts_total", plugin="hmac", verdict="next") == 1
        assert page.value("spore_auth_verdicts_total", plugin="hmac", verdict="allow") == 2
        assert page.value("spore_auth_verdict_seconds_count", plugin="hmac") == 3
        assert page.value("spore_plugin_call_seconds_count", plugin="hmac", call="verify") == 3


def test_the_process_tells_of_itself(tmp_path, address):
    with serving(tmp_path, address, secret="s3cret") as (server, exporter):
        with Tunnel(server):
            page = exporter.page()
        assert page.value("spore_build_info") == 1
        assert page.find(
            "spore_config_info", role="server", transport="plain", auth="hmac", metrics="prometheus"
        )
        assert abs(page.value("spore_start_time_seconds") - time.time()) < seconds(60)
        assert page.value("spore_max_descriptors") >= page.value("spore_open_descriptors") > 5
        assert page.value("spore_resident_memory_bytes") > 1e6
        assert page.value("spore_cpu_seconds_total") > 0
        assert page.value("spore_log_dropped_lines_total") == 0
        assert page.value("spore_workers") >= 1
        # Neither an address nor a secret.
        assert address.host not in page.text and "127." not in page.text
        assert "s3cret" not in page.text


def test_a_client_counts_too(tmp_path, start_server, address):
    port = address.free_port()
    path = tmp_path / "client.json"
    path.write_text(f'{{"metrics": [{{"use": "prometheus", "listen": "{address.host}:{port}"}}]}}')
    exporter = Exporter(address.host, port)
    with Echo() as service, start_server() as server:
        with spore_client(server.control, service.port, extra=["--config", str(path)]) as client:
            assert exporter.get("/readyz")[0] == 200
            with connect(client.host, client.port) as visitor:
                visitor.sendall(b"ping")
                assert visitor.recv(4) == b"ping"
                page = exporter.page()
                assert page.value("spore_tunnels") == 1
                assert page.value("spore_relays") == 1
                assert page.value("spore_client_visitors_total") == 1
                assert page.find("spore_config_info", role="client")
            wait_until(lambda: exporter.value("spore_relays") == 0, "the relay's end")
            assert sum(exporter.page().find("spore_client_failures_total")) == 0
            server.stop()
            wait_until(
                lambda: exporter.value("spore_client_losses_total") >= 1,
                "the tunnel's loss to count",
            )
            assert exporter.get("/readyz")[0] == 503
            assert exporter.value("spore_tunnels") == 0


def test_a_service_that_is_not_there_counts(tmp_path, start_server, address):
    port = address.free_port()
    path = tmp_path / "client.json"
    path.write_text(f'{{"metrics": [{{"use": "prometheus", "listen": "{address.host}:{port}"}}]}}')
    with start_server() as server:
        with spore_client(
            server.control, address.free_port(), extra=["--config", str(path)]
        ) as client:
            assert one_exchange(client.host, client.port) == b""
            assert (
                Exporter(address.host, port).value("spore_client_failures_total", reason="service")
                == 1
            )


# ---- clients cannot starve others


def assert_scrapes(exporter, **options):
    page = exporter.page(timeout=5, **options)
    assert page.value("spore_workers") >= 1


def test_idle_and_slow_ones_do_not_starve_a_scrape(scene):
    exporter = scene[1]
    with contextlib.ExitStack() as stack:
        slow = [
            stack.enter_context(send(exporter, b"GET /metr" if i % 2 else b"")) for i in range(60)
        ]
        # A scrape from the same address as the idle ones.
        for turn in range(20):
            for sock in slow[1::2]:
                with contextlib.suppress(OSError):
                    sock.sendall(b"i")
            assert_scrapes(exporter)
        # Idle ones from many other addresses.
        for i in range(200):
            stack.enter_context(
                send(exporter, b"GET /metrics HTTP/1.1\r\nX: ", source=f"127.0.7.{i + 1}")
            )
        for turn in range(5):
            assert_scrapes(exporter)
            assert_scrapes(exporter, source="127.0.8.1")


def count_open(socks):
    """The number of connections that the exporter has not closed."""
    alive = 0
    for sock in socks:
        sock.setblocking(False)
        try:
            alive += sock.recv(1) != b""
        except BlockingIOError:
            alive += 1
        except OSError:
            pass
    return alive


def test_a_source_holds_a_bounded_number(scene):
    exporter = scene[1]
    with contextlib.ExitStack() as stack:
        other = stack.enter_context(send(exporter, b"GET ", source="127.0.7.2"))
        socks = [
            stack.enter_context(send(exporter, b"GET ", source="127.0.7.1")) for _ in range(50)
        ]
        wait_until(lambda: count_open(socks) <= MAX_OF_SOURCE, "the oldest to be closed")
        assert count_open(socks[-MAX_OF_SOURCE:]) == MAX_OF_SOURCE
        # A source with few connections is not affected, and gets an answer to its request.
        assert count_open([other]) == 1
        other.settimeout(seconds(5))
        other.sendall(b"/healthz HTTP/1.0\r\n\r\n")
        assert b" 200 OK\r\n" in how_it_ends(other)[0]


@pytest.mark.timeout(60)
def test_nobody_stays_past_the_deadline(scene):
    exporter = scene[1]
    with contextlib.ExitStack() as stack:
        began = time.monotonic()
        idle = stack.enter_context(send(exporter, b""))
        dripping = stack.enter_context(send(exporter, b"GET /metrics HTTP/1.1\r\nX: "))
        done = stack.enter_context(send(exporter, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"))
        # The exporter closes after an answer, so clients cannot keep connections open.
        assert b" 200 OK\r\n" in how_it_ends(done)[0]
        while count_open([idle, dripping]):
            assert time.monotonic() - began < seconds(DEADLINE_S + 10)
            with contextlib.suppress(OSError):
                dripping.sendall(b"x")
            time.sleep(0.25)
        assert time.monotonic() - began > DEADLINE_S - 1
        assert_scrapes(exporter)


@pytest.mark.parametrize(
    "request_head",
    [
        b"GET /metrics HTTP/1.1\r\n" + b"X-Padding: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"m" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\n" + b"".join(b"X%d: y\r\n" % i for i in range(20_000)) + b"\r\n",
        b"\0" * 100_000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 4,
    ],
    ids=["field", "path", "fields", "zeros", "tls"],
)
def test_a_huge_or_strange_request_gets_nothing(scene, request_head):
    exporter = scene[1]
    with send(exporter, b"") as sock:
        with contextlib.suppress(OSError):
            sock.sendall(request_head)
            sock.shutdown(socket.SHUT_WR)
        said, _ = how_it_ends(sock, timeout=DEADLINE_S + 5)
        assert b"spore_workers" not in said
        assert said == b"" or said.startswith(b"HTTP/1.1 4"), said[:100]
    assert_scrapes(exporter)


def test_a_body_is_not_waited_for(scene):
    exporter = scene[1]
    with send(
        exporter, b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n"
    ) as sock:
        assert sock.recv(65536).startswith(b"HTTP/1.1 405 ")
    with send(
        exporter, b"GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    ) as sock:
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert_scrapes(exporter)


# ---- where it is served


@pytest.mark.parametrize("way", ["flag", "variable", "flat key"])
def test_a_port_is_enough(tmp_path, address, way):
    port = next(port for port in iter(address.free_port, None) if port_is_free("127.0.0.1", port))
    extra, env = [], None
    if way == "flag":
        extra = ["--metrics-port", str(port)]
    elif way == "variable":
        env = {"SPORE_METRICS_PORT": str(port)}
    else:
        path = tmp_path / "flat.json"
        path.write_text(f'{{"metrics_port": {port}}}')
        extra = ["--config", str(path)]
    with spore_server(address, extra=extra, env=env):
        # Only this machine can reach it.
        assert Exporter("127.0.0.1", port).value("spore_tunnels") == 0
        with pytest.raises(OSError):
            Exporter(address.host, port).get()


def test_a_flag_goes_before_the_file(tmp_path, address):
    port, other = address.free_port(), address.free_port()
    path = tmp_path / "metrics.json"
    path.write_text(f'{{"metrics": [{{"use": "prometheus", "listen": "{address.host}:{other}"}}]}}')
    with spore_server(address, extra=["--config", str(path), "--metrics-port", str(port)]):
        assert Exporter(address.host, port).value("spore_tunnels") == 0


@pytest.mark.parametrize("way", ["flag", "file"])
def test_a_port_that_is_taken_is_a_mistake(tmp_path, address, way):
    with socket.create_server((address.host if way == "file" else "127.0.0.1", 0)) as taken:
        host, port = taken.getsockname()
        path = tmp_path / "metrics.json"
        path.write_text(f'{{"metrics": [\n{{"use": "prometheus", "listen": "{host}:{port}"}}]}}')
        where = ["--metrics-port", str(port)] if way == "flag" else ["--config", str(path)]
        process = run(
            [
                spore_binary(),
                "server",
                "--bind-addr",
                address.host,
                "--control-port",
                str(address.free_port()),
                *where,
            ]
        )
    assert process.status == 1
    said = "\n".join(process.stderr)
    assert f"cannot serve metrics at {host}:{port}: Address already in use" in said
    assert ("--metrics-port" if way == "flag" else f"{path}:2:") in said


def test_a_wrong_port_is_a_mistake(address):
    process = run(
        [spore_binary(), "server", "--bind-addr", address.host, "--metrics-port", "70000"]
    )
    assert process.status != 0
    assert any("expected a port from 1 to 65535" in line for line in process.stderr), process.log()
