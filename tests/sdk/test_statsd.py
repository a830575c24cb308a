"""metrics_statsd: the sums of a UDP receiver equal the real values."""

import os
import pathlib
import re
import resource
import shutil
import signal
import socket

import pytest

from harness.loopback import has_ipv6
from harness.process import Process
from harness.scale import seconds
from harness.services import Echo
from harness.visitors import one_exchange
from harness.waiting import wait_until


class Receiver:
    """A statsd server: sums counters and keeps the last value of gauges."""

    def __init__(self, host="127.0.0.1", port=0):
        self.sock = socket.socket(
            socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM
        )
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.sock.setblocking(False)
        self.sock.bind((host, port))
        self.port = self.sock.getsockname()[1]
        self.address = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.datagrams = []
        self.lines = []
        self.values = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def read(self):
        """Reads all datagrams that have arrived."""
        while True:
            try:
                datagram = self.sock.recv(65536)
            except BlockingIOError:
                return self
            self.datagrams.append(datagram)
            for line in datagram.decode().split("\n"):
                self._take_in(line)

    def _take_in(self, line):
        found = re.fullmatch(r"([\w.-]+):(-?[0-9.e+-]+)\|([cg])((?:\|#[^|]*)?)", line)
        assert found, f"not a line of statsd: {line!r}"
        name, value = found.group(1) + found.group(4), float(found.group(2))
        self.lines.append(line)
        if found.group(3) == "c":
            assert value != 0, f"a counter without a change: {line}"
            value += self.values.get(name, 0)
        elif found.group(2)[0] == "-":
            value += self.values[name]  # a sign changes the gauge
        self.values[name] = value

    def value(self, name):
        return self.read().values.get(name)

    def wait_for(self, **expected):
        """Waits until all metrics have these values. In a name, two underscores stand for a dot."""
        names = {"spore." + name.replace("__", "."): value for name, value in expected.items()}
        wait_until(
            lambda: all(self.value(name) == value for name, value in names.items()),
            f"{names}, of which there are { {name: self.values.get(name) for name in names} }",
        )


def statsd(receiver, interval="100ms", **options):
    return {"use": "statsd", "address": receiver.address, "interval": interval, **options}


def visit(client, times=1, length=100):
    for _ in range(times):
        assert one_exchange(client.host, client.port, b"x" * length) == b"x" * length


def test_sums_are_the_truth(host):
    with Receiver() as receiver, Echo() as service, host.server(
        metrics=[statsd(receiver)], workers=3
    ) as server:
        with host.client(server, service) as client:
            visit(client, 7)
            receiver.wait_for(
                bytes_proxied_total=1400,
                connections_incoming_total=7,
                connections_accepted_total=7,
                tunnels=1,
            )
            visit(client, 4, length=1000)
            receiver.wait_for(bytes_proxied_total=9400, connections_incoming_total=11, tunnels=1)
        receiver.wait_for(tunnels=0, relays=0, connections_incoming_total=11)


def test_nothing_is_sent_twice(host):
    """Pushes continue. Only the counters of the pushes themselves are sent again."""
    with Receiver() as receiver, Echo() as service, host.server(
        metrics=[statsd(receiver)]
    ) as server:
        with host.client(server, service) as client:
            visit(client)
            receiver.wait_for(bytes_proxied_total=200)
            before = len(receiver.datagrams)
            wait_until(lambda: len(receiver.read().datagrams) > before + 10, "more pushes")
            receiver.wait_for(bytes_proxied_total=200)
            assert (
                len(
                    [
                        line
                        for line in receiver.lines
                        if line.startswith("spore.bytes_proxied_total:")
                    ]
                )
                == 1
            )


def test_a_reload_sends_nothing_twice(host):
    """The new exporter, with another interval, knows what the old one has sent."""
    config = host.server_config(metrics=[])
    with Receiver() as receiver, Echo() as service, host.server(
        metrics=[statsd(receiver)]
    ) as server:
        config["server"]["control_port"] = server.control[1]
        with host.client(server, service) as client:
            for turn in range(1, 4):
                visit(client, 2)
                config["metrics"] = [statsd(receiver, interval=f"{100 + turn}ms")]
                host.write(config, f"server{server.control[1]}.json")
                server.process.signal(signal.SIGHUP)
                server.process.wait_for("configuration reloaded", times=turn)
                before = len(receiver.read().datagrams)
                wait_until(
                    lambda start=before: len(receiver.read().datagrams) > start + 3,
                    "pushes of the new one",
                )
                receiver.wait_for(
                    connections_incoming_total=2 * turn, bytes_proxied_total=400 * turn
                )


