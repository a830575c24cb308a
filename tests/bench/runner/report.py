"""Makes Markdown from the figures of all rounds."""

import os
import platform
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from .peers import Contender
from .scenarios import Column, Figures, Scenario

NOTHING = "–"


@dataclass(frozen=True)
class Group:
    """Contenders that are compared, and the baseline of their ratios."""

    name: str
    contenders: List[Contender]
    scenarios: List[Scenario]
    baseline: str

    @property
    def title(self) -> str:
        titles = {
            "plain": "In the clear",
            "tls": "TLS between the halves",
            "sni": "A port that is shared by server name",
        }
        return titles[self.name]

    def names(self, scenario: Scenario) -> List[str]:
        """The names of the contenders that take part."""
        return [
            each.name
            for each in self.contenders
            if each.peer.takes_part(scenario.name)
            and not (scenario.needs_tunnel and not each.peer.program)
        ]


class Results:
    """Figures by scenario, contender and round, and failures."""

    def __init__(self) -> None:
        self.figures: Dict[str, Dict[str, Dict[int, Figures]]] = {}
        self.failures: List[Tuple[str, str, int, str]] = []

    def add(self, scenario: str, contender: str, round_number: int, figures: Figures) -> None:
        rounds = self.figures.setdefault(scenario, {}).setdefault(contender, {})
        rounds[round_number] = figures

    def fail(self, scenario: str, contender: str, round_number: int, reason: str) -> None:
        self.failures.append((scenario, contender, round_number, reason))

    def has_failed(self, scenario: str, contender: str) -> bool:
        return any(failure[:2] == (scenario, contender) for failure in self.failures)

    def rounds(self, scenario: str, contender: str) -> Dict[int, Figures]:
        return self.figures.get(scenario, {}).get(contender, {})

    def ratio(self, scenario: str, contender: str, baseline: str, key: str) -> Optional[float]:
        """The median of the ratios in each round. Within a round the load of the machine is
        similar."""
        base = self.rounds(scenario, baseline)
        ratios = [
            figures[key] / base[number][key]
            for number, figures in self.rounds(scenario, contender).items()
            if key in figures and base.get(number, {}).get(key, 0) > 0
        ]
        return statistics.median(ratios) if ratios else None


def machine() -> List[str]:
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    congestion = Path("/proc/sys/net/ipv4/tcp_congestion_control")
    return [
        f"- CPUs: {len(os.sched_getaffinity(0))} of {os.cpu_count()}, {model}",
        f"- kernel: {platform.system()} {platform.release()} {platform.machine()}",
        (
            "- TCP congestion control: "
            f"{congestion.read_text().strip() if congestion.exists() else 'unknown'}"
        ),
    ]


def load_average() -> str:
    return "%.2f" % os.getloadavg()[0]


def cell(values: List[float], digits: int) -> str:
    if not values:
        return NOTHING
    low, middle, high = (
        f"{value:,.{digits}f}" for value in (min(values), statistics.median(values), max(values))
    )
    # Rounding can leave a minus zero.
    texts = [
        text[1:] if text.strip("-0.,") == "" and text.startswith("-") else text
        for text in (middle, low, high)
    ]
    return texts[0] if texts[1] == texts[2] else "%s (%s–%s)" % tuple(texts)


def ratio_text(value: Optional[float]) -> str:
    return NOTHING if value is None else f"{value:.2f}"


def table(rows: List[List[str]]) -> List[str]:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    rule = "|" + "|".join(["---"] + ["---:"] * (len(rows[0]) - 1)) + "|"
    return [lines[0], rule, *lines[1:]]


def scenario_row(
    results: Results, scenario: Scenario, name: str, baseline: str, columns: List[Column]
) -> List[str]:
    rounds = results.rounds(scenario.name, name)
    row = [
        name,
        "FAILED" if not rounds and results.has_failed(scenario.name, name) else str(len(rounds)),
    ]
    for column in columns:
        row.append(
            cell(
                [figures[column.key] for figures in rounds.values() if column.key in figures],
                column.digits,
            )
        )
        if column.has_ratio:
            row.append(ratio_text(results.ratio(scenario.name, name, baseline, column.key)))
    return row


