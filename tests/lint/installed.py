"""An installed tree works from any folder.

usage: installed.py BUILD --cmake COMMAND --compiler COMMAND

The tree is installed and then moved to another folder. From there, a server and a client with a
secret relay an HTTP request; the schema and the manual pages exist; and a plugin that uses only
the installed SDK is built twice, with find_package(SporeSdk) and with pkg-config, and loaded by
the server. Each installed plugin belongs to one Debian package.
"""

import argparse
import http.client
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

import source

sys.path.insert(0, str(source.REPOSITORY / "tests"))

from harness.loopback import Loopback  # noqa: E402
from harness.process import Process  # noqa: E402
from harness.scale import seconds  # noqa: E402
from harness.services import Http  # noqa: E402

OUTSIDE = pathlib.Path(__file__).resolve().parent / "outside"
GREETING = "greetings from outside"


class Failure(Exception):
    """What is wrong with the installed tree."""


def run(*argv, **environment):
    """The standard output of a program that must succeed."""
    done = subprocess.run(
        [str(each) for each in argv],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds(120),
    )
    if done.returncode:
        raise Failure(f"{shlex.join(map(str, argv))}: status {done.returncode}\n{done.stdout}")
    return done.stdout


def install_elsewhere(cmake, build, scratch):
    """Installs, moves the tree, returns where it is now."""
    run(cmake, "--install", build, "--prefix", scratch / "installed")
    moved = scratch / "moved" / "to another place"
    moved.parent.mkdir()
    (scratch / "installed").rename(moved)
    return moved


def only(tree, name):
    """The one file of that name in the tree."""
    found = list(tree.rglob(name))
    if len(found) != 1:
        raise Failure(f"{name} is {len(found)} times in the installed tree; expected once")
    return found[0]


def in_one_package(tree, debian=source.REPOSITORY / "conf" / "debian"):
    """Each plugin of the tree is in the list of one Debian package."""
    lines = [line for each in debian.glob("*.install") for line in each.read_text().splitlines()]
    for plugin in sorted(only(tree, "auth_hmac.so").parent.glob("*.so")):
        lists = sum(line.endswith(f"/plugins/{plugin.name}") for line in lines)
        if lists != 1:
            raise Failure(f"{plugin.name} is in {lists} of conf/debian/*.install; expected one")


def carry(tree, plugin=None):
    """Sends an HTTP request through its server and client. `plugin` is the server's ACL."""
    spore = tree / "bin" / "spore"
    secret = {"SPORE_SECRET": "of the installed tree"}
    with tempfile.TemporaryDirectory() as folder, Loopback() as address, Http(
        address.host
    ) as service:
        config = pathlib.Path(folder, "server.json")
        config.write_text(json.dumps(_server_config(tree, address, plugin)))
        try:
            with Process(
                [spore, "server", "--config", config], env=secret, name="server"
            ) as server:
                server.wait_for("server listening")
                argv = [spore, "local", service.port, "--local-host", address.host]
                argv += ["--to", address.host, "--control-port", _port(config)]
                with Process(argv, env=secret, name="client") as client:
                    public = client.wait_for(r"^listening at (\S+):(\d+)$", stream="stdout")
                    _request(public.group(1), int(public.group(2)))
                    _end(client)
                _end(server)
        except (AssertionError, OSError) as error:
            raise Failure(str(error)) from error
        if plugin and not any(GREETING in line for line in server.lines):
            raise Failure(f"{plugin} was not loaded\n{server.log()}")


def _server_config(tree, address, plugin):
    config = {"server": {"bind_addr": address.host, "control_port": address.free_port()}}
    if plugin:
        own = only(tree, "auth_hmac.so").parent
        config["plugins"] = {"path": [str(plugin.parent), str(own)]}
        config["acl"] = {"public": [{"use": "greeter"}]}
    return config


def _port(config):
    return json.loads(config.read_text())["server"]["control_port"]


def _request(host, port):
    web = http.client.HTTPConnection(host, port, timeout=seconds(10))
    try:
        web.request("POST", "/installed", body=b"a request through an installed tree")
        answer = web.getresponse()
        body = answer.read()
    finally:
        web.close()
    if answer.status != 200 or b"a request through an installed tree" not in body:
        raise Failure(f"the service's answer did not come through: {answer.status} {body!r}")


def _end(process):
    status = process.stop()
    if status != 0:
        raise Failure(f"the {process.name} ended with {status}\n{process.log()}")


def with_find_package(cmake, tree, compiler, scratch):
    """The plugin as a CMake project builds it."""
    build = scratch / "with cmake"
    run(
        cmake, "-S", OUTSIDE, "-B", build, f"-DCMAKE_PREFIX_PATH={tree}",
        f"-DCMAKE_C_COMPILER={compiler}", "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror",
    )  # fmt: skip
    run(cmake, "--build", build)
    return build / "acl_greeter.so"


def with_pkg_config(tree, compiler, scratch):
    """The plugin as a makefile builds it."""
    folder = scratch / "with pkg-config"
    folder.mkdir()
    path = {"PKG_CONFIG_PATH": str(only(tree, "spore-sdk.pc").parent)}
    flags = shlex.split(run("pkg-config", "--cflags", "spore-sdk", **path))
    plugin = folder / "acl_greeter.so"
    run(
        compiler, "-std=c11", "-Wall", "-Wextra", "-Werror", "-fPIC", "-fvisibility=hidden", *flags,
        "-shared", "-Wl,-z,defs", OUTSIDE / "acl_greeter.c", "-o", plugin,
    )  # fmt: skip
    return plugin


def check(cmake, compiler, build):
    with tempfile.TemporaryDirectory(prefix="spore installed ") as folder:
        scratch = pathlib.Path(folder)
        tree = install_elsewhere(cmake, build, scratch)
        only(tree, "spore.schema.json")
        for page in pathlib.Path(build, "man").glob("*.[1-8]"):
            only(tree, page.name)
        in_one_package(tree)
        print("carrying a request with the moved tree")
        carry(tree)
        print("building a plugin with find_package(SporeSdk), and loading it")
        carry(tree, with_find_package(cmake, tree, compiler, scratch))
        print("building a plugin with pkg-config, and loading it")
        carry(tree, with_pkg_config(tree, compiler, scratch))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--cmake", default="cmake")
    parser.add_argument("--compiler", default="cc")
    arguments = parser.parse_args()
    try:
        check(arguments.cmake, arguments.compiler, arguments.build)
    except Failure as failure:
        sys.exit(f"installed: {failure}")
    print("installed: fine")
