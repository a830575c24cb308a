"""Fixtures and hooks of all Python tests: addresses, servers, and logs in failure reports."""

import pytest

from harness import loopback as addresses
from harness import peers, process, procfs
from harness.fake_server import FakeServer
from harness.scale import SLOW
from harness.tls.certificates import Authority


def pytest_addoption(parser):
    parser.addoption(
        "--against",
        choices=["spore", "bore"],
        default="spore",
        help=(
            "the server of tests/e2e; bore runs only the tests marked bore_too, to prove the tests "
            "themselves"
        ),
    )
    parser.addoption(
        "--directions",
        default="bore-spore,spore-bore",
        help="pairs client-server for tests/interop; bore-bore proves the tests themselves",
    )


def pytest_configure(config):
    procfs.raise_open_file_limit()


def pytest_generate_tests(metafunc):
    if "direction" in metafunc.fixturenames:
        pairs = [
            tuple(pair.split("-")) for pair in metafunc.config.getoption("--directions").split(",")
        ]
        metafunc.parametrize(
            "direction", pairs, ids=[f"{c}-client-to-{s}-server" for c, s in pairs]
        )
    if metafunc.definition.get_closest_marker("over_tls_too"):
        # First, so that the fixtures that start servers and clients see the setting.
        metafunc.fixturenames.insert(0, "over")
        metafunc.parametrize("over", ["plain", "tls"], indirect=True)


def pytest_collection_modifyitems(config, items):
    limit = float(config.getini("timeout") or 60)
    for item in items:
        marker = item.get_closest_marker("timeout")
        base = marker.args[0] if marker else limit
        item.add_marker(pytest.mark.timeout(base * SLOW), append=False)
    if config.getoption("--against") == "bore":
        kept = [item for item in items if item.get_closest_marker("bore_too")]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for each in process.started[-6:]:
            report.sections.append((f"{each.name} (pid {each.pid})", each.log()))


@pytest.fixture(autouse=True)
def no_process_left():
    """Fails a test that leaves a child process running, and ends the child."""
    process.started.clear()
    yield
    left = [each for each in process.started if each.running]
    for each in left:
        each.close()
    assert not left, f"left running: {[each.argv for each in left]}"


@pytest.fixture
def address():
    """A loopback address that only this test uses."""
    with addresses.Loopback() as leased:
        yield leased


@pytest.fixture
def against(request):
    """The program that is the server of this test: "spore", or "bore" to prove the test itself."""
    return request.config.getoption("--against")


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """Issues certificates for the tests of this process."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def over(request, monkeypatch):
    """The transport of the tunnels of a test marked over_tls_too: "plain" or "tls"."""
    if request.param == "tls":
        if request.config.getoption("--against") == "bore":
            pytest.skip("bore has no TLS")
        authority = request.getfixturevalue("authority")
        own = authority.issue(f"IP:{request.getfixturevalue('address').host}")
        monkeypatch.setattr(
            peers, "server_flags", ["--tls", "--certfile", own.path, "--keyfile", own.key]
        )
        monkeypatch.setattr(peers, "client_flags", ["--tls", "--cacertfile", authority.path])
    return request.param


@pytest.fixture
def start_server(against, address):
    """A function that starts the server under test; keywords as for peers.spore_server."""

    def start(**options):
        if against == "bore":
            return peers.bore_server(address, **options)
        return peers.spore_server(address, **options)

    return start


@pytest.fixture
def server(start_server):
    """A server without a secret."""
    with start_server() as running:
        yield running


@pytest.fixture
def secret_server(start_server):
    """A server with the secret s3cret."""
    with start_server(secret="s3cret") as running:
        yield running


@pytest.fixture
def fake_server(address):
    """A server that the test plays itself, for tests of a client."""
    with FakeServer(address.host, address.free_port()) as listening:
        yield listening
