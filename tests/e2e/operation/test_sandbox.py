"""In a sandbox that refuses system calls, Spore does without them or says which one is missing."""

import json

import pytest

from harness.bulk import Sending, receive_pattern
from harness.peers import is_sanitized, spore_binary, spore_client, spore_server
from harness.process import Process, run
from harness.sandbox import refusing, without_proc
from harness.scale import MIB, size
from harness.services import Inbox
from harness.sockets import connect

COPYING = r"bulk data is copied, not spliced: a system call is refused call=splice "
HINT = r"(Operation not permitted|Function not implemented) \(does a sandbox refuse this system"


def transfer(server, client, service):
    """Both ways, more than the sockets hold, and to its end."""
    total = size(12 * MIB, least=4 * MIB)
    with connect(server.public_host, client.port) as visitor, service.take() as served:
        for near, far in ((visitor, served), (served, visitor)):
            sending = Sending(near, total, end=True)
            assert receive_pattern(far) == (total, sending.result())


@pytest.mark.parametrize("error", ["EPERM", "ENOSYS"])
@pytest.mark.parametrize("end", ["server", "client"])
def test_bulk_is_copied_where_splice_is_refused(address, end, error):
    sandbox = {"within": refusing(error, "splice")}
    with spore_server(
        address, **(sandbox if end == "server" else {})
    ) as server, Inbox() as service:
        with spore_client(
            server.control, service.port, **(sandbox if end == "client" else {})
        ) as client:
            for _ in range(3):
                transfer(server, client, service)
            told = {"server": server, "client": client}[end].process
            told.wait_for(COPYING, stream="stderr")
            assert sum("bulk data is copied" in line for line in told.stderr) == 1


@pytest.mark.parametrize("error", ["EPERM", "ENOSYS"])
def test_spore_does_without_calls_that_others_refuse(address, error):
    """Without each of these there is another way, or nothing that is needed."""
    calls = ["sendfile", "splice", "timerfd_create"]
    if not is_sanitized():  # a sanitizer needs these itself
        calls += ["getrusage", "madvise", "prlimit64", "readlinkat", "rseq", "sched_getaffinity"]
        calls += ["set_robust_list", "sigaltstack", "uname"]
        # The C library has another way only if the kernel has no such call.
        calls += ["clone3"] if error == "ENOSYS" else []
    sandbox = refusing(error, *calls)
    with spore_server(address, secret="s3cret", within=sandbox) as server, Inbox() as service:
        with spore_client(server.control, service.port, secret="s3cret", within=sandbox) as client:
            transfer(server, client, service)


@pytest.mark.parametrize(
    "error, call, named",
    [
        ("EPERM", "clone3", r"error: cannot start the watchdog: clone3: "),
        ("EPERM", "epoll_create1", r"error: cannot create an event loop: epoll_create1: "),
        ("ENOSYS", "eventfd2", r"error: cannot start the log: eventfd2 or clone3: "),
        ("EPERM", "getrandom", r"error: no random numbers: getrandom: "),
        ("ENOSYS", "getrandom", r"error: no random numbers: getrandom: "),
        ("EPERM", "fchmod", r"error: /admin/socket: cannot create the admin socket \S+: fchmod: "),
        (
            "ENOSYS",
            "flock",
            r"error: /admin/socket: cannot create the admin socket \S+: flock of its directory: ",
        ),
        ("EPERM", "memfd_create", r"transport_plain\.so into memory: memfd_create: "),
        ("ENOSYS", "pipe2", r"error: cannot start the watchdog: pipe2: "),
        ("EPERM", "readlink", r"transport_plain\.so beside the executable: readlink of \S+: "),
    ],
)
def test_a_call_that_a_start_needs_is_named(address, tmp_path, error, call, named):
    config = tmp_path / "server.json"
    config.write_text(
        json.dumps(
            {
                "server": {"bind_addr": address.host, "control_port": address.free_port()},
                "admin": {"socket": str(tmp_path / "admin.sock")},
            }
        )
    )
    # A wrapper between the two might need the call.
    process = run([*refusing(error, call), spore_binary(), "server", "--config", config])
    assert process.status == 1
    process.wait_for(named + HINT, stream="stderr")


def test_a_refused_accept_is_named(address):
    with spore_server(address, within=refusing("EPERM", "accept4")) as server:
        with connect(*server.control):
            server.process.wait_for(
                r'cannot accept connections, .* call=accept4 error="Operation not permitted"'
            )


def check_without_proc(server, tmp_path, text):
    config = tmp_path / "server.json"
    config.write_text(json.dumps(server))
    with Process([*without_proc(), spore_binary(), "server", "--config", config]) as process:
        assert process.wait() == 1
        assert text in "\n".join(process.stderr)


def test_without_proc_the_error_says_so(address, tmp_path):
    section = {"bind_addr": address.host, "control_port": address.free_port()}
    check_without_proc(
        {"server": section},
        tmp_path,
        "cannot look for transport_plain.so beside the executable: /proc is not mounted",
    )


def test_a_plugin_of_a_given_folder_is_not_blamed_for_a_missing_proc(address, tmp_path):
    section = {"bind_addr": address.host, "control_port": address.free_port()}
    folder = spore_binary().rsplit("/", 1)[0] + "/plugins"
    check_without_proc(
        {"server": section, "plugins": {"path": [folder]}},
        tmp_path,
        "/transport_plain.so refused: cannot load it: plugins are loaded through /proc/",
    )
