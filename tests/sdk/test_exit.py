"""A plugin that calls exit(0) does not end the process as if all were well: the last line of the
log names the plugin, and the status is 1."""

import json
import os
import signal

import pytest

from harness.peers import spore_binary
from harness.process import run
from harness.sockets import connect

IN_CONSTRUCTOR = {"EXIT_IN": "constructor"}


def exiting(where, use="exit"):
    return [{"use": use, "name": "staff", "in": where}]


def expect_exit(process, plugin, thread=None):
    """What an ended process has said at last."""
    assert process.status == 1, process.log()
    last = f" error plugin called exit() plugin={plugin}" + (f" thread={thread}" if thread else "")
    assert process.stderr[-1].endswith(last), process.log()


def expect_end(server, plugin, thread):
    """Waits for a server that is about to end."""
    server.process_was_ended = True
    assert server.process.wait() == 1, server.process.log()
    server.process.wait_for(
        rf"^\S+Z error plugin called exit\(\) plugin={plugin}{thread}$", stream="stderr"
    )
    assert "called exit()" in server.process.stderr[-1], "nothing comes behind it"


def spore(*arguments, env=None):
    return run([spore_binary(), *map(str, arguments)], env=env)


def check(host, env=None, **sections):
    config = host.write(host.server_config(**sections), "check.json")
    return spore("server", "--check", "--config", config, env=env)


@pytest.mark.parametrize("where, thread", [("create", "control"), ("worker_start", '"worker 0"')])
def test_at_a_start_and_in_a_check(host, where, thread):
    expect_exit(host.refused(auth=exiting(where)), "staff", thread)
    process = check(host, auth=exiting(where))
    expect_exit(process, "staff", thread)
    assert process.stdout == []


def test_in_a_constructor(host, plugin_folder):
    path = f"{plugin_folder()}/auth_exit.so"
    auth = exiting("nowhere")
    expect_exit(host.refused(env=IN_CONSTRUCTOR, auth=auth), path, "control")
    expect_exit(check(host, env=IN_CONSTRUCTOR, auth=auth), path, "control")


def test_in_a_constructor_for_the_commands_that_only_look(plugin_folder):
    """They try it in another process first, and say with which status that ended."""
    path = f"{plugin_folder()}/auth_exit.so"
    process = spore("plugin", "info", path, "--json", env=IN_CONSTRUCTOR)
    assert process.status == 1
    assert (
        json.loads("\n".join(process.stdout))["refusal"]
        == f"plugin {path} refused: loading it ends the process with status 0"
    )
    process = spore("reference", "--plugin-path", plugin_folder(), env=IN_CONSTRUCTOR)
    assert any(path in line and "status 0" in line for line in process.stderr), process.log()


@pytest.mark.parametrize(
    "use, thread", [("exit", r"worker \d"), ("auth_exit:exit_blocking", "pool")]
)
@pytest.mark.parametrize("where", ["verify", "quick"])
def test_in_a_slot(host, answering, use, thread, where):
    with host.server(auth=exiting(where, use)) as server:
        with answering.to(server) as wire:
            wire.say("anything", {"Hello": 0})
            expect_end(server, "staff", rf' thread="?{thread}"?')


def test_in_a_timer(host):
    """It may fire before or after the server listens."""
    config = host.write(host.server_config(workers=1, auth=exiting("timer")), "timer.json")
    expect_exit(spore("server", "--config", config), "staff", '"worker 0"')


def test_in_a_thread_of_its_own(host, answering, plugin_folder):
    """The file is known by the address of its code."""
    with host.server(auth=exiting("thread")) as server:
        with answering.to(server) as wire:
            wire.say("anything", {"Hello": 0})
            expect_end(server, f"{plugin_folder()}/auth_exit.so", "")


def test_in_a_stream(host):
    with host.server(transport=[{"use": "exit", "name": "sieve"}]) as server:
        with connect(*server.control) as wire:
            wire.sendall(b"anything")
            expect_end(server, "sieve", r' thread="worker \d"')


@pytest.mark.parametrize("where, thread", [("stop", r'"worker \d"'), ("destroy", "control")])
def test_at_the_end(host, where, thread):
    with host.server(auth=exiting(where)) as server:
        server.process.terminate()
        expect_end(server, "staff", f" thread={thread}")


@pytest.mark.parametrize("where, thread", [("create", "control"), ("worker_start", r'"worker \d"')])
def test_on_a_reload(host, where, thread):
    with host.server(auth=exiting("nowhere")) as server:
        path = host.folder / f"server{server.control[1]}.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "auth": exiting(where)}))
        server.process.signal(signal.SIGHUP)
        expect_end(server, "staff", f" thread={thread}")


def test_in_a_constructor_on_a_reload(host, plugin_folder):
    with host.server(env=IN_CONSTRUCTOR) as server:
        path = host.folder / f"server{server.control[1]}.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "auth": exiting("nowhere")}))
        server.process.signal(signal.SIGHUP)
        expect_end(server, f"{plugin_folder()}/auth_exit.so", " thread=control")


def test_in_json(host):
    process = host.refused(auth=exiting("create"), log={"format": "json"})
    assert process.stderr[-1].endswith(
        '"level":"error","event":"plugin called exit()","plugin":"staff","thread":"control"}'
    )


def test_a_child_process_of_a_plugin_may_exit(host, answering):
    """A sanitizer would take what the child leaves behind for leaks, and change its status."""
    env = {"ASAN_OPTIONS": f"{os.environ.get('ASAN_OPTIONS', '')}:detect_leaks=0"}
    with host.server(env=env, auth=exiting("fork")) as server:
        with answering.to(server) as wire:
            wire.tunnel("anything")
            server.process.wait_for("child ended plugin=staff status=7", stream="stderr")
        assert server.stop() == 0
        assert not any("called exit()" in line for line in server.process.stderr)


def test_a_regular_end_keeps_its_status(host):
    assert check(host, auth=exiting("nowhere")).status == 0
    assert spore("server", "--no-such-flag").status == 2
    with host.server(auth=exiting("nowhere")) as server:
        assert server.stop() == 0
