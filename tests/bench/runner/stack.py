"""A running contender: the service and the two halves of the tunnel."""

import json
import os
import random
import resource
import shlex
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from string import Template
from typing import Dict, List, Optional, Sequence

from .hello import client_hello
from .peers import Contender
from .process import Group

# Below the ephemeral ports, so that no outgoing connection uses one of them.
PORTS = range(20000, 32000)
START_SECONDS = 10
LOOPBACK = "127.0.0.1"


class Failure(Exception):
    """A measurement failed; the text is the reason."""


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_ports(count: int) -> List[int]:
    ports: List[int] = []
    while len(ports) < count:
        port = random.choice(PORTS)
        if port not in ports and is_free(port):
            ports.append(port)
    return ports


def listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def echoes(port: int, first: bytes = b"") -> bool:
    """Whether a byte passes the tunnel in both directions: E asks the service for an echo."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as visitor:
            visitor.sendall(first + b"E!")
            return visitor.recv(1) == b"!"
    except OSError:
        return False


def room() -> Dict[str, int]:
    """Two descriptors per connection, and some for everything else."""
    descriptors = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 20000)
    return {"descriptors": descriptors, "connections": (descriptors - 200) // 2}


class Near:
    """The two halves are on one machine. A network of tests/harness can take its place.

    here, there: the addresses of the server's half and of the client's, for each other.
    within: what begins the commands of the client's half and of the service.
    """

    here = there = LOOPBACK
    within: Sequence[str] = ()


class Stack:
    """A context manager: entry starts all processes, exit ends them."""

    def __init__(
        self, contender: Contender, tools: Path, threads: int, logs: Optional[Path], network=Near()
    ):
        self.contender = contender
        self.network = network
        self.tools = tools
        self.threads = threads
        self.logs = logs
        self.groups: List[Group] = []
        self.server: Optional[Group] = None
        self.client: Optional[Group] = None
        self.port = 0  # the port for visitors
        self.hello = b""  # what visitors begin with

    def __enter__(self) -> "Stack":
        self.directory = tempfile.TemporaryDirectory(prefix="spore-bench-")
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def start(self) -> None:
        service = self.start_service()
        self.port = service
        peer = self.contender.peer
        self.hello = client_hello() if peer.wants_hello else b""
        if peer.program:
            self.port, control = free_ports(2)
            control = peer.control or control
            if not is_free(control):
                raise Failure(f"port {control}, which {peer.name} needs, is in use")
            ports = {"public": self.port, "control": control, "service": service}
            # A peer without a control port listens there with its client's half.
            link = self.network.here if peer.has_control else self.network.there
            first = (link, control) if peer.has_control else (LOOPBACK, self.port)
            end = {"link": link, "listen": self.port, "at": LOOPBACK, "target": control, "to": link}
            self.server = self.start_half("server", peer.server, {**ports, **end})
            self.wait_for(lambda: listens(*first), "its server listens")
            end.update(listen=control, at=link, target=service, to=LOOPBACK)
            if peer.client:
                self.client = self.start_half("client", peer.client, {**ports, **end})
        self.wait_for(lambda: echoes(self.port, self.hello), "a byte comes back through it")

    def start_service(self) -> int:
        program = str(self.tools / "spore-bench-service")
        command = shlex.join([*self.network.within, program, "--threads", str(self.threads)])
        group = Group(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.groups.append(group)
        line = group.process.stdout.readline()
        if not line.startswith("listening at "):
            raise Failure("the service does not start")
        return int(line.rpartition(":")[2])

    def start_half(self, half: str, command: str, ends: Dict[str, object]) -> Group:
        directory = Path(self.directory.name) / half
        directory.mkdir()
        config = directory / "config"
        values = dict(
            ends,
            program=shlex.quote(self.contender.program),
            folder=shlex.quote(str(Path(self.contender.program).parent)),
            directory=directory,
            config=config,
            **room(),
            **self.contender.values,
        )
        peer = self.contender.peer
        template = peer.client_config if half == "client" and peer.client_config else peer.config
        config.write_text(Template(template).substitute(values))
        log = self.logs / f"{self.contender.name}-{half}.log" if self.logs else None
        environment = dict(os.environ)
        if "openssl" in self.contender.values:
            environment["OPENSSL_CONF"] = self.contender.values["openssl"]
        within = self.network.within if half == "client" else ()
        words = [*within, *shlex.split(Template(command).substitute(values))]
        group = Group(shlex.join(words), log, env=environment)
        self.groups.append(group)
        return group

    def wait_for(self, is_true, what: str) -> None:
        last = time.monotonic() + START_SECONDS
        while time.monotonic() < last:
            for group in self.groups:
                if group.has_ended():
                    raise Failure(
                        f"ended with status {group.process.returncode} at once: "
                        f"{group.command}{self.hint()}"
                    )
            if is_true():
                return
            time.sleep(0.02)
        raise Failure(f"{START_SECONDS} s passed before {what}{self.hint()}")

    def hint(self) -> str:
        return "" if self.logs else " (--logs DIR keeps what it says)"

    def stop(self) -> None:
        for group in reversed(self.groups):
            group.stop()
        self.groups.clear()
        self.directory.cleanup()

    def halves(self) -> Dict[str, Group]:
        named = {"server": self.server, "client": self.client}
        return {name: group for name, group in named.items() if group}

    def check_alive(self) -> None:
        for name, group in self.halves().items():
            if group.has_ended():
                raise Failure(
                    f"its {name} ended under load, with status "
                    f"{group.process.returncode}{self.hint()}"
                )

    def load_command(self, scenario: str, **options) -> List[str]:
        command = [str(self.tools / "spore-bench-load"), scenario, "--port", str(self.port)]
        for name, value in options.items():
            command += [f"--{name}", str(value)]
        return command

    def load(self, scenario: str, limit: float, **options) -> dict:
        """Runs the load generator for at most `limit` seconds and returns its figures."""
        if self.hello:
            first = Path(self.directory.name) / "first"
            first.write_bytes(self.hello)
            options["first"] = first
        command = self.load_command(scenario, threads=self.threads, **options)
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=limit, stdin=subprocess.DEVNULL
            )
        except subprocess.TimeoutExpired as error:
            raise Failure(f"the load did not end within {limit:.0f} s") from error
        self.check_alive()
        return read_figures(done.stdout, done.stderr)


def read_figures(output: str, messages: str) -> dict:
    lines = output.strip().splitlines()
    if not lines:
        last = messages.strip().splitlines()[-1:] or ["the load generator says nothing"]
        raise Failure(last[0])
    return json.loads(lines[-1])
