"""What `spore local` and `spore top` show on a terminal, and how they give it back."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest

from harness.peers import end, spore_binary, spore_client, spore_server
from harness.process import clean_environment
from harness.scale import seconds
from harness.services import Echo
from harness.sockets import connect, read_exactly
from harness.waiting import wait_until

Terminal = pytest.importorskip("harness.terminal").Terminal

SCREEN = pathlib.Path(spore_binary()).parent / "spore-screen"
pytestmark = pytest.mark.skipif(not SCREEN.exists(), reason="SKIPPED: built without ncurses")

ESCAPE = b"\x1b"


def command(server, *ports, flags=()):
    to, control = server.control
    return [
        spore_binary(),
        "local",
        *map(str, ports),
        "--to",
        to,
        f"--control-port={control}",
        *flags,
    ]


@pytest.fixture
def service():
    with Echo() as made:
        yield made


@contextlib.contextmanager
def on_terminal(server, service, *flags, **options):
    with Terminal(command(server, service.port, flags=flags), **options) as terminal:
        terminal.wait_for("open")
        yield terminal


def address_on(terminal, server):
    return re.search(rf"^{re.escape(server.public_host)}:(\d+)  ", terminal.text, re.M)


def child_of(pid):
    """The client behind the screen."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert len(children) == 1, children
    return int(children[0])


def state_of(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def is_alive(pid):
    try:
        return state_of(pid) != "Z"
    except FileNotFoundError:
        return False


# ---- the screen of a client ----


def test_a_tunnel_and_its_visitors(server, service):
    """The public address stands alone, so that it can be copied; counts follow within seconds."""
    with on_terminal(server, service) as terminal:
        port = int(address_on(terminal, server).group(1))
        assert f"connected  {server.control[0]}:{server.control[1]}" in terminal.lines[0]
        with connect(server.public_host, port) as visitor:
            visitor.sendall(b"x" * 3000)
            assert read_exactly(visitor, 3000) == b"x" * 3000
            wait_until(
                lambda: re.search(r"open +1 +\S+ \S*B/s +1 +5.9 KiB", terminal.text), "1 now"
            )
        wait_until(lambda: re.search(r"open +0 +0 B/s +1 +5.9 KiB", terminal.text), "0 now")
        assert {"green", "cyan"} <= terminal.colours()
        assert f"listening at {server.public_host}:{port}" in terminal.text


def test_no_colours(server, service):
    with on_terminal(server, service, NO_COLOR="1") as terminal:
        assert terminal.colours() == set()
        assert not re.search(rb"\x1b\[[0-9;]*3[0-7]m", terminal.bytes)


def test_the_client_is_watched(server, service):
    """It has the thread that takes signals, keeps deadlines and names what hangs."""
    with on_terminal(server, service) as terminal:
        tasks = pathlib.Path(f"/proc/{child_of(terminal.pid)}/task")
        assert "watchdog" in [(x / "comm").read_text().strip() for x in tasks.iterdir()]


def test_ctrl_c(server, service):
    """The terminal is as before, and the last lines are there."""
    with on_terminal(server, service) as terminal:
        during = terminal.mode()
        terminal.type(b"\x03")
        assert terminal.wait() == 0
        assert terminal.mode() == terminal.before[:4] != during
        assert "listening at" in terminal.text and "draining signal=INT" in terminal.text
        assert "PUBLIC" not in terminal.text


@pytest.mark.parametrize("target", ["screen", "client"])
def test_term(server, service, target):
    with on_terminal(server, service) as terminal:
        os.kill(terminal.pid if target == "screen" else child_of(terminal.pid), signal.SIGTERM)
        assert terminal.wait() == 0
        assert terminal.mode() == terminal.before[:4]
        assert "draining signal=TERM" in terminal.text


def test_a_crash_gives_the_terminal_back(server, service):
    with on_terminal(server, service) as terminal:
        os.kill(child_of(terminal.pid), signal.SIGKILL)
        assert terminal.wait(20) == 128 + signal.SIGKILL
        assert terminal.mode() == terminal.before[:4]
        assert "was ended by signal" in terminal.text and "listening at" in terminal.text


def test_the_client_ends_with_the_screen(server, service):
    with on_terminal(server, service) as terminal:
        client = child_of(terminal.pid)
        os.kill(terminal.pid, signal.SIGKILL)
        assert terminal.wait() == -signal.SIGKILL
        wait_until(lambda: not is_alive(client), "the client to end")


@pytest.mark.parametrize("flags", [(), ("--plain",)])
def test_a_terminal_that_is_closed_ends_the_client(server, service, flags):
    """As an SSH session that ends. Without a terminal, HUP reloads."""
    terminal = Terminal(command(server, service.port, flags=flags))
    with terminal:
        terminal.wait_for("listening at")
        pid = child_of(terminal.pid) if not flags else terminal.pid
        terminal.hang_up()
        terminal.wait(20)
        wait_until(lambda: not is_alive(pid), "the client to end")
        server.process.wait_for("client left .*closed by the client")


def test_a_job_outlives_its_terminal(server, service, tmp_path):
    """HUP reloads a client that has only its standard input on a terminal that was closed."""
    config, log = tmp_path / "client.json", tmp_path / "log"
    config.write_text("{}")
    job = " ".join(command(server, service.port, flags=("--config", str(config))))
    with Terminal(["bash", "--norc", "--noprofile", "-i"], PS1="ready> ") as terminal:
        terminal.wait_for("ready>")
        terminal.type(f"{job} >{log} 2>&1 & disown; echo job $!.\r".encode())
        wait_until(lambda: re.search(r"^job (\d+)\.", terminal.text, re.M), "the job")
        pid = int(re.search(r"^job (\d+)\.", terminal.text, re.M).group(1))
        wait_until(lambda: log.exists() and "listening at" in log.read_text(), "the tunnel")
        terminal.type(b"exit\r")
        terminal.wait()
    try:
        os.kill(pid, signal.SIGHUP)
        wait_until(lambda: "configuration reloaded" in log.read_text(), "the reload")
        assert is_alive(pid)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not is_alive(pid), "the client to end")


