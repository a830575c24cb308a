"""The commands of the tutorial work and print the output that it shows.

They run on this machine with the build under test. With SPORE_EMPTY_ROOT=1 they also run in an
empty Debian with only the source tree, after the commands that install and build Spore.
"""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

from harness.peers import REPOSITORY, spore_binary
from harness.process import clean_environment
from harness.scale import seconds
from harness.services import Echo

README = REPOSITORY / "README.md"
BUILDING = REPOSITORY / "conf" / "building.md"
TUTORIAL = REPOSITORY / "conf" / "tutorial.md"
LOOPBACK = "127.0.0.1"


def blocks(page, section=""):
    """The commands of a page, or of one of its sections, and the output that it shows."""
    text = page.read_text(encoding="utf-8")
    if section:
        (text,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [
        "".join(block for language, block in found if language == wanted) for wanted in ("sh", "")
    ]


def tutorial(address):
    """The commands and output of the tutorial, on an address that no other test uses."""
    return [text.replace(LOOPBACK, address.host) for text in blocks(TUTORIAL)]


def run(script, within=(), timeout=30.0, leaves=True, **options):
    """The output of a shell that runs the commands. All processes that they start are ended.

    leaves  whether there may be some"""
    argv = [*within, "bash", "-c", script + "\nexit 0\n"]
    with subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    ) as shell:
        try:
            said = shell.communicate(timeout=seconds(timeout))
            if not leaves:
                with pytest.raises(ProcessLookupError):
                    os.killpg(shell.pid, 0)
            return said
        except subprocess.TimeoutExpired:
            os.killpg(shell.pid, 9)
            pytest.fail(f"the commands hang: {shell.communicate()}")
        finally:
            try:
                os.killpg(shell.pid, 9)
            except ProcessLookupError:
                pass


def check(commands, promised, **options):
    said, complaints = run(commands, leaves=False, **options)
    assert said == promised, complaints
    assert promised.splitlines()[-1] == "alive", "the other client must not end"


def test_on_this_machine(tmp_path, address):
    path = f"{pathlib.Path(spore_binary()).parent}:{os.environ['PATH']}"
    check(*tutorial(address), cwd=tmp_path, env=clean_environment({"PATH": path}))


def in_background(script, command, flags, log):
    """The script with this command in the background and with additional flags."""
    script, count = re.subn(
        rf"^({command}.*)$", rf"\1 {flags} > {log} 2>&1 &", script, flags=re.MULTILINE
    )
    assert count == 1, command
    return script


def test_first_tunnel_of_the_readme(tmp_path, address):
    """The commands of the first tunnel on one machine, and a visitor."""
    script = blocks(README, "First tunnel")[0].replace("tunnel.example.com", address.host)
    script = in_background(script, "spore server", f"--bind-addr {address.host}", "server.log")
    until = "until grep -s '{}' {}; do sleep 0.05; done"
    script = script.replace(
        "spore local", until.format("server listening", "server.log") + "\nspore local"
    )
    with Echo() as service:
        script = in_background(script, "spore local", f"--local-host {service.host}", "client.log")
        script = script.replace("local 3000", f"local {service.port}")
        script += until.format("listening at", "client.log")
        script += f"\nexec 3<> /dev/tcp/{address.host}/20080 && echo ping >&3 && head -c 5 <&3"
        script += "\nexec 3>&-; kill $(jobs -p); wait"
        path = f"{pathlib.Path(spore_binary()).parent}:{os.environ['PATH']}"
        said, complaints = run(script, cwd=tmp_path, env=clean_environment({"PATH": path}))
    assert said.splitlines()[1:] == [f"listening at {address.host}:20080", "ping"], complaints


def test_first_configuration_of_the_readme(tmp_path, address):
    script = blocks(README, "First configuration")[0]
    page = README.read_text(encoding="utf-8")
    (config,) = re.findall(r"^```json\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    config = config.replace('"server": {', f'"server": {{ "bind_addr": "{address.host}",')
    (tmp_path / "server.json").write_text(config.replace(LOOPBACK, address.host))
    script = script.replace(" & server=", " 2> server.log & server=")
    until = "until grep -s -o '{}' server.log; do sleep 0.05; done\n"
    script += until.format("server listening") + "kill -HUP $server\n"
    script += until.format("configuration reloaded") + "kill $server && wait"
    path = f"{pathlib.Path(spore_binary()).parent}:{os.environ['PATH']}"
    said, _ = run(script, cwd=tmp_path, env=clean_environment({"PATH": path}), leaves=False)
    assert said.splitlines() == [
        "server.json: the configuration is good",
        "server listening",
        "configuration reloaded",
    ]


def test_its_packages_are_those_of_the_build():
    lists = (REPOSITORY / "tests/lib/packages.sh").read_text(encoding="utf-8")
    (packages,) = re.findall(r"^BUILD_PACKAGES=\(([^)]*)\)$", lists, re.MULTILINE)
    commands = blocks(BUILDING, "From source")[0]
    assert f" {' '.join(packages.split())} " in " ".join(commands.replace("\\\n", " ").split())


# ---- an empty Debian


def command(*argv, **options):
    done = subprocess.run(
        [str(each) for each in argv],
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **options,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.fixture
def empty_root(tmp_path):
    """A minimal Debian with this source tree in /spore and the network setup of this machine."""
    if os.environ.get("SPORE_EMPTY_ROOT") != "1":
        pytest.skip(
            "SKIPPED: the tutorial in an empty Debian takes minutes: SPORE_EMPTY_ROOT=1 runs it"
        )
    for what, there in (("root", os.geteuid() == 0), ("debootstrap", shutil.which("debootstrap"))):
        assert there, f"SPORE_EMPTY_ROOT=1 needs {what}"
    root = tmp_path / "root"
    command("debootstrap", "--variant=minbase", "bookworm", root)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    shutil.copytree("/etc/apt/apt.conf.d", root / "etc/apt/apt.conf.d", dirs_exist_ok=True)
    files = subprocess.run(
        ["git", "-C", REPOSITORY, "ls-files", "-z"], capture_output=True, check=True
    ).stdout
    (root / "spore").mkdir()
    for name in files.decode().split("\0")[:-1]:
        (root / "spore" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / name, root / "spore" / name)
    return root


@pytest.mark.timeout(1800)
def test_in_an_empty_root(empty_root, address):
    """The empty Debian has its own process namespace."""
    within = [
        "unshare",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount",
        "--mount-proc=" + str(empty_root / "proc"),
        "chroot",
        empty_root,
    ]
    options = {
        "env": {"PATH": os.environ["PATH"], "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive"}
    }
    setup = (
        "set -e; cd /spore; apt-get update; apt-get install --yes curl openssl; "
        + blocks(BUILDING, "From source")[0]
        + "\necho built"
    )
    said, complaints = run(setup, within, timeout=1200, **options)
    assert said.splitlines()[-1] == "built", complaints
    check(*tutorial(address), within=within, **options)
