"""The OCI image: small, reproducible, not root, and well behaved as process 1 of a container."""

import collections
import json
import shutil
import tarfile

import pytest

from harness import containers
from harness.loopback import port_is_free
from harness.peers import REPOSITORY
from harness.releases import VERSION, Repository
from harness.sockets import read_exactly
from harness.waiting import wait_until
from harness.wire import Tunnel

# A release builds the packages, which takes longer than a test usually may.
pytestmark = pytest.mark.timeout(1200)

MOST_MIB = 8
SECRET = "a secret for the image"
Server = collections.namedtuple("Server", "control public_host secret")


@pytest.fixture
def bundle(release, tmp_path):
    containers.demand_tools()
    return containers.Bundle(release.image, tmp_path)


# ---- what it is


def test_two_images_are_equal(release, tmp_path):
    """Of the same packages, by a script in another folder."""
    done = Repository(tmp_path / "elsewhere").run(
        "image", "--packages", release.made, "--output", tmp_path
    )
    assert done.returncode == 0, done.stderr
    (again,) = tmp_path.glob("*.oci.tar")
    assert again.name == release.image.name
    assert again.read_bytes() == release.image.read_bytes()


def test_size(release):
    assert release.image.stat().st_size < MOST_MIB * 1024 * 1024


def test_there_is_one_package(release, tmp_path):
    """Without it, or with two, nothing is made."""
    empty, two = tmp_path / "empty", tmp_path / "two"
    (deb,) = release.made.glob("spore_*.deb")
    for folder in (empty, two):
        folder.mkdir()
    for name in ("spore_1_amd64.deb", "spore_2_amd64.deb"):
        (two / name).symlink_to(deb)
    source = Repository(tmp_path / "source")
    for folder, text in ((empty, "there is no spore_*.deb"), (two, "more than one spore_*.deb")):
        done = source.run("image", "--packages", folder, "--output", tmp_path / "out")
        assert done.returncode == 1
        assert text in done.stderr
        assert not (tmp_path / "out").exists()


def test_configuration(bundle):
    image, config = bundle.image, bundle.image["config"]
    assert bundle.tag == VERSION
    assert image["os"] == "linux" and image["architecture"]
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["/usr/bin/spore"]
    assert config["Cmd"] == ["server", "--config", "/etc/spore/server.json"]
    assert list(config["ExposedPorts"]) == ["7835/tcp"]
    labels = config["Labels"]
    assert labels["org.opencontainers.image.version"] == VERSION
    assert labels["org.opencontainers.image.licenses"] == "MIT"
    assert labels["org.opencontainers.image.title"] == "Spore"


def test_contents(bundle):
    """No shell, nothing that another user may write to, and the licences of what is in it."""
    root = bundle.root
    assert [each.name for each in (root / "usr/bin").iterdir()] == ["spore"]
    assert not list((root / "usr/sbin").iterdir())
    for each in root.rglob("*"):
        if not each.is_symlink() and each.name != "tmp":
            mode = each.stat().st_mode
            assert not mode & 0o6022, f"{each} has mode {mode:o}"
    noted = {each.name for each in (root / "var/lib/dpkg/status.d").iterdir()}
    assert {"spore", "libc6", "libssl3"} <= noted
    assert all((root / "usr/share/doc" / name / "copyright").exists() for name in noted)
    pem = (root / "etc/ssl/certs/ca-certificates.crt").read_text()
    assert pem.count("BEGIN CERTIFICATE") > 50
    assert (root / "usr/lib/ssl/cert.pem").readlink().is_relative_to("/etc/ssl/certs")


# ---- containers


@pytest.fixture
def name(address):
    """Of a container. An address is leased to one test."""
    return f"spore-{address.host}"


