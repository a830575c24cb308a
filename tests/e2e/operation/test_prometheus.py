"""The real Prometheus and promtool on the server's metrics and on the files in conf/.

SPORE_PROMETHEUS_SECONDS is how long Prometheus scrapes a server under load; 10 by default.
"""

import contextlib
import json
import os
import random
import pathlib
import re
import socket
import threading
import time
import urllib.parse
import urllib.request

import pytest

from harness.metrics import Exporter
from harness.peers import (
    REPOSITORY,
    configured_server,
    prometheus_program,
    spore_client,
    spore_server,
)
from harness.process import Process, run
from harness.scale import seconds
from harness.services import Echo
from harness.sockets import connect, end_writing, read_exactly, read_to_end
from harness.waiting import wait_until

LOAD_SECONDS = float(os.environ.get("SPORE_PROMETHEUS_SECONDS", "10"))
INTERVAL_MS = int(seconds(1) * 1000)
RULES = REPOSITORY / "conf" / "prometheus" / "spore.rules.yml"
CONFIG = REPOSITORY / "conf" / "prometheus" / "prometheus.yml"
INSECURE = ["--tls", "--insecure"]
DENIED = "127.200.0.1"
DASHBOARD = REPOSITORY / "conf" / "grafana" / "spore.json"


@contextlib.contextmanager
def serving(tmp_path, address, certificate=None, auth=None, limits=None, events=None, **options):
    port = address.free_port()
    path = tmp_path / "metrics.json"
    config = {
        "metrics": [{"use": "prometheus", "listen": f"{address.host}:{port}"}],
        "acl": {"control": [{"use": "cidr", "deny": [DENIED]}]},
    }
    if auth:
        config["auth"] = auth
    if limits:
        config["limits"] = limits
    if events:
        config["events"] = events
    if certificate:
        config["transport"] = [
            {"use": "tls", "certfile": certificate.path, "keyfile": certificate.key}
        ]
    path.write_text(json.dumps(config))
    with spore_server(address, extra=["--config", str(path)], **options) as server:
        server.has_tls = bool(certificate)
        yield server, Exporter(address.host, port)


@contextlib.contextmanager
def exporting_client(tmp_path, address, server, service):
    """An Exporter of a client whose tunnel stands, and whose service is checked; the server may use
    TLS."""
    port = address.free_port()
    path = tmp_path / "client.json"
    metrics = [{"use": "prometheus", "listen": f"{address.host}:{port}"}]
    path.write_text(json.dumps({"metrics": metrics, "tunnels": [{"check": {}}]}))
    extra = ["--config", str(path), *(INSECURE if server.has_tls else [])]
    with spore_client(server.control, service.port, secret="s3cret", extra=extra):
        yield Exporter(address.host, port)


# ---- promtool


def complaints(page, folder):
    """What promtool says about the names on a page. It reads its standard input."""
    path = folder / "page"
    path.write_text(page.text)
    promtool = prometheus_program("promtool")
    return run(["sh", "-c", '"$1" check metrics <"$2"', "sh", promtool, str(path)]).lines


def test_promtool_finds_nothing_but_the_predecessors_name(tmp_path, address):
    """metrics.md names it, and the family that has the same in seconds."""
    with serving(tmp_path, address, secret="s3cret") as (server, exporter), Echo() as service:
        with exporting_client(tmp_path, address, server, service) as of_client:
            assert complaints(exporter.page(), tmp_path) == [
                "spore_accept_latency_ms metric names should not contain abbreviated units"
            ]
            assert complaints(of_client.page(), tmp_path) == []
    document = (REPOSITORY / "conf" / "metrics.md").read_text(encoding="utf-8")
    assert "| `spore_accept_latency_ms` | `spore_connection_setup_seconds` |" in document


def test_promtool_accepts_rules_and_config():
    for what, path in (("rules", RULES), ("config", CONFIG)):
        done = run([prometheus_program("promtool"), "check", what, str(path)])
        assert done.status == 0, done.log()
        assert "SUCCESS: 15 rules found" in done.log()


def test_the_alerts_fire_when_they_should():
    """A brute force from one source, a tunnel that is missing, and quiet servers."""
    cases = REPOSITORY / "tests" / "e2e" / "operation" / "alerts.yml"
    done = run([prometheus_program("promtool"), "test", "rules", str(cases)])
    assert done.status == 0, done.log()
    assert "SUCCESS" in done.log()


# ---- names that conf/ uses