def test_stopped_and_resumed(server, service):
    """By a shell's job control."""
    with Terminal(["bash", "--norc", "--noprofile", "-i"], PS1="ready> ") as terminal:
        terminal.wait_for("ready>")
        terminal.type(" ".join(command(server, service.port)).encode() + b"\r")
        terminal.wait_for("open")
        port = int(address_on(terminal, server).group(1))
        terminal.type(b"\x1a")
        terminal.wait_for("Stopped")
        terminal.type(b"echo so far $((40+2))\r")
        terminal.wait_for("so far 42")
        terminal.type(b"fg\r")
        terminal.wait_for("PUBLIC")
        with connect(server.public_host, port) as visitor:
            visitor.sendall(b"ping")
            assert read_exactly(visitor, 4) == b"ping"
        terminal.type(b"\x03")
        terminal.wait_for("draining signal=INT")
        wait_until(lambda: terminal.text.rstrip().endswith("ready>"), "the shell's prompt")
        terminal.type(b"exit\r")
        terminal.wait()


def test_ctrl_z_without_a_shell(server, service):
    """Nobody could resume it, so it goes on."""
    with on_terminal(server, service) as terminal:
        client = child_of(terminal.pid)
        before = len(terminal.bytes)
        terminal.type(b"\x1a")
        wait_until(lambda: b"PUBLIC" in terminal.bytes[before:], "the screen to be drawn again")
        assert not {"T"} & {state_of(terminal.pid), state_of(client)}
        terminal.type(b"\x03")
        assert terminal.wait() == 0
        assert terminal.mode() == terminal.before[:4]


def test_in_the_background_after_a_stop(server, service):
    """The shell has its terminal for itself until `fg`."""
    with Terminal(["bash", "--norc", "--noprofile", "-i"], PS1="ready> ") as terminal:
        terminal.wait_for("ready>")
        terminal.type(" ".join(command(server, service.port)).encode() + b"\r")
        terminal.wait_for("open")
        terminal.type(b"\x1a")
        terminal.wait_for("Stopped")
        terminal.type(b"bg\r")
        time.sleep(1)
        terminal.type(b"clear; jobs; echo so far $((40+2))\r")
        terminal.wait_for("so far 42")
        terminal.wait_for("Running")
        time.sleep(0.3)
        before = terminal.bytes
        time.sleep(2.5)
        assert terminal.bytes == before
        assert "PUBLIC" not in terminal.text
        terminal.type(b"fg\r")
        terminal.wait_for("PUBLIC")
        terminal.type(b"\x03")
        terminal.wait_for("draining signal=INT")
        wait_until(lambda: terminal.text.rstrip().endswith("ready>"), "the shell's prompt")
        terminal.type(b"exit\r")
        terminal.wait()