def exported(path, pattern):
    """A value in the file of the other exporter."""
    found = re.search(pattern, path.read_text(), re.MULTILINE) if path.exists() else None
    return found and float(found.group(1))


@pytest.mark.parametrize("tags", ["none", "datadog"])
def test_labels_and_histograms(host, tmp_path, tags):
    """Metrics of another plugin, which also writes them to a file; compared after the last push."""
    path = tmp_path / "metrics"
    with Receiver() as receiver:
        entries = [{"use": "file", "file": str(path), "every": "20ms"}, statsd(receiver, tags=tags)]
        with host.server(metrics=entries) as server:
            wait_until(
                lambda: (exported(path, r"^spore_file_turns{} count=(\d+)") or 0) > 20,
                "observations",
            )
            assert server.stop() == 0
        label = ".kind.file", "" if tags == "none" else "|#kind:file"
        name = (
            f"spore.file_snapshots_total{label[0]}"
            if tags == "none"
            else f"spore.file_snapshots_total{label[1]}"
        )
        assert (
            receiver.value(name)
            == exported(path, r'^spore_file_snapshots_total{kind="file"} (\S+)$')
            > 20
        )
        assert receiver.value("spore.file_turns.count") == exported(
            path, r"^spore_file_turns{} count=(\d+)"
        )
        assert receiver.value("spore.file_turns.sum") == exported(
            path, r"^spore_file_turns{} count=\d+ sum=(\S+)"
        )


def test_the_prefix(host):
    with Receiver() as receiver, host.server(metrics=[statsd(receiver, prefix="edge-1.spore.")]):
        wait_until(lambda: receiver.value("edge-1.spore.tunnels") == 0, "a gauge")
        assert all(line.startswith("edge-1.spore.") for line in receiver.lines)


@pytest.mark.parametrize("options, longest", [({}, 1432), ({"packet_size": 256}, 256)])
def test_datagrams_are_filled_and_not_longer(host, options, longest):
    with Receiver() as receiver, host.server(
        metrics=[statsd(receiver, prefix="p" * 150 + ".", **options)]
    ):
        wait_until(lambda: len(receiver.read().datagrams) > 8, "datagrams")
        sizes = [len(datagram) for datagram in receiver.datagrams]
        assert max(sizes) <= longest
        if options:
            assert all(
                b"\n" not in datagram for datagram in receiver.datagrams
            ), "two lines are over 256 bytes"
        else:
            assert any(datagram.count(b"\n") > 1 for datagram in receiver.datagrams)


def test_a_line_that_fits_in_no_datagram_is_left_out(host):
    with Receiver() as receiver:
        with host.server(
            metrics=[statsd(receiver, prefix="p" * 240 + ".", packet_size="256")]
        ) as server:
            server.process.wait_for(
                "spore_connections_incoming_total is not sent|spore_\\w+ is not sent"
            )
            wait_until(lambda: receiver.value("p" * 240 + ".tunnels") == 0, "one that fits")
            assert len([line for line in server.process.stderr if "is not sent" in line]) == 1


def test_the_last_push_is_at_the_end(host):
    with Receiver() as receiver, Echo() as service:
        with host.server(metrics=[statsd(receiver, interval="1h")]) as server:
            with host.client(server, service) as client:
                visit(client, 3)
            assert receiver.read().datagrams == []
            assert server.stop() == 0
        assert receiver.value("spore.connections_incoming_total") == 3
        assert receiver.value("spore.bytes_proxied_total") == 600
        assert receiver.value("spore.relays") == 0


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 loopback here")
def test_over_ipv6(host):
    with Receiver("::1") as receiver, host.server(metrics=[statsd(receiver)]):
        receiver.wait_for(tunnels=0)


def test_the_server_runs_without_a_receiver(host):
    """The loss is logged once, and the return is logged once."""
    with Receiver() as gone:
        pass
    with Echo() as service, host.server(metrics=[statsd(gone)]) as server, host.client(
        server, service
    ) as client:
        server.process.wait_for("metrics do not reach statsd: Connection refused plugin=statsd")
        visit(client, 5)
        with Receiver(port=gone.port) as receiver:
            server.process.wait_for("metrics reach statsd again")
            before = receiver.value("spore.connections_incoming_total") or 0
            visit(client, 3)
            receiver.wait_for(connections_incoming_total=before + 3)
            assert receiver.value("spore.statsd_datagrams_total.result.failed") >= 1
        assert len([line for line in server.process.stderr if "do not reach" in line]) == 1


