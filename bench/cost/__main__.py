"""Print what squrl costs: ``python -m bench.cost``."""

import argparse
import json
import sys
from pathlib import Path

from bench import cost, report
from bench.cost import tables
from local import LocalError
from local.template import Stack

RESULTS = report.ROOT / ".local/bench/results.json"
SCALING, OPERATIONS = report.DOCS / "scaling.md", report.DOCS / "operations.md"


def main() -> None:
    """Print what is asked for; exit with 2 if a figure that it needs is missing."""
    parser = argparse.ArgumentParser(prog="python -m bench.cost", description="What squrl costs.")
    parser.add_argument("parameters", nargs="*", metavar="NAME=VALUE", help="a parameter of the stack: Tracing=Active")
    parser.add_argument("--results", type=Path, default=RESULTS, help="what the benchmark measured")
    parser.add_argument("--write", action="store_true", help=f"put tables into {SCALING.name} and {OPERATIONS.name}")
    arguments = parser.parse_args()
    if not arguments.results.is_file():
        parser.exit(2, f"There is no {arguments.results}: make bench measures it\n")
    try:
        measured = cost.operations(json.loads(arguments.results.read_text()))
        stack = Stack(dict(each.partition("=")[::2] for each in arguments.parameters))
        setup, prices = cost.Setup.read(stack), cost.Prices()
        scaling = tables.scaling(measured, setup, prices)
    except (cost.CostError, LocalError) as error:
        parser.exit(2, f"{error}\n")
    sys.stdout.write(f"{tables.costs(measured, setup, prices)}\n\n{scaling}\n")
    if arguments.write:
        report.write(SCALING, "scaling", scaling)
        report.write(OPERATIONS, "every month", tables.every_month(prices))


if __name__ == "__main__":
    main()