def test_sizes(server, service):
    with Terminal(command(server, service.port), size=(5, 20)) as terminal:
        terminal.wait_for(server.public_host)
        assert len(terminal.lines) == 5
        assert terminal.lines[0].startswith("spore local")
        assert server.public_host in terminal.text
        for lines, columns in [(40, 200), (2, 10), (1, 1), (24, 80), (5, 20), (24, 100)]:
            terminal.resize(lines, columns)
            time.sleep(0.2)
        terminal.wait_for("PUBLIC")
        terminal.wait_for("Ctrl-C ends")
        assert address_on(terminal, server)


def test_a_countdown(address, service):
    """And the last error of the tunnel."""
    with spore_server(address) as server, on_terminal(server, service) as terminal:
        server.process_was_ended = True
        end(server.process, "spore")
        terminal.wait_for("not connected")
        wait_until(lambda: re.search(r"retry in \ds", terminal.text), "a countdown", timeout=20)
        assert re.search(r"^localhost:\d+, \d+s ago: ", terminal.text, re.M)


def test_bytes_of_a_server_are_harmless(fake_server, service):
    """Those of an Error move no cursor, and set no title."""
    argv = [spore_binary(), "local", str(service.port), "--to", fake_server.host]
    argv += [f"--control-port={fake_server.port}", "--retry"]
    with Terminal(argv) as terminal:
        with fake_server.next_wire() as wire:
            wire.receive()
            wire.send({"Error": "\x1b]0;evil\x07\x1b[2Jred\u202e\u009b31m"})
            terminal.wait_for("evil")
            assert b"\x1b]0;evil" not in terminal.bytes
            assert b"\xc2\x9b" not in terminal.bytes and "\u202e".encode() not in terminal.bytes
            assert terminal.lines[0].startswith("spore local")


@pytest.mark.parametrize("locale, shown", [("C.UTF-8", "tür"), ("C", "t??r")])
def test_names_in_utf8(server, service, locale, shown):
    flags = ("--tunnel-name", "tür")
    with on_terminal(server, service, *flags, size=(24, 140), LC_ALL=locale) as terminal:
        terminal.wait_for(shown)


def test_a_reload(server, service, tmp_path):
    """HUP for the process that the shell knows reaches the client."""
    path = tmp_path / "client.json"
    to, control = server.control
    tunnels = [{"name": "first-tunnel", "local": f"127.0.0.1:{service.port}"}]
    settings = {"client": {"to": to, "control_port": control}, "tunnels": tunnels}
    path.write_text(json.dumps(settings))
    with Terminal([spore_binary(), "local", "--config", path], size=(24, 140)) as terminal:
        terminal.wait_for("first-tunnel")
        tunnels.append({"name": "second-tunnel", "local": f"127.0.0.1:{service.port}"})
        path.write_text(json.dumps(settings))
        os.kill(terminal.pid, signal.SIGHUP)
        terminal.wait_for("second-tunnel")
        wait_until(lambda: terminal.text.count("  open  ") == 2, "both tunnels")


# ---- lines in place of a screen ----


@pytest.mark.parametrize(
    "flags, environment",
    [
        (("--plain",), {}),
        (("--log-format=json",), {}),
        ((), {"TERM": "dumb"}),
        ((), {"TERM": None}),
        ((), {"TERM": "no-such-terminal"}),
    ],
)
def test_plain_lines(server, service, flags, environment):
    with Terminal(command(server, service.port, flags=flags), **environment) as terminal:
        terminal.wait_for("listening at")
        terminal.wait_for("connected to server")
        assert ESCAPE not in terminal.bytes
        if environment.get("TERM") == "no-such-terminal":
            terminal.wait_for("does not know this terminal")
        else:
            assert "spore-screen" not in terminal.text