@pytest.mark.timeout(60)
def test_what_could_not_be_sent_is_sent_later(host):
    """Without a free descriptor the plugin cannot open its socket."""
    interval = seconds(2)
    with Receiver() as receiver, Echo() as service:
        with host.server(metrics=[statsd(receiver, interval=interval)]) as server:
            with host.client(server, service) as client:
                visit(client, 3)
                old = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
                assert receiver.read().datagrams == [], "the machine is too slow for this test"
                resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (3, old[1]))
                server.process.wait_for("metrics do not reach statsd: Too many open files")
                resource.prlimit(server.pid, resource.RLIMIT_NOFILE, old)
                receiver.wait_for(connections_incoming_total=3, bytes_proxied_total=600)
                server.process.wait_for("metrics reach statsd again")


@pytest.mark.parametrize(
    "options, place, text",
    [
        ({"address": "localhost:8125"}, "/address", "expected an address with a port"),
        ({"address": "127.0.0.1"}, "/address", "expected an address with a port"),
        ({"interval": 0}, "/interval", "expected a duration from 10ms"),
        ({"prefix": "a:b"}, "/prefix", "expected only letters, digits, '.', '_' and '-'"),
        ({"tags": "influx"}, "/tags", "expected one of none|datadog"),
        ({"packet_size": 255}, "/packet_size", "expected a size from 256"),
        ({"packet_size": 65508}, "/packet_size", "expected a size from 256"),
    ],
)
def test_mistakes_name_their_place(host, error_line, options, place, text):
    line = error_line(host.refused(metrics=[{"use": "statsd", **options}]))
    assert f"error: /metrics/0{place}: {text}" in line


# ---- collectd, whose plugin speaks statsd


@pytest.fixture
def collectd():
    """collectd and the folder of its plugins, from the package that tests/run unpacks."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    unpacked = cache / "spore-peers" / "collectd" / "usr" / "sbin" / "collectd"
    program = os.environ.get("COLLECTD") or shutil.which("collectd") or unpacked
    if not pathlib.Path(program).is_file():
        pytest.skip("collectd is not here: set COLLECTD, or have tests/run unpack it")
    return pathlib.Path(program)


class Collectd:
    """A running collectd that writes the metrics from statsd to files."""

    def __init__(self, program, folder, host, port):
        self.folder = folder / "collected"
        config = folder / "collectd.conf"
        config.write_text(
            f"""
            Hostname "here"
            Interval 1
            PluginDir "{program.parents[1] / 'lib' / 'collectd'}"
            BaseDir "{folder}"
            PIDFile "{folder}/pid"
            TypesDB "{program.parents[1] / 'share' / 'collectd' / 'types.db'}"
            LoadPlugin statsd
            LoadPlugin csv
            <Plugin statsd>
                Host "{host}"
                Port "{port}"
            </Plugin>
            <Plugin csv>
                DataDir "{self.folder}"
                StoreRates false
            </Plugin>
            """
        )
        self.process = Process([program, "-f", "-C", config], name="collectd")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.process.close()

    def last(self, name):
        """The last written value of a metric."""
        values = [
            float(line.rsplit(",", 1)[1])
            for path in sorted(self.folder.glob(f"here/statsd/{name}-20*"))
            for line in path.read_text().splitlines()[1:]
            if line.count(",") == 1 and not line.endswith("nan")
        ]
        return values[-1] if values else None


@pytest.mark.timeout(90)
def test_collectd_collects_the_truth(host, tmp_path, address, collectd):
    with Receiver(address.host) as place:
        pass
    with Collectd(collectd, tmp_path, address.host, place.port) as peer, Echo() as service:
        with host.server(metrics=[statsd(place)]) as server, host.client(server, service) as client:
            wait_until(
                lambda: peer.last("gauge-spore.tunnels") == 1,
                "collectd to hear of the tunnel",
                timeout=20,
            )
            visit(client, 6)
            wait_until(
                lambda: peer.last("derive-spore.bytes_proxied_total") == 1200,
                "its bytes",
                timeout=20,
            )
            assert peer.last("derive-spore.connections_incoming_total") == 6
            assert peer.last("derive-spore.connections_accepted_total") == 6
