"""On a reload an instance sees the one that it replaces, and no other."""

import json
import re
import signal


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
