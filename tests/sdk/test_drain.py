"""The end of an instance: worker_drain runs on all workers before the first worker_stop, and posts
and jobs work until none is left."""

import json
import signal
import time

import pytest

from harness.scale import seconds


def expect_order(process):
    assert not [line for line in process.stderr if "behind a stop" in line or "before a" in line]
    assert not [line for line in process.stderr if "no post after" in line]


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_work_after_the_drain_is_done(host, workers):
    """Each worker gets a post, and has three rounds of a job and a post."""
    with host.server(workers=workers, auth=[{"use": "drain", "rounds": 3}]) as server:
        assert server.stop() == 0, server.process.log()
        server.process.wait_for(
            rf"first stop plugin=drain n={workers * (1 + 3 * 2)}$", stream="stderr"
        )
        expect_order(server.process)
        assert not any("refused" in line for line in server.process.stderr)


def test_work_without_end_is_refused_after_a_second(host):
    with host.server(workers=2, auth=[{"use": "drain", "rounds": -1}]) as server:
        begun = time.monotonic()
        assert server.stop() == 0, server.process.log()
        assert 1 <= time.monotonic() - begun < seconds(3)
        server.process.wait_for("refused plugin=drain", stream="stderr", times=2)
        expect_order(server.process)


def test_on_a_reload(host):
    with host.server(workers=2, auth=[{"use": "drain", "rounds": 3}]) as server:
        path = host.folder / f"server{server.control[1]}.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "auth": []}))
        server.process.signal(signal.SIGHUP)
        server.process.wait_for(r"first stop plugin=drain n=14$", stream="stderr")
        expect_order(server.process)
