"""The programs under test and beside it: spore and bore, as server and as client."""

import json
import os
import pathlib
import re
import shutil
import signal

import pytest

from .loopback import BORE_CONTROL_PORT, port_is_free
from .process import Process
from .scale import SLOW
from .waiting import wait_until

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BORE_VERSION = "0.6.0"


# Additional flags for every spore server and client of a test.
server_flags = []
client_flags = []


def spore_binary():
    """The path of spore. Fails if it is missing; never skips."""
    directory = os.environ.get("SPORE_BUILD") or REPOSITORY / "build"
    path = pathlib.Path(directory) / "spore"
    if not os.access(path, os.X_OK):
        pytest.fail(
            f"{path} is not there: build it, or set SPORE_BUILD to its directory", pytrace=False
        )
    return str(path)


def is_sanitized():
    """Whether spore was built with a sanitizer. Then its use of memory is the sanitizer's."""
    code = pathlib.Path(spore_binary()).read_bytes()
    return b"__asan_init" in code or b"__tsan_init" in code


def is_timed():
    """Whether measuring the time of this build makes sense: no sanitizer, no SPORE_SLOW."""
    return SLOW == 1 and not is_sanitized()


def find_bore():
    """The path of bore from $BORE, the PATH or the cache of tests/run; None if it is missing."""
    if os.environ.get("BORE"):
        return os.environ["BORE"]
    on_path = shutil.which("bore")
    if on_path:
        return on_path
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    cached = os.path.join(cache, "spore-peers", f"bore-{BORE_VERSION}", "bin", "bore")
    return cached if os.access(cached, os.X_OK) else None


def miss(message):
    """Skips the test, which misses something, or fails if CI=true."""
    if os.environ.get("CI") == "true":
        pytest.fail(message + " (CI=true: it must be there)", pytrace=False)
    pytest.skip(message)


def bore_binary():
    """The path of bore. If it is missing the test is skipped, or fails if CI=true."""
    path = find_bore()
    if path:
        return path
    message = (
        f"NO BORE: cargo install bore-cli --version {BORE_VERSION}, then set BORE, the PATH, "
        f"or install it with --root ~/.cache/spore-peers/bore-{BORE_VERSION}"
    )
    miss(message)


def installed_program(name, package):
    """The path of a packaged program. If it is missing the test is skipped, or fails if CI=true."""
    path = shutil.which(name)
    if path:
        return path
    message = f"NO {name}: install the package {package}, or let tests/run do it"
    miss(message)


def prometheus_program(name):
    """The path of prometheus or promtool: from $PROMETHEUS_BIN, the PATH or the cache of tests/run.

    If it is missing the test is skipped, or fails if CI=true.
    """
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folders = [
        os.environ.get("PROMETHEUS_BIN"),
        os.environ.get("PATH"),
        os.path.join(cache, "spore-peers", "prometheus", "usr", "bin"),
    ]
    path = shutil.which(name, path=os.pathsep.join(filter(None, folders)))
    if path:
        return path
    message = (
        f"NO PROMETHEUS: set PROMETHEUS_BIN to the folder that holds {name}, or let tests/run "
        "unpack it"
    )
    miss(message)


def _flag(name, value):
    return [] if value is None else [name, str(value)]


class Server:
    """A running server; a context manager that also checks how it ends.

    control      (host, port) for clients
    public_host  the address where its tunnels listen
    secret       what a client must know, or None
    """

    def __init__(self, kind, process, control, public_host, secret):
        self.kind = kind
        self.process = process
        self.control = control
        self.public_host = public_host
        self.secret = secret
        self.process_was_ended = False

    @property
    def pid(self):
        return self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, exception_type, *_):
        try:
            if exception_type is None and not self.process_was_ended:
                assert self.process.running, f"the server died\n{self.process.log()}"
                end(self.process, self.kind)
        finally:
            self.process.close()

    def stop(self, timeout=10.0):
        """Sends TERM and returns the exit status, which the test must check."""
        self.process_was_ended = True
        return self.process.stop(timeout)


def end(process, kind):
    """Sends TERM, and INT if the process still drains; checks the exit status of spore.

    A second TERM within half a second would not count.
    """
    process.terminate()
    if kind == "bore":
        process.wait()
        return
    if not process.ended_within(0.2):
        process.signal(signal.SIGINT)
        status = process.wait()
        assert status in (0, 1), f"exit status {status} after TERM and INT\n{process.log()}"
        return
    status = process.wait()
    assert status == 0, f"exit status {status} after TERM\n{process.log()}"


def spore_server(
    address,
    secret=None,
    control_port=None,
    min_port=None,
    max_port=None,
    bind_tunnels=None,
    extra=(),
    **process_options,
):
    """A spore server on a leased address (or a host name) that already listens."""
    host = getattr(address, "host", address)
    port = address.free_port() if control_port is None else control_port
    argv = [spore_binary(), "server", "--bind-addr", host, "--control-port", str(port)]
    argv += _flag("--min-port", min_port) + _flag("--max-port", max_port)
    argv += (
        _flag("--bind-tunnels", bind_tunnels)
        + _flag("--secret", secret)
        + server_flags
        + list(extra)
    )
    process = Process(argv, name="spore server", **process_options)
    try:
        process.wait_for(r"server listening", stream="stderr")
    except BaseException:
        process.close()
        raise
    return Server("spore", process, (host, port), bind_tunnels or host, secret)


