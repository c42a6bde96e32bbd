"""Print what squrl costs: ``python -m bench.cost``."""

import argparse
import json
import logging
import sys
from pathlib import Path

from bench import cost
from bench.cost import tables
from tests.template.stack import ROOT, read

RESULTS = ROOT / ".local/bench/results.json"
GUIDE = ROOT / "docs/scaling.md"


def main() -> int:
    """Print what is asked for; return 2 if a figure that it needs is missing."""
    parser = argparse.ArgumentParser(prog="python -m bench.cost", description="What squrl costs.")
    parser.add_argument("parameters", nargs="*", metavar="NAME=VALUE", help="a parameter of the stack: Tracing=Active")
    parser.add_argument("--results", type=Path, default=RESULTS, help="what the benchmark measured")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print the rows as JSON")
    output.add_argument("--scaling", action="store_true", help=f"print the tables of {GUIDE.name}")
    output.add_argument("--write", action="store_true", help=f"put them into {GUIDE.name}")
    arguments = parser.parse_args()
    logging.disable()  # the transform warns of feature toggles that only AWS has
    try:
        sys.stdout.write(f"{_output(arguments)}\n")
    except cost.CostError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _output(arguments: argparse.Namespace) -> str:
    if not arguments.results.is_file():
        raise cost.CostError(f"There is no {arguments.results}: make bench measures it")
    measured = json.loads(arguments.results.read_text())
    template, parameters = read(), dict(each.partition("=")[::2] for each in arguments.parameters)
    if arguments.json:
        return json.dumps([row._asdict() for row in cost.report(measured, template, parameters)], indent=2)
    known, setup, prices = cost.operations(measured), cost.Setup.read(template, parameters), cost.Prices()
    if not arguments.scaling and not arguments.write:
        return tables.costs(known, setup, prices)
    guide = tables.scaling(known, setup, prices)
    if not arguments.write:
        return guide
    GUIDE.write_text(tables.replace(GUIDE.read_text(), guide))
    return f"Wrote {GUIDE.relative_to(ROOT)}"


if __name__ == "__main__":
    sys.exit(main())
