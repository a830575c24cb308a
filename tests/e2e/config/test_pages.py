"""The configurations in the README and on the pages of the plugins are valid."""

import json
import re
import subprocess

import pytest

from harness.peers import REPOSITORY, spore_binary
from harness.process import clean_environment, run
from harness.scale import seconds

GUIDE = REPOSITORY / "conf" / "tls.md"
PLUGINS = sorted(REPOSITORY.glob("plugins/*/README.md"))
PAGES = [REPOSITORY / "README.md", GUIDE, REPOSITORY / "conf" / "configuration.md"]
PAGES += [REPOSITORY / "conf" / "routed-ports.md", *PLUGINS]
FILES = ("file", "certfile", "keyfile", "cacertfile", "secrets_file", "authorized_keys")
USER = "alice:$2y$04$aK0rSKnXZxr5If.QLMU66eJpur3BSF2UcSoHfC6Uey5xeTlGtkYLK\n"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHVq21KENGRmWtqi73NAPue69nZsk/6bOHw1KX+yKKed carol\n"


def examples():
    """(id, text) of each configuration on a page."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        found = re.findall(r"^```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        name = page.parent.name if page.parent.parent.name == "plugins" else page.stem
        yield from ((f"{name}-{number}", block) for number, block in enumerate(found))


def values(config, wanted):
    """Every string that is the value of one of these keys."""
    items = config.items() if isinstance(config, dict) else enumerate(config)
    for key, value in items:
        if key in wanted and isinstance(value, list):
            yield from value
        elif isinstance(value, (dict, list)):
            yield from values(value, wanted)
        elif key in wanted:
            yield value


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A folder in which the commands of conf/tls.md have run."""
    folder = tmp_path_factory.mktemp("certificates")
    text = GUIDE.read_text(encoding="utf-8")
    (commands,) = re.findall(r"^```sh\n(umask 077\n.*?)^```$", text, re.MULTILINE | re.DOTALL)
    subprocess.run(["sh", "-ec", commands], cwd=folder, capture_output=True, timeout=60, check=True)
    return folder


def content_of(name, certificates):
    known = {"cert.pem": "server.pem", "key.pem": "server.key"}.get(name, name)
    if (certificates / known).exists():
        return (certificates / known).read_bytes()
    if name == "team.keys":
        return KEY.encode()
    if name == "users.htpasswd":
        return USER.encode()
    return b"carol:" * (name == "team.secrets") + b"secret of " + name.encode() + b"\n"


def test_every_plugin_shows_one():
    shown = {name.rpartition("-")[0] for name, _ in examples()}
    plugins = {page.parent.name for page in PLUGINS} - {"common"}
    assert plugins <= shown and len(plugins) > 4


@pytest.mark.parametrize(
    "text", [each[1] for each in examples()], ids=[each[0] for each in examples()]
)
def test_example_is_valid(tmp_path, certificates, text, address):
    config = json.loads(text)
    for name in values(config, FILES):
        (tmp_path / name).write_bytes(content_of(name, certificates))
        (tmp_path / name).chmod(0o600)
    path = tmp_path / "spore.json"
    text = text.replace("127.0.0.1:9568", f"{address.host}:9568")
    path.write_text(text.replace("/var/log/spore", str(tmp_path)))
    environment = clean_environment({name: f"secret of {name}" for name in values(config, ["env"])})
    role = "local" if "client" in config else "server"
    process = run(
        [spore_binary(), role, "--check", "--config", path], env=environment, timeout=seconds(20)
    )
    assert process.status == 0, process.log()


def test_the_role_of_a_plugin_is_said_once():
    """The host adds it to the plugin's summary."""
    for page in PAGES:
        assert not re.search(r"for an? (\w+); for an? \1", page.read_text(encoding="utf-8")), page
