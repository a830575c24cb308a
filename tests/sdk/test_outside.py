"""The SDK outside of the source tree: code and numbers of its README, installed files and template.
"""

import hashlib
import hmac
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import time
import uuid

import pytest

from harness.peers import Client, spore_binary
from harness.process import Process
from harness.scale import seconds
from harness.services import Echo
from harness.visitors import one_exchange

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
README = REPOSITORY / "sdk" / "README.md"
# All that a plugin of any kind includes.
KINDS = ("acl", "auth", "check", "events", "metrics", "route", "transport")
HEADERS = ["stdlib.h", *(f"spore/{kind}.h" for kind in KINDS)]
STRICT = ["-Wall", "-Wextra", "-Wshadow", "-Werror"]


def blocks(language):
    """The README's blocks of code in that language."""
    return re.findall(
        rf"^```{language}\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


def run(*command, cwd=None, env=None):
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=seconds(120),
    )
    assert done.returncode == 0, f"$ {shlex.join(map(str, command))}\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """A folder with the installed SDK and no other files of the source tree."""
    folder = tmp_path_factory.mktemp("prefix")
    run("cmake", "--install", pathlib.Path(spore_binary()).parent, "--prefix", folder)
    return folder


@pytest.fixture
def documents(prefix):
    """The folder of the installed documents."""
    return prefix / "share" / "doc" / "spore-sdk"


@pytest.fixture
def installed(prefix):
    """An environment in which pkg-config finds the SDK."""
    (pc,) = prefix.rglob("spore-sdk.pc")
    return {"PKG_CONFIG_PATH": str(pc.parent)}


def symbols(library):
    """The names that a shared object exports."""
    return [line.split()[-1] for line in run("nm", "-D", "--defined-only", library).splitlines()]


# ---- the README


def test_every_c_block_compiles(prefix, tmp_path):
    found = blocks("c")
    assert len(found) >= 5
    for index, block in enumerate(found):
        source = tmp_path / f"block{index}.c"
        source.write_text(
            "".join(f"#include <{header}>\n" for header in HEADERS) + block,
            encoding="utf-8",
        )
        run(
            "cc",
            "-std=c11",
            *STRICT,
            "-Wno-unused",
            f"-I{prefix}/include",
            "-c",
            source,
            "-o",
            tmp_path / "o",
        )


@pytest.mark.parametrize(
    "compiler, language",
    [
        ("gcc", "c11"),
        ("clang", "c11"),
        ("g++", "c++17"),
        ("clang++", "c++17"),
    ],
)
def test_a_field_of_another_type_does_not_compile(prefix, tmp_path, compiler, language):
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler}")
    rows = {
        'SPORE_DURATION(struct conf, {}, 0, NULL, 0, 9, "x")': "int64_t",
        'SPORE_BOOL(struct conf, {}, 0, NULL, "x")': "uint32_t",
        'SPORE_STRING(struct conf, {}, 0, NULL, "x")': "const char *",
    }
    fields = {"int64_t": "a", "uint32_t": "b", "const char *": "c", "int": "d", "char *": "e"}
    struct = "struct conf { " + " ".join(f"{kind} {name};" for kind, name in fields.items()) + " };"
    source = tmp_path / ("rows.cc" if "++" in compiler else "rows.c")
    for row, expected in rows.items():
        for kind, name in fields.items():
            source.write_text(
                f"#include <spore/auth.h>\n{struct}\nextern const spore_option row[];\n"
                f"const spore_option row[] = {{ {row.format(name)} }};\n"
            )
            done = subprocess.run(
                [
                    compiler,
                    f"-std={language}",
                    f"-I{prefix}/include",
                    "-c",
                    source,
                    "-o",
                    tmp_path / "o",
                ],
                capture_output=True,
                check=False,
            )
            assert (done.returncode == 0) == (kind == expected), (row, kind, done.stderr.decode())


def test_every_json_block_is_json():
    assert [json.loads(block) for block in blocks("json")]


def test_the_first_plugin_is_short():
    assert len(blocks("c")[0].splitlines()) <= 60


@pytest.fixture
def hours(tmp_path, installed):
    """The folder with auth_hours.so, built by the command in the README."""
    folder = tmp_path / "hours"
    folder.mkdir(mode=0o755)
    (folder / "auth_hours.c").write_text(blocks("c")[0], encoding="utf-8")
    (line,) = [block for block in blocks("sh") if "auth_hours.c" in block]
    run("sh", "-ec", line, cwd=folder, env=installed)
    return folder


def test_its_plugin_works(host, hours, answering):
    hmac = {"use": "hmac", "secret": "s3cret"}
    assert symbols(hours / "auth_hours.so") == ["spore_plugin_v1"]
    with host.server(folders=[hours], auth=[{"use": "hours", "from": 0, "to": 24}, hmac]) as server:
        with Echo() as service, host.client(server, service, auth=[hmac]) as client:
            assert one_exchange(client.host, client.port) == b"ping"


def test_its_plugin_keeps_everybody_out(host, hours, answering):
    hmac = {"use": "hmac", "secret": "s3cret"}
    opens = (int(time.time()) // 3600 + 2) % 23
    closed = {"use": "hours", "from": opens, "to": opens + 1}
    with host.server(folders=[hours], auth=[closed, hmac]) as server:
        with answering.to(server) as wire:
            wire.say("anything", {"Hello": 0}).expect_error("invalid secret")
        server.process.wait_for(r"closed at \d+ o'clock")


def test_its_plugin_reports(host, hours, error_line):
    line = error_line(host.refused(folders=[hours], auth=[{"use": "hours", "from": 9, "to": 9}]))
    assert line.endswith('error: /auth/0/to: expected an hour after "from"')


def test_its_cmake_builds(tmp_path, prefix, host, answering):
    (tmp_path / "CMakeLists.txt").write_text(blocks("cmake")[0], encoding="utf-8")
    (tmp_path / "auth_hours.c").write_text(blocks("c")[0], encoding="utf-8")
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", tmp_path / "build")
    assert symbols(tmp_path / "build" / "auth_hours.so") == ["spore_plugin_v1"]


def test_its_table_of_options_is_whole():
    """The table contains each row macro of option.h."""
    header = (REPOSITORY / "sdk/include/spore/option.h").read_text(encoding="utf-8")
    text = README.read_text(encoding="utf-8")
    macros = set(re.findall(r"#define (SPORE_[A-Z]+)\(st, f", header))
    assert len(macros) >= 17
    assert [name for name in sorted(macros) if f"`{name}`" not in text] == []


def test_its_links_lead_somewhere(documents):
    """Also where it is installed."""
    pages = list(documents.rglob("*.md"))
    assert len(pages) == 3
    for page in pages:
        for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), (page, link)


def examples():
    """The tables of the README that begin with "example", as dicts."""
    text = README.read_text(encoding="utf-8")
    tables = re.findall(r"^\| example \| \|\n\|---\|---\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    return [dict(re.findall(r"^\| (.*?) \| `(.*?)` \|$", each, re.MULTILINE)) for each in tables]


def test_its_plain_answer_is_right():
    plain, _ = examples()
    key = hashlib.sha256(plain["secret"].encode()).digest()
    challenge = uuid.UUID(plain["Challenge"]).bytes
    assert (plain["key"], plain["message"]) == (key.hex(), challenge.hex())
    assert plain["answer"] == hmac.new(key, challenge, hashlib.sha256).hexdigest()


def test_its_bound_answer_is_right():
    _, bound = examples()
    message = (
        uuid.UUID(bound["Challenge"]).bytes
        + b"spore channel binding 1\0"
        + bytes.fromhex(bound["channel binding"])
    )
    key = bytes.fromhex(bound["key"])
    assert bound["answer"] == hmac.new(key, message, hashlib.sha256).hexdigest()


# ---- the template


@pytest.fixture
def template(tmp_path, documents):
    """A copy of the installed template, as an author would make it."""
    return shutil.copytree(documents / "template", tmp_path / "mine")


def test_the_template_builds_alone_and_works(host, template, prefix, authority):
    build = template / "build"
    run(
        "cmake",
        "-S",
        template,
        "-B",
        build,
        f"-DCMAKE_PREFIX_PATH={prefix}",
        "-DCMAKE_C_FLAGS=-Werror",
    )
    run("cmake", "--build", build)
    assert symbols(build / "auth_token.so") == ["spore_plugin_v1"]
    use_token(host, build, "token")
    use_token_over_tls(host, build, authority)


def test_the_template_builds_without_cmake(host, template, prefix):
    without_cmake(template, prefix)
    assert symbols(template / "build" / "auth_token.so") == ["spore_plugin_v1"]
    use_token(host, template / "build", "token")


def without_cmake(template, prefix):
    """Runs the second way of its README."""
    text = (template / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```sh\n(export .*?)^```$", text, re.MULTILINE | re.DOTALL)
    run("sh", "-ec", block.replace("PREFIX ", f"{prefix} "), cwd=template)


def test_the_templates_cxx_variant(host, template, prefix):
    if not shutil.which("c++"):
        pytest.skip("no C++ compiler")
    build = template / "build"
    run(
        "cmake",
        "-S",
        template,
        "-B",
        build,
        f"-DCMAKE_PREFIX_PATH={prefix}",
        "-DWITH_CXX=ON",
        "-DCMAKE_CXX_FLAGS=-Werror",
    )
    run("cmake", "--build", build)
    assert symbols(build / "auth_token_cxx.so") == ["spore_plugin_v1"]
    use_token(host, build, "auth_token_cxx:token")


def use_token(host, folder, use):
    """Uses the plugin at both ends: right and wrong tokens, and no token without encryption."""
    entry = {"use": use, "token": "open sesame", "identity": "template", "insecure": True}
    with Echo() as service, host.server(folders=[folder], auth=[entry]) as server:
        plugins = host.plugins(folder)
        config = {**host.client_config(server, service, auth=[entry]), "plugins": plugins}
        with client_of(host, config) as client:
            server.process.wait_for("new client .*identity=template")
            assert one_exchange(client.host, client.port) == b"ping"
        config["auth"] = [{**entry, "token": "open barley"}]
        with client_of(host, config, listening=False).process as process:
            assert process.wait() == 3
            assert any("invalid secret" in line for line in process.stderr)
        config["auth"] = [{**entry, "insecure": False}]
        with client_of(host, config, listening=False).process as process:
            assert process.wait() == 1


def use_token_over_tls(host, folder, authority):
    """The token is sent only to a server that was verified by name or pin."""
    certificate = authority.issue(f"IP:{host.address.host}")
    auth = [{"use": "token", "token": "open sesame", "identity": "template"}]
    own = {"use": "tls", "certfile": certificate.path, "keyfile": certificate.key}
    with Echo() as service, host.server(folders=[folder], auth=auth, transport=[own]) as server:
        config = {**host.client_config(server, service, auth=auth), "plugins": host.plugins(folder)}
        for trust in (
            {"cacertfile": authority.path},
            {"insecure": True, "pins": [certificate.pin()]},
        ):
            config["transport"] = [{"use": "tls", **trust}]
            with client_of(host, config) as client:
                assert one_exchange(client.host, client.port) == b"ping"
        config["transport"] = [{"use": "tls", "insecure": True}]
        with client_of(host, config, listening=False).process as process:
            assert process.wait() == 1
            assert any("no token is sent" in line for line in process.stderr), process.log()
            assert any(
                "auth plugin token failed: it needs something that is not supported here" in line
                for line in process.stderr
            ), process.log()


def client_of(host, config, listening=True):
    path = host.write(config, "client.json")
    client = Client(
        "spore", Process([spore_binary(), "local", "--config", path], name="spore local")
    )
    return client.wait_listening() if listening else client


def test_the_templates_configs_load(host, template, prefix):
    """They load unchanged, except for the address and the ports, by the commands of its README."""
    without_cmake(template, prefix)
    (spore,) = prefix.rglob("bin/spore")
    control = host.address.free_port()
    change(
        template / "conf/server.json", "server", bind_addr=host.address.host, control_port=control
    )
    change(template / "conf/client.json", "client", to=host.address.host, control_port=control)
    token = {"EXAMPLE_TOKEN": "open-sesame"}
    with Process(
        [spore, "server", "--config", "conf/server.json"], cwd=template, env=token
    ) as server:
        server.wait_for("server listening")
        with Process(
            [spore, "local", "--config", "conf/client.json"], cwd=template, env=token
        ) as local:
            local.wait_for("listening at", stream="stdout")
            assert local.stop() == 0
        assert server.stop() == 0


def change(path, section, **keys):
    config = json.loads(path.read_text())
    config[section].update(keys)
    path.write_text(json.dumps(config))


def test_the_template_is_installed_beside_spores_plugins(template, prefix, tmp_path):
    """Where Spore finds it without a plugins.path."""
    copied = shutil.copytree(prefix, tmp_path / "prefix", symlinks=True)
    run("cmake", "-S", template, "-B", template / "build", f"-DCMAKE_PREFIX_PATH={copied}")
    run("cmake", "--build", template / "build")
    run("cmake", "--install", template / "build", "--prefix", copied)
    (installed,) = copied.rglob("auth_token.so")
    assert installed.parent == next(copied.rglob("auth_hmac.so")).parent
    (pc,) = copied.rglob("spore-sdk.pc")
    told = run(
        "pkg-config", "--variable=plugindir", "spore-sdk", env={"PKG_CONFIG_PATH": str(pc.parent)}
    )
    assert pathlib.Path(told.strip()).resolve() == installed.parent.resolve()


def test_static_libraries_are_not_exported(tmp_path, prefix):
    """By spore_add_plugin, and by the command of the README."""
    (tmp_path / "CMakeLists.txt").write_text(
        blocks("cmake")[0] + "add_library(own STATIC own.c)\n"
        "set_target_properties(own PROPERTIES POSITION_INDEPENDENT_CODE ON)\n"
        "target_link_libraries(auth_hours PRIVATE -Wl,--whole-archive own"
        " -Wl,--no-whole-archive)\n",
        encoding="utf-8",
    )
    (tmp_path / "own.c").write_text("int log(void);\nint log(void) { return 1; }\n")
    (tmp_path / "auth_hours.c").write_text(blocks("c")[0], encoding="utf-8")
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", tmp_path / "build")
    assert symbols(tmp_path / "build" / "auth_hours.so") == ["spore_plugin_v1"]
    assert "-Wl,--version-script=" in "".join(blocks("sh"))
