"""What was measured, as text, as a picture and as a page."""

import html
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bench.cost.tables import number, table
from bench.load.model import LIMITS

OPERATIONS = ("create", "redirect")
PERCENTILES = ("p50", "p95", "p99")

_COLOURS = {"p50": "#0072b2", "p95": "#e69f00", "p99": "#d55e00"}  # told apart by colour-blind people too
_WIDTH, _HEIGHT = 1060, 400
_PLOT = 250  # pixels, each way
_TOP = 84

Scale = Callable[[float], float]


def text(results: dict[str, Any]) -> str:
    """Return all figures as Markdown."""
    runs, scaling = results["runs"], results["scaling"]
    machine = ", ".join(f"{name}: {value}" for name, value in results["machine"].items())
    (links, rows), (clicks, counted) = ((number(each) for each in results[name]) for name in ("links", "clicks"))
    bars = [
        [bar.what, "" if bar.measured is None else number(bar.measured), bar.required, "yes" if bar.met else "**no**"]
        for bar in results["bars"]
    ]
    latency = [
        [
            *(number(run[field]) for field in ("clients", "connections", "requests", "errors", "per_second")),
            *(number(run[name][each]) if name in run else "" for name in OPERATIONS for each in PERCENTILES),
        ]
        for run in runs
    ]
    throughput = [[number(run[field]) for field in ("processes", "per_second", "ratio")] for run in scaling]
    parts = list(runs[0]["cpu_ms"])
    processor = [
        [run["name"], *(number(run["cpu_ms"][part]) for part in parts), number(_cores(run))]
        for run in (*runs, *scaling)
    ]
    percentiles = [f"{name} {each}" for name in OPERATIONS for each in PERCENTILES]
    return "\n\n".join(
        [
            f"`make load`, {results['seconds'] / 60:.0f} minutes. {machine}.",
            f"Answered: {links} links, {clicks} redirects. In the table: {rows} links, {counted} clicks.",
            *results["differences"][:20],
            *(f"{times} times {error}" for error, times in results["errors"].items()),
            table(["required", "measured", "limit", "met"], bars),
            "Through the API. Connections are the most seen at once, create and redirect are in ms.",
            table(["clients", "connections", "requests", "errors", "per second", *percentiles], latency),
            "The redirect function's processes, asked directly, by one client each; the median of three rounds.",
            table(["processes", "per second", "of straight line"], throughput),
            "Processor time in ms a request, and how many cores that kept busy.",
            table(["run", *parts, "cores"], processor),
        ]
    )


def page(results: dict[str, Any], tables: str) -> str:
    """Return picture and tables as one HTML file that needs nothing else."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>squrl under load</title>'
        "<style>body{font:16px sans-serif;max-width:1080px;margin:2em auto}pre{overflow-x:auto}</style>"
        f"<h1>squrl under load</h1>{picture(results)}<pre>{html.escape(tables)}</pre></html>\n"
    )


def picture(results: dict[str, Any]) -> str:
    """Return latency by clients and throughput by processes as SVG."""
    runs, scaling = results["runs"], results["scaling"]
    values = [run[name][each] for run in runs for name in OPERATIONS if name in run for each in PERCENTILES]
    decades = [
        10**power for power in range(math.floor(math.log10(min(values))), math.ceil(math.log10(max(values))) + 1)
    ]
    clients = [run["clients"] for run in runs]
    panels = []
    for panel, name in enumerate(OPERATIONS):
        x, y = _logarithmic(clients, _left(panel) + 20, _PLOT - 40), _logarithmic(decades, _TOP + _PLOT, -_PLOT)
        panels += _frame(panel, f"Latency of a {name}, ms", "clients at once", x, clients, y, decades)
        for each in PERCENTILES:
            points = [(x(run["clients"]), y(run[name][each])) for run in runs if name in run]
            panels += _line(points, _COLOURS[each])
            if limit := LIMITS.get((name, each)):
                start = f"M{x(clients[0]) - 10:.1f} {y(limit):.1f}"
                panels.append(f'<path d="{start}h20" stroke="{_COLOURS[each]}" stroke-width="3"/>')
        panels += _legend(panel, [(each, _COLOURS[each], "") for each in PERCENTILES])
        panels.append(_text(_left(panel) + 185, 64, "▬ limit"))
    counts, rates = [run["processes"] for run in scaling], [run["per_second"] for run in scaling]
    step = 10 ** math.floor(math.log10(counts[-1] * rates[0]))
    ticks = [step * count for count in range(math.ceil(max(*rates, counts[-1] * rates[0]) / step) + 1)]
    x, y = _linear([0, counts[-1]], _left(2)), _linear(ticks, _TOP + _PLOT, -_PLOT)
    panels += _frame(2, "Redirects a second", "function processes", x, [0, *counts], y, ticks)
    panels += _line([(x(0), y(0)), (x(counts[-1]), y(counts[-1] * rates[0]))], "#666", dash="5 4", dots=False)
    panels += _line([(x(count), y(rate)) for count, rate in zip(counts, rates, strict=True)], _COLOURS["p50"])
    panels += _legend(2, [("measured", _COLOURS["p50"], ""), ("straight line", "#666", "5 4")])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        f'role="img" aria-label="Latency by clients, throughput by function processes">'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>{"".join(panels)}</svg>\n'
    )


def _cores(run: dict[str, Any]) -> float:
    return float(sum(run["cpu_ms"].values()) * run["per_second"] / 1000)


def _left(panel: int) -> int:
    return 80 + panel * 350


def _linear(values: Sequence[float], start: float, length: float = _PLOT) -> Scale:
    least, span = min(values), max(values) - min(values) or 1
    return lambda value: start + (value - least) / span * length


def _logarithmic(values: Sequence[float], start: float, length: float = _PLOT) -> Scale:
    scale = _linear([math.log10(value) for value in values], start, length)
    return lambda value: scale(math.log10(value))


def _text(x: float, y: float, content: str, anchor: str = "start", size: int = 12) -> str:
    weight = "normal" if size == 12 else "bold"  # noqa: PLR2004 - a title
    style = f'text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" fill="#222"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{html.escape(content)}</text>'


def _line(points: Sequence[tuple[float, float]], colour: str, dash: str = "", *, dots: bool = True) -> list[str]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    line = f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'
    return [line, *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in points if dots)]


def _frame(  # noqa: PLR0913, PLR0917 - what a frame is made of
    panel: int, title: str, x_label: str, x: Scale, xs: Sequence[float], y: Scale, ys: Sequence[float]
) -> list[str]:
    """Draw title, axes, grid and their labels."""
    left, bottom = _left(panel), _TOP + _PLOT
    grid = [f'<path d="M{left} {y(each):.1f}h{_PLOT}" stroke="#ddd"/>' for each in ys]
    return [
        *grid,
        f'<path d="M{left} {_TOP}v{_PLOT}h{_PLOT}" fill="none" stroke="#222"/>',
        *(_text(left - 8, y(each) + 4, number(each), "end") for each in ys),
        *(_text(x(each), bottom + 20, number(each), "middle") for each in xs),
        _text(left, 40, title, size=16),
        _text(left + _PLOT / 2, bottom + 42, x_label, "middle"),
    ]


def _legend(panel: int, entries: Iterable[tuple[str, str, str]]) -> list[str]:
    parts = []
    x = _left(panel)
    for label, colour, dash in entries:
        parts += [*_line([(x, 60), (x + 18, 60)], colour, dash, dots=False), _text(x + 23, 64, label)]
        x += 38 + 7 * len(label)
    return parts
