"""What the plugin auth_ledger has counted, and reloads of its servers."""

import json
import re
import signal

REASONS = ["closed", "refused", "moved", "revoked", "kicked", "expired", "shutdown"]


class Books:
    """What all ledgers of a process have counted until they were destroyed."""

    LINE = re.compile(
        r"ledger allows=(\d+) ends=(\d+) open=(\d+) wrong=(\d+) renewals=(\d+) reasons=([\d,]+)"
    )

    def __init__(self, process):
        found = [match for line in process.stderr if (match := self.LINE.search(line))]
        assert found, process.log()
        self.ledgers = len(found)
        self.allows, self.ends, self.open, self.wrong, self.renewals = (
            sum(int(match[i]) for match in found) for i in range(1, 6)
        )
        numbers = [list(map(int, match[6].split(","))) for match in found]
        self.reasons = dict(zip(REASONS, map(sum, zip(*numbers))))

    def check(self):
        assert (self.ends, self.open, self.wrong) == (self.allows, 0, 0), vars(self)
        assert sum(self.reasons.values()) == self.ends, vars(self)


def reload(host, server, auth, times=1):
    path = host.folder / f"server{server.control[1]}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "auth": auth}))
    server.process.signal(signal.SIGHUP)
    server.process.wait_for("configuration reloaded", times=times)
