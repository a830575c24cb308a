"""The control port behind a proxy that tells the client's address: whom the server believes, and
what depends on that address."""

import pytest

from harness import fronts
from harness.loopback import Loopback
from harness.metrics import Exporter
from harness.peers import configured_server, spore_binary
from harness.process import run
from harness.sockets import connect, how_it_ends, reset
from harness.wire import Wire

PROXY = "127.0.0.1"  # where the tests connect from
CLIENT, OTHER = "192.0.2.7", "2001:db8::7"
SECRET = "s3cret"


@pytest.fixture
def exporter(address):
    return Exporter(address.host, address.free_port())


@pytest.fixture
def serve(address, tmp_path, exporter):
    """Starts a server that trusts PROXY. `above` are the transports above."""

    def start(above=(), timeout="2s", **sections):
        entry = {"use": "proxy", "trusted": [PROXY, "2001:db8:1::/48"], "timeout": timeout}
        metrics = [{"use": "prometheus", "listen": f"{exporter.host}:{exporter.port}"}]
        sections = {
            "transport": [entry, *above],
            "auth": [{"use": "hmac", "secret": SECRET}],
            "metrics": metrics,
            **sections,
        }
        return configured_server(address, tmp_path, **sections)

    return start


def send(server, header, source=None):
    """A connection that begins with these bytes."""
    sock = connect(*server.control, source=source)
    sock.sendall(header)
    return sock


def log_in(server, header, secret=SECRET):
    """What the server replies to a client behind this header."""
    with Wire(send(server, header)) as wire:
        wire.authenticate(secret)
        wire.send({"Hello": 0})
        return wire.receive()


@pytest.mark.parametrize("header", [fronts.line, fronts.binary], ids=["v1", "v2"])
@pytest.mark.parametrize("client", [CLIENT, OTHER])
def test_the_client_is_the_one_in_the_header(serve, header, client):
    with serve() as server:
        with Wire(send(server, header(client, port=4711))) as wire:
            wire.authenticate(SECRET)
            assert wire.hello() > 0
            shown = fronts.text((client, 4711)).replace("[", r"\[").replace("]", r"\]")
            server.process.wait_for(rf"new client peer={shown} via={PROXY}:\d+ ")


def test_a_header_may_come_byte_by_byte(serve):
    """And what follows it at once, or late, belongs to the client."""
    with serve() as server:
        for header in (fronts.line(CLIENT), fronts.binary(CLIENT)):
            with Wire(connect(*server.control)) as wire:
                for byte in header:
                    wire.send_bytes(bytes([byte]))
                wire.authenticate(SECRET)
                assert wire.hello() > 0


def test_nobody_else_may_claim_an_address(serve, exporter):
    """A header from outside of the trusted prefixes, or none from inside, is refused at once."""
    with serve() as server, Loopback() as liar:
        with send(server, fronts.line(CLIENT), source=liar.host) as sock:
            assert how_it_ends(sock)[0] == b""
        server.process.wait_for(
            rf"connection refused peer={liar.host}:\d+ reason=\"expected a connection from a "
            r"trusted proxy: the address is in no prefix of \\\"trusted\\\"\""
        )
        with send(server, b'{"Hello":0}\0') as sock:
            assert how_it_ends(sock)[0] == b""
        server.process.wait_for(
            rf"connection refused peer={PROXY}:\d+ reason=\"expected a PROXY header, found: "
            r"{\\\"Hello\\\":0}\""
        )
        assert exporter.value("spore_refusals_total", reason="handshake", at="control") == 2
        for reason in ("untrusted", "missing"):
            assert exporter.value("spore_proxy_refusals_total", reason=reason) == 1


WRONG = {
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03": (
        "missing",
        "expected a PROXY header, found: 0x160301020001",
    ),
    b"GET /\x1b[2J HTTP/1.1\r\n\r\n": ("missing", "expected a PROXY header, found: GET /"),
    b"PROXY TCP4 192.0.2.7 127.0.0.1 65536 80\r\n": (
        "malformed",
        "as the source port, found 65536",
    ),
    b"PROXY TCP4 192.0.2.7 127.0.0.1 08 80\r\n": ("malformed", "as the source port, found 08"),
    b"PROXY TCP4 192.0.2.7\n127.0.0.1 8 80\r\n": ("malformed", "expected CR LF at the end"),
    b"PROXY UNKNOWN " + b"x" * 100: ("too_long", "expected CR LF within 107 bytes, found none"),
    fronts.SIGNATURE
    + b"\x11\x11\0\x0c"
    + bytes(12): ("malformed", "expected the version 2, found 1"),
    fronts.SIGNATURE + b"\x21\x41\0\x0c" + bytes(12): ("malformed", "family .* found 0x41"),
    fronts.SIGNATURE
    + b"\x21\x21\0\x0c"
    + bytes(12): ("malformed", "at least 36 for IPv6, found 12"),
    fronts.SIGNATURE + b"\x21\x11\xff\xff" + bytes(99): ("too_long", "expected at most 4096 bytes"),
    fronts.binary(CLIENT, values=b"\3\0\4abcd"): ("checksum", "found 0x61626364"),
    fronts.binary(CLIENT, values=b"\2\0\4abc"): ("malformed", "beyond the end of the header"),
}


