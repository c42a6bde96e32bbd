"""What the load test measured, as text."""

from typing import Any

from bench.load.model import OPERATIONS, PERCENTILES
from bench.report import number, table


def text(results: dict[str, Any]) -> str:
    """Return all figures as Markdown."""
    runs, scaling = results["runs"], results["scaling"]
    main = runs[-1]
    (links, rows), (clicks, counted) = ((number(each) for each in results[name]) for name in ("links", "clicks"))
    bars = [
        [bar["what"], "" if bar["measured"] is None else number(bar["measured"]), bar["required"], _met(bar["met"])]
        for bar in results["bars"]
    ]
    latency = [
        [
            *(number(run[field]) for field in ("clients", "connections", "requests", "errors", "per_second")),
            *(number(run[name][each]) if name in run else "" for name in OPERATIONS for each in PERCENTILES),
        ]
        for run in runs
    ]
    throughput = [[number(run[field]) for field in ("clients", "per_second", "ratio")] for run in scaling]
    used = ", ".join(f"{part} {number(milliseconds)}" for part, milliseconds in main["cpu_ms"].items())
    cores = sum(main["cpu_ms"].values()) * main["per_second"] / 1000
    percentiles = [f"{name} {each}" for name in OPERATIONS for each in PERCENTILES]
    return "\n\n".join(
        [
            f"`make load`, {results['seconds'] / 60:.0f} minutes.\n{results['machine']}.",
            f"Answered: {links} links, {clicks} redirects. In the table: {rows} links, {counted} clicks.",
            *results["differences"][:20],
            *(f"{times} times {error}" for error, times in results["errors"].items()),
            table(["required", "measured", "limit", "met"], bars),
            "Through the API. Connections are the most seen at once, create and redirect are in ms.",
            table(["clients", "connections", "requests", "errors", "per second", *percentiles], latency),
            f"Processor time of a request in the run of {number(main['clients'])} clients, in ms: {used}.",
            f"That kept {number(cores)} cores busy.",
            "The redirect function's processes, asked directly, by one client each; the median of three rounds.",
            table(["processes", "per second", "of straight line"], throughput),
        ]
    )


def _met(met: bool) -> str:
    return "yes" if met else "**no**"