def expressions():
    """(where, PromQL) of each rule and panel."""
    rules = re.sub(r">-\n\s+", " ", RULES.read_text())
    for block in re.split(r"- alert: ", rules)[1:]:
        yield block.split()[0], re.search(
            r"expr: (.*?)\n\s+(?:for|labels):", block, re.DOTALL
        ).group(1)
    dashboard = json.loads(DASHBOARD.read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]["query"]


def test_conf_uses_what_is_served(tmp_path, address, certificate):
    with serving(tmp_path, address, certificate, secret="s3cret") as (server, exporter):
        with Echo() as service, exporting_client(tmp_path, address, server, service) as of_client:
            page = exporter.page()
            page.samples += of_client.page().samples
    used = set()
    for where, text in expressions():
        for name, selector in re.findall(r"\b(spore_\w+)(?:\{([^}]*)\})?", text):
            used.add(name)
            assert name in page.names(), f"{where}: {name} is not served"
            for label, how, wanted in re.findall(r'(\w+)(=~?)"([^"]*)"', selector):
                if label in ("job", "instance"):
                    continue  # Prometheus' own
                for value in wanted.split("|") if how == "=~" else [wanted]:
                    assert page.find(
                        name, **{label: value}
                    ), f"{where}: no {name} has {label}={value}"
        for labels in re.findall(r"by \(([^)]*)\)", text):
            served = {label for _, its, _ in page.samples for label in its} | {"job", "instance"}
            assert {each.strip() for each in labels.split(",")} <= served, f"{where}: {labels}"
    assert len(used) > 20, used


def served_behind_a_proxy(tmp_path, address):
    port = address.free_port()
    metrics = [{"use": "prometheus", "listen": f"{address.host}:{port}"}]
    transport = [{"use": "proxy", "trusted": ["127.0.0.1"]}]
    with configured_server(address, tmp_path, metrics=metrics, transport=transport):
        types = Exporter(address.host, port).page().types
    return {name: kind for name, kind in types.items() if name.startswith("spore_proxy_")}


def test_the_pages_name_what_is_served(tmp_path, address, certificate):
    # An instance with "last_good", and a file that is read again, have metrics of their own.
    http = {"use": "http", "url": "http://127.0.0.1:9/", "on_error": "last_good"}
    auth = [{"use": "hmac", "secret": "s3cret"}, http, {"use": "redis", "port": 9}]
    auth += [{"use": "postgres", "conninfo": "host=127.0.0.1 port=9", "query": "select $1"}]
    auth += [{"use": "ldap", "urls": ["ldap://127.0.0.1:9"], "bind_dn": "uid=%n,dc=example"}]
    events = [{"use": "http", "url": "http://127.0.0.1:9/"}]
    limits = {"rate_up": "1g", "bytes_per_day": "1g"}
    with serving(tmp_path, address, certificate, auth=auth, limits=limits, events=events) as (
        server,
        exporter,
    ):
        pathlib.Path(certificate.path).touch()
        server.process.wait_for("a changed file is in use")
        socket.create_connection(server.control, source_address=(DENIED, 0)).close()
        server.process.wait_for("refused by access list")
        with Echo() as service, exporting_client(tmp_path, address, server, service) as of_client:
            wait_until(
                lambda: "spore_identity_rate_limit_bytes" in exporter.page().types,
                "the limits on use, which are shown when a tunnel is open",
            )
            served = {**exporter.page().types, **of_client.page().types}
    served.update(served_behind_a_proxy(tmp_path, address))
    rows = [
        line.split("|")
        for page in ("conf/metrics.md", *map(str, REPOSITORY.glob("plugins/*/README.md")))
        for line in (REPOSITORY / page).read_text(encoding="utf-8").splitlines()
        if re.match(r"\| `spore_.*\| (counter|gauge|histogram|summary)", line)
    ]
    named = [name for row in rows for name in re.findall(r"`(spore_\w+)`", row[1])]
    assert sorted(named) == sorted(served)
    for row in rows:
        kinds = re.findall(r"counter|gauge|histogram|summary", row[2])
        names = re.findall(r"`(spore_\w+)`", row[1])
        assert [served[name] for name in names] == (
            kinds if len(kinds) > 1 else kinds * len(names)
        ), row


# ---- a real scrape