@pytest.mark.parametrize("half", [0, 1])
def test_each_wrong_header_is_refused_with_its_reason(serve, exporter, half):
    """In two halves, since the log has ten such lines a minute."""
    wrong = dict(list(WRONG.items())[half::2])
    with serve() as server:
        for header in wrong:
            with send(server, header) as sock:
                assert how_it_ends(sock)[0] == b""
        for _, text in wrong.values():
            server.process.wait_for(rf"warn +connection refused peer={PROXY}:\d+ reason=\".*{text}")
        found = [reason for reason, _ in wrong.values()]
        for reason in set(found):
            count = exporter.value("spore_proxy_refusals_total", reason=reason)
            assert count == found.count(reason), reason


def test_half_a_header_meets_its_deadline(serve, exporter):
    with serve(timeout="300ms") as server:
        for part in (fronts.line(CLIENT)[:20], fronts.binary(CLIENT)[:20], b""):
            with send(server, part) as sock:
                assert how_it_ends(sock)[0] == b""
            server.process.wait_for(
                rf"reason=\"expected the whole PROXY header within 300 ms, found {len(part)} bytes"
            )
        assert exporter.value("spore_proxy_refusals_total", reason="late") == 3


def test_a_header_that_is_cut_off(serve, exporter):
    with serve() as server:
        send(server, fronts.line(CLIENT)[:20]).close()
        server.process.wait_for(
            "the proxy closed the connection after 20 bytes of the PROXY header"
        )
        assert exporter.value("spore_proxy_refusals_total", reason="ended") == 1


@pytest.mark.parametrize("header", fronts.HEALTH_CHECKS.values(), ids=fronts.HEALTH_CHECKS)
def test_a_health_check_may_not_log_in(serve, exporter, header):
    """It is no wrong secret either, so it never leads to a ban."""
    limits = {"ban_after": 1, "ban_exempt": []}
    with serve(limits=limits, log={"level": "debug"}) as server:
        send(server, header).close()
        reset(send(server, header))
        server.process.wait_for("debug connection ended before its first", times=2)
        assert sum(exporter.page().find("spore_refusals_total")) == 0
        for _ in range(3):
            with Wire(send(server, header)) as wire:
                wire.authenticate("wrong")
                assert wire.receive() == {"Error": "the address of the client is not known"}
        assert exporter.value("spore_refusals_total", reason="no_address", at="control") == 3
        assert exporter.value("spore_source_bans_total") == 0
        assert "Hello" in log_in(server, fronts.line(PROXY))


def test_limits_and_bans_are_those_of_the_client(serve):
    limits = {"max_conns_per_ip": 1, "ban_after": 2, "ban_time": "60s", "ban_exempt": []}
    with serve(limits=limits) as server:
        with Wire(send(server, fronts.line(CLIENT))) as wire:
            wire.authenticate(SECRET)
            assert wire.hello() > 0
            assert log_in(server, fronts.line(CLIENT)) == {
                "Error": "too many tunnels from this address"
            }
            assert "Hello" in log_in(server, fronts.line(OTHER))
        for _ in range(2):
            assert log_in(server, fronts.line(OTHER), "wrong") == {"Error": "invalid secret"}
        server.process.wait_for(f"source banned after repeated wrong secrets peer={OTHER} ")
        assert "the source is banned" in log_in(server, fronts.binary(OTHER))["Error"]
        assert "Hello" in log_in(
            server, fronts.line(PROXY)
        ), "the proxy's own address is not banned"


def test_the_access_list_judges_the_client(serve):
    """It does not judge the proxy."""
    acl = {"control": [{"use": "cidr", "allow": ["192.0.2.0/24"]}]}
    with serve(acl=acl) as server:
        assert "Hello" in log_in(server, fronts.line(CLIENT))
        with send(server, fronts.line(OTHER)) as sock:
            assert how_it_ends(sock)[0] == b""
        server.process.wait_for(
            rf"client refused by access list peer=\[{OTHER}\]:40000 via={PROXY}:\d+ plugin=cidr"
        )


def test_a_reload_puts_a_proxy_in_front(serve, address, tmp_path):
    """New connections need a header; an open tunnel stays."""
    with serve() as server:
        with Wire(send(server, fronts.line(CLIENT))) as wire:
            wire.authenticate(SECRET)
            port = wire.hello()
            path = tmp_path / f"server{server.control[1]}.json"
            config = path.read_text()
            path.write_text(config.replace(f'"{PROXY}"', '"192.0.2.0/24"'))
            server.process.signal(1)
            server.process.wait_for("configuration reloaded")
            with send(server, fronts.line(CLIENT)) as sock:
                assert how_it_ends(sock)[0] == b""
            with connect(address.host, port):
                assert wire.connection()


def test_the_plugin_is_for_servers_and_needs_prefixes(tmp_path):
    path = tmp_path / "wrong.json"
    for role, entry, text in (
        ("server", '{"use": "proxy"}', "trusted"),
        ("server", '{"use": "proxy", "trusted": []}', "trusted"),
        ("server", '{"use": "proxy", "trusted": ["10.0.0.0/8"], "timeout": "10s"}', "timeout"),
        ("local", '{"use": "proxy", "trusted": ["10.0.0.0/8"]}', "plugin proxy has no client side"),
    ):
        extra = '"client": {"to": "example.com", "local_port": 1}, ' if role == "local" else ""
        path.write_text("{" + extra + f'"transport": [{entry}]' + "}")
        result = run([spore_binary(), role, "--config", path, "--check"])
        assert result.status == 1, result.stderr
        assert text in str(result.stderr), result.stderr