def test_plugins(bundle, name):
    """All that need no library of their own can be loaded."""
    done = bundle.run(name, "plugin", "list", "--json")
    assert done.status == 0, done.log()
    own = {each.stem for each in REPOSITORY.glob("plugins/*/*.c") if each.stem == each.parent.name}
    heavy = {"auth_http", "auth_ldap", "auth_postgres", "auth_pubkey", "auth_redis"}
    heavy |= {"events_http", "metrics_prometheus", "route_http"}
    found = {each["plugin"]: each["state"] for each in json.loads("\n".join(done.stdout))}
    assert found == {each: "loaded" for each in own - heavy}


def test_exit_status(bundle, name):
    """That of the program is that of the container."""
    assert bundle.run(name, "--version").stdout == [f"spore {VERSION}"]
    assert bundle.run(name, "server", "--no-such-flag").status == 2
    done = bundle.run(name)
    assert done.status == 1, done.log()
    assert "secret.key" in done.log()


@pytest.fixture
def folder(tmp_path, address):
    """A configuration, to be mounted as /etc/spore. The server has the address of the test."""
    made = tmp_path / "etc"
    made.mkdir()
    (made / "secret.key").write_text(SECRET)
    (made / "secret.key").chmod(0o400)
    shutil.chown(made / "secret.key", 65532, 65532)
    write(made, address, address.free_port())
    return made


def write(folder, address, port, level="info"):
    text = {
        "server": {"bind_addr": address.host, "control_port": port, "drain_timeout": "20s"},
        "auth": [{"use": "hmac", "secret": {"file": "secret.key"}}],
        "log": {"level": level},
    }
    (folder / "server.json").write_text(json.dumps(text))
    (folder / "port").write_text(str(port))


@pytest.fixture
def container(bundle, folder, name):
    bundle.mount(folder, "/etc/spore")
    with containers.Container(bundle, name) as running:
        running.process.wait_for("server listening")
        yield running


@pytest.fixture
def server(folder, address):
    return Server((address.host, int((folder / "port").read_text())), address.host, SECRET)


def test_user(container):
    """Process 1 is not root."""
    with open(f"/proc/{container.pid}/status", encoding="utf-8") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    assert status["Uid"].split() == ["65532"] * 4
    assert status["Gid"].split() == ["65532"] * 4
    assert status["NSpid"].split()[-1] == "1"


def test_term_drains(container, server):
    """A visitor who is there finishes; a new one is refused; the exit status is 0."""
    with Tunnel(server) as tunnel:
        visitor, far = tunnel.join()
        container.signal("TERM")
        container.process.wait_for("drain")
        wait_until(lambda: port_is_free(*server.control), "the end of listening")
        for one, other in ((visitor, far), (far, visitor)):
            one.sendall(b"still here")
            assert read_exactly(other, 10) == b"still here"
        assert container.process.running
        visitor.close()
        far.close()
    assert container.process.wait() == 0


def test_hup_reloads(container, folder, server, address):
    """The configuration, and nothing is left of the process that tries plugins."""
    with Tunnel(server) as tunnel:
        write(folder, address, server.control[1], level="debug")
        container.signal("HUP")
        container.process.wait_for("configuration reloaded")
        visitor, far = tunnel.join()
        with visitor, far:
            visitor.sendall(b"ping")
            assert read_exactly(far, 4) == b"ping"
    assert container.processes() == []
    container.signal("INT")
    assert container.process.wait() == 0


def test_a_second_signal_ends_it(container, server):
    """Process 1 gets no signal by default, so the program itself must take it."""
    with Tunnel(server) as tunnel:
        visitor, far = tunnel.join()
        with visitor, far:
            container.signal("TERM")
            container.process.wait_for("drain")
            container.signal("INT")
            assert container.process.wait() in (0, 1)


def test_archive(release):
    """Its files belong to root and have one time."""
    with tarfile.open(release.image) as archive:
        members = archive.getmembers()
    assert {(each.uid, each.gid) for each in members} == {(0, 0)}
    assert len({each.mtime for each in members}) == 1
