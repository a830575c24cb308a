"""Markdown from the figures of all rounds."""

import os
import platform
import statistics
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from .peers import Contender
from .scenarios import Column, Figures, Scenario

NOTHING = "–"


class Results:
    """Figures by scenario, contender and round, and what failed instead."""

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
        """The median of the rounds' ratios: two neighbours in time share the machine's mood."""
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
        f"- TCP congestion control: {congestion.read_text().strip() if congestion.exists() else 'unknown'}",
    ]


def load_average() -> str:
    return "%.2f" % os.getloadavg()[0]


def cell(values: List[float], digits: int) -> str:
    if not values:
        return NOTHING
    low, middle, high = (f"{value:,.{digits}f}" for value in (min(values), statistics.median(values), max(values)))
    # A minus that only rounding left.
    texts = [text[1:] if text.strip("-0.,") == "" and text.startswith("-") else text for text in (middle, low, high)]
    return texts[0] if texts[1] == texts[2] else "%s (%s–%s)" % tuple(texts)


def ratio_text(value: Optional[float]) -> str:
    return NOTHING if value is None else f"{value:.2f}"


def table(rows: List[List[str]]) -> List[str]:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    rule = "|" + "|".join(["---"] + ["---:"] * (len(rows[0]) - 1)) + "|"
    return [lines[0], rule, *lines[1:]]


def scenario_row(results: Results, scenario: Scenario, name: str, baseline: str, columns: List[Column]) -> List[str]:
    rounds = results.rounds(scenario.name, name)
    row = [name, "FAILED" if not rounds and results.has_failed(scenario.name, name) else str(len(rounds))]
    for column in columns:
        row.append(cell([figures[column.key] for figures in rounds.values() if column.key in figures], column.digits))
        if column.has_ratio:
            row.append(ratio_text(results.ratio(scenario.name, name, baseline, column.key)))
    return row


def scenario_table(results: Results, scenario: Scenario, names: List[str], baseline: str) -> List[str]:
    head = ["contender", "n"]
    for column in scenario.columns:
        head += [column.title, f"× {baseline}"] if column.has_ratio else [column.title]
    rows = [
        scenario_row(results, scenario, name, baseline, list(scenario.columns))
        for name in names
        if not (scenario.needs_tunnel and name == "direct")
    ]
    return ["", f"### {scenario.title} (`{scenario.name}`)", "", *table([head, *rows])]


def summary_table(
    results: Results, scenarios: List[Scenario], names: List[str], skipped: List[str], baseline: str
) -> List[str]:
    rows = [["scenario", "figure", *names, *skipped]]
    for scenario in scenarios:
        headline = scenario.columns[0]
        ratios = [ratio_text(results.ratio(scenario.name, name, baseline, headline.key)) for name in names]
        rows.append([f"`{scenario.name}`", headline.title, *ratios, *["SKIPPED"] * len(skipped)])
    return ["", f"### Headline figures, as multiples of {baseline}", "", *table(rows)]


def whole(
    results: Results,
    scenarios: List[Scenario],
    contenders: List[Contender],
    skipped: Dict[str, str],
    baseline: str,
    facts: List[str],
) -> str:
    names = [contender.name for contender in contenders]
    lines = ["## Benchmark", "", *machine(), *facts, ""]
    lines += [f"- {contender.name}: {contender.version}" for contender in contenders]
    lines += [f"- **{name}: SKIPPED**: {reason}" for name, reason in skipped.items()]
    lines += ["", "Cells are the median over n rounds (minimum–maximum)."]
    if baseline in names:
        lines += [f"“× {baseline}” is the median over the rounds of the ratio to {baseline} in the same round."]
        lines += summary_table(results, scenarios, names, list(skipped), baseline)
    else:
        lines += [f"There are no ratios, because {baseline} did not take part."]
    for scenario in scenarios:
        lines += scenario_table(results, scenario, names, baseline)
    if results.failures:
        lines += ["", "### FAILED", ""]
        lines += [f"- round {number + 1}, {scenario}, {name}: {reason}" for scenario, name, number, reason in results.failures]
    return "\n".join(lines) + "\n"
