"""What the load test measured, as text."""

from typing import Any

from bench.load.model import OPERATIONS, PERCENTILES
from bench.report import number, table


def text(results: dict[str, Any]) -> str:
    """Return all figures as Markdown."""
    runs, scaling = results["runs"], results["scaling"]
    (people, bots), (counted, bots_counted) = ([number(each) for each in side] for side in results["clicks"])
    (links, rows), differences = map(number, results["links"]), number(len(results["differences"]))
    used_up, click_counts, uncertain = (number(results[each]) for each in ("used_up", "click_counts", "uncertain"))
    reconciled = (
        f"Answered: {links} links, {people} redirects of people, {bots} of bots, {used_up} times a limit reached.\n"
        f"In the table: {rows} links, {counted} clicks on their days, {bots_counted} of bots, {click_counts} in all.\n"
        f"Uncertain, as the functions said when the database failed: {uncertain} clicks, which may be missing.\n"
        f"Compared link by link and day by day, bots apart: {differences} differences that this doesn't explain."
    )
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
    percentiles = [f"{name} {each}" for name in OPERATIONS for each in PERCENTILES]
    return "\n\n".join(
        [
            f"`make load`, {results['seconds'] / 60:.0f} minutes.\n{results['machine']}.",
            reconciled,
            *results["differences"][:20],
            *(f"{times} times {error}" for error, times in results["errors"].items()),
            table(["required", "measured", "limit", "met"], bars),
            "Through the API. Connections are the most seen at once, create and redirect are in ms.",
            table(["clients", "connections", "requests", "errors", "per second", *percentiles], latency),
            "The redirect function's processes, asked directly, by one client each; the median of three rounds.",
            table(["processes", "per second", "of straight line"], throughput),
        ]
    )


def _met(met: bool) -> str:
    return "yes" if met else "**no**"
