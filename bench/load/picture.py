"""Draw latency by clients and throughput by processes: `python -m bench.load.picture RESULTS PICTURE`.

RESULTS is the JSON file that `python -m bench.load` writes. It is .local/load's Python that has matplotlib.
"""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl  # type: ignore[import-not-found]
from matplotlib import pyplot as plt

from bench.load.model import LIMITS, OPERATIONS, PERCENTILES

COLOURS = dict(zip(PERCENTILES, ("#0072b2", "#e69f00", "#d55e00"), strict=True))  # colour-blind people see three, too


def draw(results: dict[str, Any], picture: Path) -> None:
    """Draw the results into a file; its ending says of which kind."""
    mpl.rcParams |= {"axes.grid": True, "grid.color": "#ddd", "font.sans-serif": ["DejaVu Sans"]}
    mpl.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "squrl"}  # text as text, and the same ids in every run
    figure, panels = plt.subplots(1, len(OPERATIONS) + 1, figsize=(13, 4), layout="constrained")
    for panel, operation in zip(panels, OPERATIONS, strict=False):
        runs = [run for run in results["runs"] if operation in run]
        clients = [run["clients"] for run in runs]
        for each, colour in COLOURS.items():
            panel.loglog(clients, [run[operation][each] for run in runs], "o-", color=colour, label=each)
            if limit := LIMITS.get((operation, each)):
                panel.plot(clients[0], limit, "_", color=colour, markersize=16, label=f"limit of {each}, 1 client")
        panel.set(title=f"Latency of a {operation}, ms", xlabel="clients at once")
        panel.minorticks_off()
        panel.set_xticks(clients, map(str, clients))
        panel.yaxis.set_major_formatter("{x:,.0f}")
    counts = [run["clients"] for run in results["scaling"]]
    rates = [run["per_second"] for run in results["scaling"]]
    panels[-1].plot([0, counts[-1]], [0, counts[-1] * rates[0]], "--", color="#666", label="straight line")
    panels[-1].plot(counts, rates, "o-", color=COLOURS["p50"], label="measured")
    panels[-1].set(title="Redirects a second", xlabel="processes of the function", ylim=(0, None), xticks=[0, *counts])
    for panel in panels:
        panel.legend(fontsize="small")
    figure.savefig(picture, metadata={"Date": None} if picture.suffix == ".svg" else None)


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
