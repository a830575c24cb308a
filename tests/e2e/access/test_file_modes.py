"""The permissions of files with secrets, and the protection of secrets in memory."""

import errno
import json
import os
import pathlib
import re
import time

import pytest

from harness.peers import spore_binary, spore_server
from harness.process import Process, run
from harness.scale import seconds
from harness.wire import Tunnel

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def config(tmp_path):
    """A configuration with one error, so that no server starts after the check of the file."""
    path = tmp_path / "spore.json"
    path.write_text('{"workers": -1}')
    path.chmod(0o600)
    return path


def said(config):
    process = run([spore_binary(), "server", "--config", str(config)])
    assert process.status == 1
    return process.stderr


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o644, 0o755])
def test_a_file_that_only_its_owner_may_write(config, mode):
    config.chmod(mode)
    assert "expected a whole number" in said(config)[0]


@pytest.mark.parametrize("mode", [0o602, 0o666, 0o1646])
def test_a_file_that_everyone_may_write(config, mode):
    config.chmod(mode)
    assert said(config) == [
        f"--config: error: {config} is writable by everyone: run `chmod o-w {config}`"
    ]


@needs_root
def test_a_file_that_its_group_may_write_as_root(config):
    config.chmod(0o660)
    assert said(config) == [
        (
            f"--config: error: {config} is writable by its group, and this runs as root: run "
            f"`chmod g-w {config}`"
        )
    ]


@needs_root
def test_somebody_elses_file(config):
    os.chown(config, 12345, -1)
    assert said(config) == [
        f"--config: error: {config} belongs to uid 12345, expected root: run `chown root {config}`"
    ]


def test_what_a_link_leads_to_counts(config):
    config.chmod(0o666)
    link = config.with_name("link.json")
    link.symlink_to(config)
    assert said(link) == [
        f"--config: error: {link} is writable by everyone: run `chmod o-w {link}`"
    ]


def open_pipe(path):
    """The writing end of a named pipe, after a reader has opened the other end."""
    deadline = time.monotonic() + seconds(10)
    while time.monotonic() < deadline:
        try:
            return os.fdopen(os.open(path, os.O_WRONLY | os.O_NONBLOCK), "wb")
        except OSError as error:
            assert error.errno == errno.ENXIO, error
            time.sleep(0.01)
    raise AssertionError(f"no reader opened {path}")


def make_pipe(path, mode):
    os.mkfifo(path)
    path.chmod(mode)
    return path


def test_a_pipe_is_read_to_its_end(tmp_path, address):
    """The mode of a pipe is not checked; its relative paths start in the working directory."""
    pipe = make_pipe(tmp_path / "pipe", 0o666)
    (tmp_path / "here").mkdir()
    key = tmp_path / "here" / "secret.key"
    key.write_text("s3cret")
    key.chmod(0o600)
    control = address.free_port()
    with Process(
        [spore_binary(), "server", "--config", str(pipe)], cwd=tmp_path / "here"
    ) as process:
        with open_pipe(pipe) as writer:
            os.set_blocking(writer.fileno(), True)
            writer.write(b'{"secret_file": "secret.key",' + b" " * 200_000)
            writer.write(f'"bind_addr": "{address.host}", "control_port": {control}}}'.encode())
        process.wait_for("server listening", stream="stderr")
        assert process.stop() == 0


def test_no_core_file_from_the_first_secret_on(tmp_path):
    """Before the configuration is read the process has no secret."""
    pipe = make_pipe(tmp_path / "pipe", 0o600)
    with Process(
        ["prlimit", "--core=65536:65536", spore_binary(), "server", "--config", str(pipe)]
    ) as process:
        with open_pipe(pipe):
            limits = pathlib.Path(f"/proc/{process.pid}/limits").read_text()
        assert process.wait() == 1
    assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE), limits


PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHVq21KENGRmWtqi73NAPue69nZsk/6bOHw1KX+yKKed"
SECRET_FILES = [
    (0o600, None),
    (0o400, None),
    (0o640, None),
    (0o644, "secret file is readable by everyone"),
    (0o604, "secret file is readable by everyone"),
    (0o602, "secret file is writable by everyone"),
    (0o620, "secret file is writable by its group"),
]


@pytest.mark.parametrize(
    "mode, warning", SECRET_FILES, ids=[f"{mode:o}" for mode, _ in SECRET_FILES]
)
def test_a_secrets_file_that_is_open_to_everyone(tmp_path, address, mode, warning):
    """One warning names the file and the remedy; the file is still used."""
    path = tmp_path / "secret.key"
    path.write_text("s3cret\n")
    path.chmod(mode)
    with spore_server(address, extra=["--secret-file", str(path)]) as server:
        server.secret = "s3cret"
        with Tunnel(server):
            pass
        warned = [line.split(" warn  ")[1] for line in server.process.stderr if " warn " in line]
    remedy = f"chmod {'g-w,' if mode & 0o020 else ''}o-rwx {path}"
    assert warned == ([f'{warning} path={path} run="{remedy}"'] if warning else [])


@pytest.mark.parametrize(
    "mode, who",
    [(0o644, None), (0o620, "its group"), (0o666, "everyone")],
    ids=["644", "620", "666"],
)
def test_files_of_clients_that_others_may_write(tmp_path, mode, who):
    """Keys, passwords, limits and secrets: each file is warned of once, and is still used."""
    files = {
        "keys": f"{PUBLIC_KEY} alice",
        "users": "alice:$2y$04$aK0rSKnXZxr5If.QLMU66eJpur3BSF2UcSoHfC6Uey5xeTlGtkYLK",
        "limits": '{"alice": {"max_tunnels": 5}}',
        "team": "alice:one",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(f"{text}\n")
        (tmp_path / name).chmod(mode)
    config = {
        "plugins": {"path": [str(pathlib.Path(spore_binary()).parent / "test-plugins")]},
        "transport": [{"use": "trusted"}],
        "auth": [
            {"use": "pubkey", "authorized_keys": ["keys"], "names": ["a.example"]},
            {"use": "htpasswd", "file": "users", "policy_file": "limits"},
            {"use": "multi_secret", "secrets_file": "team"},
        ],
    }
    path = tmp_path / "server.json"
    path.write_text(json.dumps(config))
    made = run([spore_binary(), "server", "--check", "--config", str(path)])
    assert made.status == 0, made.log()
    for name in files:
        file = tmp_path / name
        said = f"{file} is writable by {who}: run `chmod go-w {file}`"
        assert sum(said in line for line in made.stderr) == (1 if who else 0), made.log()
    assert who or "is writable" not in made.log()


def test_a_secret_from_a_pipe(tmp_path, address):
    pipe = make_pipe(tmp_path / "pipe", 0o666)
    control = address.free_port()
    words = [
        "--bind-addr",
        address.host,
        "--control-port",
        str(control),
        "--secret-file",
        str(pipe),
    ]
    with Process([spore_binary(), "server", *words]) as process:
        with open_pipe(pipe) as writer:
            writer.write(b"s3cret\n")
        process.wait_for("server listening", stream="stderr")
        assert process.stop() == 0
    assert not any(" warn " in line for line in process.stderr)