class Prometheus:
    """A Prometheus that scrapes one target often."""

    def __init__(self, folder, address, target):
        self.url = f"http://{address.host}:{address.free_port()}"
        config = folder / "prometheus.yml"
        config.write_text(
            f"scrape_configs:\n- job_name: spore\n  scrape_interval: {INTERVAL_MS}ms\n"
            f"  scrape_timeout: {INTERVAL_MS}ms\n  static_configs:\n"
            f"  - targets: ['{target.host}:{target.port}']\n"
        )
        self.process = Process(
            [
                prometheus_program("prometheus"),
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={self.url[len('http://'):]}",
                "--web.console.libraries=",
                "--web.console.templates=",
            ],
            name="prometheus",
            cwd=folder,
        )

    def __enter__(self):
        try:
            self.process.wait_for("Server is ready", timeout=30)
        except BaseException:
            self.process.close()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.ended_within(10)
        self.process.close()

    def ask(self, query):
        """{labels as a tuple of pairs: value}"""
        where = f"{self.url}/api/v1/query?" + urllib.parse.urlencode({"query": query})
        with urllib.request.urlopen(where, timeout=seconds(10)) as answer:
            result = json.load(answer)["data"]["result"]
        return {tuple(sorted(each["metric"].items())): float(each["value"][1]) for each in result}

    def value(self, query):
        found = self.ask(query)
        return next(iter(found.values())) if len(found) == 1 else None


class Load:
    """Visitors of an echo service: threads that connect, send, check the echo and close."""

    THREADS = 8

    def __init__(self, client):
        self.client = client
        self.visitors = self.bytes = 0
        self.failures = []
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(i,)) for i in range(self.THREADS)]

    def __enter__(self):
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_):
        self._ending.set()
        for each in self._threads:
            each.join()

    def _run(self, number):
        chooser = random.Random(number)
        while not self._ending.is_set():
            length = chooser.choice([1, 100, 5000, 200_000])
            try:
                self._visit(chooser.randbytes(length))
            except (OSError, AssertionError) as error:
                self.failures.append(error)
                return
            with self._lock:
                self.visitors += 1
                self.bytes += length

    def _visit(self, data):
        with connect(self.client.host, self.client.port) as visitor:
            sender = threading.Thread(target=visitor.sendall, args=(data,))
            sender.start()
            assert read_exactly(visitor, len(data)) == data
            sender.join()
            end_writing(visitor)
            assert read_to_end(visitor) == b""


@pytest.mark.timeout(LOAD_SECONDS + 90)
def test_a_real_prometheus_agrees_with_the_load(tmp_path, address):
    with contextlib.ExitStack() as stack:
        limits = {"max_ahead_per_tunnel": 0}  # each visitor has a connection of its own
        server, exporter = stack.enter_context(
            serving(tmp_path, address, secret="s3cret", limits=limits)
        )
        service = stack.enter_context(Echo())
        client = stack.enter_context(spore_client(server.control, service.port, secret="s3cret"))
        prometheus = stack.enter_context(Prometheus(tmp_path, address, exporter))
        wait_until(lambda: prometheus.value("spore_tunnels") == 1, "the first scrape", timeout=30)
        with Load(client) as load:
            time.sleep(LOAD_SECONDS)
        assert load.failures == []
        wait_until(lambda: exporter.value("spore_relays") == 0, "quiet")
        wanted = {
            "spore_connections_incoming_total": load.visitors,
            "spore_connections_accepted_total": load.visitors,
            "spore_connections_stale_total": 0,
            "spore_bytes_proxied_total": 2 * load.bytes,
            "spore_accept_latency_ms_count": load.visitors,
            "spore_connection_setup_seconds_count": load.visitors,
            'spore_connection_setup_seconds_bucket{le="+Inf"}': load.visitors,
            "spore_tunnel_up_bytes_total": load.bytes,
            "spore_tunnel_down_bytes_total": load.bytes,
            # One data connection for each visitor, and the control connection of the tunnel.
            "spore_control_connections_total": load.visitors + 1,
            'spore_auth_verdicts_total{verdict="allow"}': load.visitors + 1,
            "sum(spore_refusals_total)": 0,
            "spore_connections_pending": 0,
            "spore_tunnels": 1,
        }

        def differences():
            """The differences. Counters only grow, so one that is too high stays too high."""
            found = {query: prometheus.value(query) for query in wanted}
            return {
                query: (found[query], wanted[query])
                for query in wanted
                if found[query] != wanted[query]
            }

        with contextlib.suppress(AssertionError):
            wait_until(lambda: not differences(), "a scrape of the quiet server", interval=0.2)
        assert differences() == {}, "(what Prometheus has, what the load was)"
        scrapes = prometheus.value("count_over_time(up[1h])")
        assert prometheus.value("min_over_time(up[1h])") == 1, "a scrape failed"
        assert scrapes >= LOAD_SECONDS * 1000 / INTERVAL_MS / 2
        assert prometheus.value("changes(spore_start_time_seconds[1h])") == 0
        print(f"{load.visitors} visitors, {2 * load.bytes} bytes, {scrapes:.0f} scrapes")
