"""The scenarios and their figures.

A scenario's function gets a running Stack and returns its figures by column key. Work is divided
by CPU time over the whole load, warm-up and draining included, because the CPU time is too.
"""

import subprocess
import time
from dataclasses import dataclass
from typing import Callable, Dict, Iterator, Tuple

from .stack import Failure, Stack, read_figures

GIB = 1 << 30
Figures = Dict[str, float]


@dataclass
class Settings:
    seconds: float
    warmup: float
    settle: float  # rest before memory is read
    idle: int  # connections of the memory scenario
    count: int  # connections of the leak scenario


@dataclass(frozen=True)
class Column:
    key: str
    title: str
    digits: int
    has_ratio: bool = True


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    columns: Tuple[Column, ...]  # the first one is the scenario's headline
    run: Callable[[Stack, Settings], Figures]
    is_pinned: bool = False  # everything on one CPU
    is_default: bool = True
    needs_tunnel: bool = False


def time_limit(settings: Settings) -> float:
    """A time limit for a load that hangs; normally it ends by itself."""
    return settings.warmup + settings.seconds + 40


def cpu_now(stack: Stack) -> Figures:
    return {name: group.cpu_seconds() for name, group in stack.halves().items()}


def load_and_weigh(stack: Stack, limit: float, unit: float, scenario: str, **options):
    """The figures of the load, and CPU seconds for `unit` units of work on each half and on
    both."""
    before = cpu_now(stack)
    result = stack.load(scenario, limit, **options)
    after = cpu_now(stack)
    if result["counted"] == 0:
        raise Failure(f"nothing got through; errors: {describe_errors(result)}")
    weighed = {
        f"cpu_{name}": (after[name] - before[name]) * unit / result["total"] for name in before
    }
    if weighed:
        weighed["cpu"] = sum(weighed.values())
    weighed["errors"] = sum(result["errors"].values())
    return result, weighed


def describe_errors(result: dict) -> str:
    return (
        ", ".join(f"{count} {name}" for name, count in result["errors"].items() if count) or "none"
    )


def timed(settings: Settings) -> dict:
    return {"seconds": settings.seconds, "warmup": settings.warmup}


def bulk(direction: str, streams: int) -> Scenario:
    def run(stack: Stack, settings: Settings) -> Figures:
        result, figures = load_and_weigh(
            stack,
            time_limit(settings),
            GIB,
            f"bulk-{direction}",
            connections=streams,
            **timed(settings),
        )
        return dict(figures, rate=result["rate"] / GIB)

    columns = (
        Column("rate", "GiB/s", 2),
        Column("cpu", "CPU s/GiB", 3),
        Column("cpu_server", "server", 3, False),
        Column("cpu_client", "client", 3, False),
        Column("errors", "errors", 0, False),
    )
    way = "visitor to service" if direction == "up" else "service to visitor"
    streams_text = "1 stream" if streams == 1 else f"{streams} streams"
    return Scenario(f"bulk{streams}-{direction}", f"Bulk, {streams_text}, {way}", columns, run)


def with_latency(load: str, connections: int, scale: float):
    def run(stack: Stack, settings: Settings) -> Figures:
        result, figures = load_and_weigh(
            stack, time_limit(settings), 1e6, load, connections=connections, **timed(settings)
        )
        latency = result["latency_us"]
        return dict(
            figures, rate=result["rate"], p50=latency["p50"] / scale, p99=latency["p99"] / scale
        )

    return run


def latency_columns(what: str, unit: str, digits: int) -> Tuple[Column, ...]:
    return (
        Column("rate", f"{what}/s", 0),
        Column("p50", f"p50 {unit}", digits),
        Column("p99", f"p99 {unit}", digits),
        Column("cpu", "CPU µs each", 1),
        Column("cpu_server", "server", 1, False),
        Column("cpu_client", "client", 1, False),
        Column("errors", "errors", 0, False),
    )


def ping(connections: int, is_pinned: bool = False) -> Scenario:
    where = ", everything on one CPU" if is_pinned else ""
    at = "1 connection" if connections == 1 else f"{connections} connections"
    return Scenario(
        f"ping{connections}{'-pinned' if is_pinned else ''}",
        f"64-byte exchanges, {at}{where}",
        latency_columns("exchanges", "µs", 1),
        with_latency("pingpong", connections, 1),
        is_pinned,
    )


def churn(at_once: int) -> Scenario:
    return Scenario(
        f"churn{at_once}",
        f"New connections, {at_once} at once: connect, 64 bytes each way, end",
        latency_columns("connections", "ms", 2),
        with_latency("churn", at_once, 1000),
    )