def configured_server(address, folder, control_port=None, server=None, **sections):
    """A spore server on a leased address whose structured configuration has these sections.

    It already listens. The file is written to `folder`; its relative paths start there."""
    control = control_port or address.free_port()
    config = {
        "server": {"bind_addr": address.host, "control_port": control, **(server or {})},
        **sections,
    }
    path = pathlib.Path(folder) / f"server{control}.json"
    path.write_text(json.dumps(config, indent=2), encoding="utf-8")
    process = Process([spore_binary(), "server", "--config", path], name="spore server")
    try:
        # Do not wait for a log line: the configuration may have silenced the log.
        wait_until(
            lambda: not (process.running and port_is_free(address.host, control)),
            "the server to listen",
        )
        assert process.running, process.log()
    except BaseException:
        process.close()
        raise
    return Server("spore", process, (address.host, control), address.host, None)


def bore_server(
    address, secret=None, min_port=None, max_port=None, bind_tunnels=None, **process_options
):
    """A bore server on a leased address that already listens."""
    host = getattr(address, "host", address)
    argv = [bore_binary(), "server", "--bind-addr", host]
    argv += _flag("--min-port", min_port) + _flag("--max-port", max_port)
    argv += _flag("--bind-tunnels", bind_tunnels) + _flag("--secret", secret)
    process = Process(argv, name="bore server", **process_options)
    try:
        process.wait_for(r"server listening")
    except BaseException:
        process.close()
        raise
    return Server("bore", process, (host, BORE_CONTROL_PORT), bind_tunnels or host, secret)


class Client:
    """A running client; a context manager that also checks how it ends.

    host, port  what it printed after "listening at", once wait_listening() was called
    """

    def __init__(self, kind, process):
        self.kind = kind
        self.process = process
        self.host = None
        self.port = None
        self.process_was_ended = False

    @property
    def pid(self):
        return self.process.pid

    def wait_listening(self, timeout=10.0):
        """Waits for "listening at HOST:PORT", which must be the first line that spore prints."""
        found = self.process.wait_for(r"listening at (\S+):(\d+)", stream="stdout", timeout=timeout)
        if self.kind == "spore":
            assert re.fullmatch(
                r"listening at \S+:\d+", self.process.stdout[0]
            ), self.process.stdout
        self.host, self.port = found.group(1), int(found.group(2))
        return self

    def __enter__(self):
        return self

    def __exit__(self, exception_type, *_):
        try:
            if exception_type is None and not self.process_was_ended:
                assert self.process.running, f"the client died\n{self.process.log()}"
                end(self.process, self.kind)
        finally:
            self.process.close()

    def wait(self, timeout=10.0):
        """Waits for the end and returns the exit status, which the test must check."""
        self.process_was_ended = True
        return self.process.wait(timeout)

    def stop(self, timeout=10.0):
        self.process_was_ended = True
        return self.process.stop(timeout)


def spore_client(
    control,
    local_port,
    local_host="127.0.0.1",
    secret=None,
    port=None,
    extra=(),
    listening=True,
    **process_options,
):
    """A spore client of the server at control = (host, port). Waits for its tunnel by default. Its
    services are in a configuration of `extra` if local_port is None."""
    argv = [spore_binary(), "local", "--to", control[0], "--control-port", str(control[1])]
    if local_port is not None:
        argv += _flag("--local-port", local_port) + _flag("--local-host", local_host)
    argv += _flag("--secret", secret) + _flag("--port", port)
    argv += client_flags + list(extra)
    return _ready(Client("spore", Process(argv, name="spore local", **process_options)), listening)


def bore_client(
    control,
    local_port,
    local_host="127.0.0.1",
    secret=None,
    port=None,
    listening=True,
    **process_options,
):
    """A bore client; the server must listen on bore's control port."""
    assert control[1] == BORE_CONTROL_PORT, "bore's client has no option for the control port"
    argv = [bore_binary(), "local", str(local_port), "--to", control[0]]
    argv += _flag("--local-host", local_host) + _flag("--secret", secret) + _flag("--port", port)
    return _ready(Client("bore", Process(argv, name="bore local", **process_options)), listening)


def _ready(client, listening):
    if listening:
        try:
            client.wait_listening()
        except BaseException:
            client.process.close()
            raise
    return client


def start_server(kind, address, **options):
    """A server of that kind on bore's control port, which both kinds of client can use."""
    if kind == "bore":
        return bore_server(address, **options)
    return spore_server(address, control_port=BORE_CONTROL_PORT, **options)


def start_client(kind, control, local_port, **options):
    return (bore_client if kind == "bore" else spore_client)(control, local_port, **options)
