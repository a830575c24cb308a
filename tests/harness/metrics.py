"""Reads what an exporter serves, like a scraper."""

import http.client
import re

from .scale import seconds

_SAMPLE = re.compile(r"(?P<name>[a-z0-9_]+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
_LABEL = re.compile(r'([a-z0-9_]+)="((?:[^"\\]|\\.)*)"')


class Page:
    """The samples of a text exposition."""

    def __init__(self, text):
        self.text = text
        self.samples = []
        self.types = {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                name, kind = line.split()[2:]
                assert name not in self.types, f"{name} appears twice"
                self.types[name] = kind
            elif not line.startswith("#"):
                found = _SAMPLE.fullmatch(line)
                assert found, f"not a sample: {line!r}"
                labels = dict(_LABEL.findall(found["labels"] or ""))
                self.samples.append((found["name"], labels, float(found["value"])))

    def names(self):
        return {name for name, _, _ in self.samples}

    def find(self, name, **labels):
        """The values of all samples with these labels (and perhaps others)."""
        return [
            value
            for each, its, value in self.samples
            if each == name and all(its.get(key) == wanted for key, wanted in labels.items())
        ]

    def value(self, name, **labels):
        """The only value; fails if there is no such sample, or more than one."""
        found = self.find(name, **labels)
        assert len(found) == 1, f"{len(found)} samples of {name}{labels}"
        return found[0]


class Exporter:
    """The address at which metrics are served."""

    def __init__(self, host, port):
        self.host = host
        self.port = port

    def get(self, path="/metrics", method="GET", headers=None, body=None, source=None, timeout=5.0):
        """Requests a page on a new connection; returns (status, headers in lower case, text)."""
        connection = http.client.HTTPConnection(
            self.host,
            self.port,
            timeout=seconds(timeout),
            source_address=(source, 0) if source else None,
        )
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            text = response.read().decode()
            return (
                response.status,
                {key.lower(): value for key, value in response.getheaders()},
                text,
            )
        finally:
            connection.close()

    def page(self, **options):
        status, _, text = self.get(**options)
        assert status == 200, text
        return Page(text)

    def value(self, name, **labels):
        return self.page().value(name, **labels)
