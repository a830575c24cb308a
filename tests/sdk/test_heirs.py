"""On a reload an instance sees the one that it replaces, and gets what that one hands on."""

import json
import pathlib
import re
import shutil
import signal

from harness.peers import spore_binary


def chains(control, public):
    """Two access lists, whose instances are given as name and number."""
    return {
        point: [{"use": "heir", "name": name, "number": number} for name, number in instances]
        for point, instances in (("control", control), ("public", public))
    }


def test_of_two_with_one_name_each_has_its_own(host):
    """The first replaces the first and the second the second, whatever stands between them."""
    with host.server(acl=chains([("a", 1), ("a", 2)], [])) as server:
        path = host.folder / f"server{server.control[1]}.json"
        config = json.loads(path.read_text())
        path.write_text(
            json.dumps({**config, "acl": chains([("a", 3), ("b", 4), ("a", 5), ("a", 6)], [])})
        )
        server.process.signal(signal.SIGHUP)
        server.process.wait_for("configuration reloaded")
    heirs = [
        int(heir)
        for heir in re.findall(r"created plugin=\w heir_of=(\d+)", "\n".join(server.process.stderr))
    ]
    assert heirs == [0, 0, 1, 0, 2, 0]


def test_an_instance_sees_the_one_that_it_replaces(host):
    """The name and the list decide: an "a" of another list is not replaced."""
    with host.server(acl=chains([("a", 1), ("b", 2)], [("a", 3)])) as server:
        path = host.folder / f"server{server.control[1]}.json"
        config = json.loads(path.read_text())
        for swaps, acl in enumerate(
            [
                chains([("b", 4), ("c", 5), ("a", 6)], [("b", 7)]),
                chains([("a", 8)], [("b", 9)]),
            ],
            start=1,
        ):
            path.write_text(json.dumps({**config, "acl": acl}))
            server.process.signal(signal.SIGHUP)
            server.process.wait_for("configuration reloaded", times=swaps)
    heirs = [
        (found[1], int(found[2]))
        for line in server.process.stderr
        if (found := re.search(r"created plugin=(\w) heir_of=(\d+)", line))
    ]
    assert heirs == [
        ("a", 0),
        ("b", 0),
        ("a", 0),
        ("b", 2),
        ("c", 0),
        ("a", 1),
        ("b", 0),
        ("a", 6),
        ("b", 7),
    ]


def inherited(process):
    """What each instance inherited: its name, the first number and the sum of all before it."""
    log = "\n".join(process.stderr)
    firsts = re.findall(r"inherited plugin=(\w) first=(\d+)", log)
    sums = re.findall(r"inherited plugin=\w sum=(\d+)", log)
    return [(name, int(first), int(total)) for (name, first), total in zip(firsts, sums)]


class Reloads:
    """A server whose configuration changes."""

    def __init__(self, host, server):
        self.server, self.times = server, 0
        self.path = host.folder / f"server{server.control[1]}.json"

    def ask(self, acl):
        config = json.loads(self.path.read_text())
        self.path.write_text(json.dumps({**config, "acl": acl}))
        self.server.process.signal(signal.SIGHUP)

    def to(self, acl):
        self.ask(acl)
        self.times += 1
        self.server.process.wait_for("configuration reloaded", times=self.times)


def test_state_is_handed_on_until_the_name_is_gone(host):
    with host.server(acl=chains([("a", 1)], [("a", 100)])) as server:
        reloads = Reloads(host, server)
        reloads.to(chains([("a", 2)], [("a", 200)]))
        reloads.to(chains([("b", 3), ("a", 4)], []))
        reloads.to(chains([("b", 5)], [("a", 300)]))
        reloads.to(chains([("a", 6)], []))
    assert inherited(server.process) == [
        ("a", 0, 0),
        ("a", 0, 0),
        ("a", 1, 1),
        ("a", 100, 100),
        ("b", 0, 0),
        ("a", 1, 3),
        ("b", 3, 3),
        ("a", 0, 0),
        ("a", 0, 0),
    ]


def test_a_failed_reload_changes_no_state(host):
    """The instance that was created in vain has handed its number on to nobody."""
    acl = chains([("a", 1)], [])
    failing = chains([("a", 2)], [])
    failing["control"][0]["fail"] = True
    with host.server(acl=acl) as server:
        reloads = Reloads(host, server)
        reloads.ask(failing)
        server.process.wait_for("cannot create plugin a")
        reloads.to(chains([("a", 3)], []))
    assert inherited(server.process) == [("a", 0, 0), ("a", 1, 1), ("a", 1, 1)]


def test_other_code_gets_the_state_and_not_the_instance(host, tmp_path):
    """The plugin's file is replaced by another build."""
    built = pathlib.Path(spore_binary()).parent / "test-plugins" / "acl_heir.so"
    copy = tmp_path / "acl_heir.so"
    shutil.copy(built, copy)
    with host.server(acl=chains([("a", 1)], []), folders=[tmp_path]) as server:
        reloads = Reloads(host, server)
        with copy.open("ab") as file:
            file.write(b"another build")
        reloads.to(chains([("a", 2)], []))
        reloads.to(chains([("a", 3)], []))
    assert inherited(server.process) == [("a", 0, 0), ("a", 1, 1), ("a", 1, 3)]
    heirs = re.findall(r"created plugin=a heir_of=(\d+)", "\n".join(server.process.stderr))
    assert heirs == ["0", "0", "2"]