def test_standard_output_that_is_redirected(server, service, tmp_path):
    out = tmp_path / "out"
    line = " ".join(command(server, service.port)) + f" >{out}"
    with Terminal(["sh", "-c", f"exec {line}"]) as terminal:
        terminal.wait_for("connected to server")
        wait_until(lambda: out.exists() and out.read_text().endswith("\n"), "the line")
        assert re.fullmatch(rf"listening at {server.public_host}:\d+\n", out.read_text())
        assert ESCAPE not in terminal.bytes


def test_in_the_background(server, service):
    """A job in the background must not write a screen."""
    with Terminal(["bash", "--norc", "--noprofile", "-i"], PS1="ready> ") as terminal:
        terminal.wait_for("ready>")
        terminal.type(" ".join(command(server, service.port)).encode() + b" &\r")
        terminal.wait_for("connected to server")
        assert "PUBLIC" not in terminal.text
        terminal.type(b"kill %1; wait; exit\r")
        terminal.wait()


def test_without_the_program_that_draws(server, service, tmp_path):
    """One line says what is missing."""
    alone = tmp_path / "spore"
    shutil.copy(spore_binary(), alone)
    config = tmp_path / "client.json"
    plugins = str(pathlib.Path(spore_binary()).parent / "plugins")
    config.write_text(json.dumps({"plugins": {"path": [plugins]}}))
    argv = [alone, *command(server, service.port)[1:], "--config", config]
    with Terminal(argv) as terminal:
        terminal.wait_for("spore-screen is not installed")
        terminal.wait_for("listening at")
        assert ESCAPE not in terminal.bytes


# ---- spore top ----


def top(path, **options):
    return Terminal([spore_binary(), "top", "--socket", path], **options)


@pytest.fixture
def admin(tmp_path):
    return tmp_path / "admin"


def test_top_of_a_server(address, service, admin):
    """The busiest tunnel is first; keys change the order and end it."""
    flags = [f"--admin-socket={admin}"]
    with contextlib.ExitStack() as held:
        server = held.enter_context(spore_server(address, extra=flags))
        quiet, busy = [
            held.enter_context(spore_client(server.control, service.port)) for _ in range(2)
        ]
        terminal = held.enter_context(top(admin))
        terminal.wait_for(f"port {quiet.port}")
        with connect(server.public_host, busy.port) as visitor:

            def is_first():
                visitor.sendall(b"x" * 10000)
                read_exactly(visitor, 10000)
                return (
                    terminal.lines[3].startswith(f"port {busy.port}") and "KiB/s" in terminal.text
                )

            wait_until(is_first, "the busy one to be first", interval=0.1)
        for order in ("visitors", "bytes", "name", "rate"):
            terminal.type(b"s")
            terminal.wait_for(f"by {order}")
        terminal.type(b"q")
        assert terminal.wait() == 0
        assert terminal.mode() == terminal.before[:4]


def test_top_of_a_client(server, service, admin):
    with spore_client(server.control, service.port, extra=[f"--admin-socket={admin}"]) as client:
        with top(admin) as terminal:
            terminal.wait_for(f"{server.public_host}:{client.port}")
            terminal.wait_for("connected")
            terminal.type(b"\x03")
            assert terminal.wait() == 0


def test_top_ends_with_the_server(address, admin):
    with spore_server(address, extra=[f"--admin-socket={admin}"]) as server, top(admin) as terminal:
        terminal.wait_for("serving")
        server.process_was_ended = True
        end(server.process, "spore")
        assert terminal.wait() == 1
        assert terminal.mode() == terminal.before[:4]
        assert "spore top: no answer" in terminal.text


def test_top_of_nobody(admin):
    with top(admin) as terminal:
        assert terminal.wait() == 1
        assert "No such file or directory" in terminal.text


def test_top_without_a_terminal(admin):
    done = subprocess.run(
        [spore_binary(), "top"],
        capture_output=True,
        text=True,
        env=clean_environment(),
        timeout=seconds(10),
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "error: spore top needs a terminal: `spore ctl tunnels` prints the tunnels once\n"
    )