def scenario_table(results: Results, scenario: Scenario, group: Group) -> List[str]:
    head = ["contender", "n"]
    for column in scenario.columns:
        head += [column.title, f"× {group.baseline}"] if column.has_ratio else [column.title]
    rows = [
        scenario_row(results, scenario, name, group.baseline, list(scenario.columns))
        for name in group.names(scenario)
    ]
    return (
        ["", f"#### {scenario.title} (`{scenario.name}`)", "", *table([head, *rows])]
        if rows
        else []
    )


def summary_table(results: Results, group: Group) -> List[str]:
    names = [each.name for each in group.contenders]
    rows = [["scenario", "figure", *names]]
    for scenario in group.scenarios:
        headline = scenario.columns[0]
        ratios = [
            ratio_text(results.ratio(scenario.name, name, group.baseline, headline.key))
            for name in names
        ]
        if group.names(scenario):
            rows.append([f"`{scenario.name}`", headline.title, *ratios])
    return ["", f"#### Headline figures, as multiples of {group.baseline}", "", *table(rows)]


def group_lines(results: Results, group: Group) -> List[str]:
    lines = ["", f"### {group.title}"]
    if group.baseline in [each.name for each in group.contenders]:
        lines += summary_table(results, group)
    else:
        lines += ["", f"There are no ratios, because {group.baseline} did not take part."]
    for scenario in group.scenarios:
        lines += scenario_table(results, scenario, group)
    return lines


def contender_line(contender: Contender) -> str:
    line = f"- {contender.name}: {contender.version}"
    peer = contender.peer
    if not peer.program:
        return line
    commands = [text for text in dict.fromkeys([peer.server, peer.client]) if text]
    shown = [text.replace("$program", peer.program).replace("$folder/", "") for text in commands]
    return (
        f"{line}; "
        + " and ".join(f"`{text}`" for text in shown)
        + (" twice" if peer.server == peer.client else "")
    )


def whole(results: Results, groups: List[Group], skipped: Dict[str, str], facts: List[str]) -> str:
    lines = ["## Benchmark", "", *machine(), *facts, ""]
    lines += [contender_line(contender) for group in groups for contender in group.contenders]
    lines += [f"- **{name}: SKIPPED**: {reason}" for name, reason in skipped.items()]
    lines += [
        "",
        (
            "Cells are the median over n rounds (minimum–maximum). “×” is the median over the "
            "rounds of the ratio"
        ),
    ]
    lines += ["to the named contender in the same round."]
    for group in groups:
        lines += group_lines(results, group)
    if results.failures:
        lines += ["", "### FAILED", ""]
        lines += [
            f"- round {number + 1}, {scenario}, {name}: {reason}"
            for scenario, name, number, reason in results.failures
        ]
    return "\n".join(lines) + "\n"


def scenario_data(results: Results, scenario: Scenario, group: Group) -> dict:
    return {
        "title": scenario.title,
        "columns": [
            {"key": each.key, "title": each.title, "digits": each.digits}
            for each in scenario.columns
        ],
        "figures": {
            name: list(results.rounds(scenario.name, name).items())
            for name in group.names(scenario)
        },
    }


def data(results: Results, groups: List[Group], skipped: Dict[str, str], facts: List[str]) -> dict:
    """All measurements; `figures` are pairs of the number of a round and its figures."""
    return {
        "machine": machine(),
        "facts": facts,
        "skipped": skipped,
        "failures": results.failures,
        "groups": {
            group.name: {
                "title": group.title,
                "baseline": group.baseline,
                "contenders": {
                    each.name: {
                        "version": each.version,
                        "commands": [each.peer.server, each.peer.client],
                        "configs": [each.peer.config, each.peer.client_config or each.peer.config],
                    }
                    for each in group.contenders
                },
                "scenarios": {
                    each.name: scenario_data(results, each, group) for each in group.scenarios
                },
            }
            for group in groups
        },
    }