def sni(at_once: int) -> Scenario:
    return Scenario(
        f"sni{at_once}",
        f"New connections by server name, {at_once} at once: connect, a ClientHello and 64 bytes, "
        "64 bytes back, end",
        latency_columns("connections", "ms", 2),
        with_latency("churn", at_once, 1000),
        needs_tunnel=True,
    )


class Held:
    """Idle connections; a context manager."""

    def __init__(self, stack: Stack, connections: int):
        self.stack = stack
        self.command = stack.load_command("hold", connections=connections)
        self.connections = connections

    def __enter__(self) -> "Held":
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            self.command, stdin=pipe, stdout=pipe, stderr=pipe, text=True
        )
        line = self.process.stdout.readline()
        if line.strip() != f'{{"held":{self.connections}}}':
            self.finish()
            raise Failure(
                f"could not open {self.connections} connections: {line.strip()} {self.messages}"
            )
        return self

    def __exit__(self, kind, *_) -> None:
        self.finish()
        if kind is None:
            self.stack.check_alive()
            errors = read_figures(self.output, self.messages)["errors"]
            if sum(errors.values()) > 0:
                raise Failure(
                    f"{sum(errors.values())} of {self.connections} idle connections broke"
                )

    def finish(self) -> None:
        try:
            self.output, self.messages = self.process.communicate("\n", timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.output, self.messages = self.process.communicate()


def memory_now(stack: Stack) -> Figures:
    return {name: group.memory_kib() for name, group in stack.halves().items()}


def descriptors_now(stack: Stack) -> Figures:
    return {name: group.descriptors() for name, group in stack.halves().items()}


def run_memory(stack: Stack, settings: Settings) -> Figures:
    # The first connections touch code and tables that are not part of the memory per connection.
    with Held(stack, 16):
        pass
    time.sleep(settings.settle)
    before = memory_now(stack)
    with Held(stack, settings.idle):
        time.sleep(settings.settle)
        during = memory_now(stack)
    time.sleep(settings.settle)
    after = memory_now(stack)
    figures: Figures = {}
    for half in before:
        figures[f"base_{half}"] = before[half]
        figures[half] = (during[half] - before[half]) / settings.idle
        figures[f"left_{half}"] = (after[half] - before[half]) / settings.idle
    return figures


def run_leak(stack: Stack, settings: Settings) -> Figures:
    options = {"connections": 64}
    limit = 60 + settings.count / 200
    stack.load("churn", limit, count=max(settings.count // 10, 1), **options)
    time.sleep(settings.settle)
    memory, descriptors = memory_now(stack), descriptors_now(stack)
    result = stack.load("churn", limit, count=settings.count, **options)
    time.sleep(settings.settle)
    figures: Figures = {
        "done": result["total"],
        "errors": sum(result["errors"].values()),
        "rate": result["rate"],
    }
    for half, size in memory_now(stack).items():
        figures[f"grown_{half}"] = size - memory[half]
    for half, count in descriptors_now(stack).items():
        figures[f"open_{half}"] = count - descriptors[half]
    return figures


def memory(idle: int) -> Scenario:
    columns = (
        Column("server", "server KiB each", 2),
        Column("client", "client KiB each", 2),
        Column("left_server", "server after close", 2, False),
        Column("left_client", "client after close", 2, False),
        Column("base_server", "server without, KiB", 0, False),
        Column("base_client", "client without, KiB", 0, False),
    )
    title = f"Memory of an idle connection, {idle} of them"
    return Scenario("memory", title, columns, run_memory, needs_tunnel=True)


def leak(count: int) -> Scenario:
    columns = (
        Column("rate", "connections/s", 0),
        Column("done", "answered", 0, False),
        Column("errors", "errors", 0, False),
        Column("grown_server", "server KiB more", 0, False),
        Column("grown_client", "client KiB more", 0, False),
        Column("open_server", "server descriptors more", 0, False),
        Column("open_client", "client descriptors more", 0, False),
    )
    title = f"Leaks: before and after {count} connections, 64 at once, behind a tenth as warm-up"
    return Scenario("leak", title, columns, run_leak, is_default=False, needs_tunnel=True)


def all_scenarios(settings: Settings) -> Iterator[Scenario]:
    for streams in (1, 16):
        for direction in ("up", "down"):
            yield bulk(direction, streams)
    for connections in (1, 64, 256):
        yield ping(connections)
    yield ping(1, is_pinned=True)
    for at_once in (1, 64):
        yield churn(at_once)
    for at_once in (1, 64):
        yield sni(at_once)
    yield memory(settings.idle)
    yield leak(settings.count)
