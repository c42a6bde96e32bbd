"""What importing takes: `python -m bench.imports MODULE ...`, under Lambda's Python, from the built layer's byte code.

Each module is imported in a new process, which has nothing but what Python itself has loaded. `botocore,boto3` is boto3
where botocore is there already.
"""

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

from bench.measure import PYTHON
from bench.report import ROOT, number, table

_PROGRAM = """
import importlib, sys, time
*before, module = sys.argv[1].split(",")
for each in before:
    importlib.import_module(each)
loaded, started = len(sys.modules), time.perf_counter()
importlib.import_module(module)
print(1000 * (time.perf_counter() - started), len(sys.modules) - loaded)
"""


def measure(modules: list[str], runs: int, layer: Path) -> list[list[str]]:
    """Return for each module what it is, the median of its milliseconds, and how many modules it loads.

    Raises
    ------
    subprocess.CalledProcessError
        If one can't be imported.
    """
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(layer), "PYTHONDONTWRITEBYTECODE": "1"}
    found: dict[str, list[list[str]]] = {module: [] for module in modules}
    for _ in range(runs):  # taking turns
        for module, figures in found.items():
            command = [str(PYTHON), "-c", _PROGRAM, module]
            output = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
            figures.append(output.split())
    return [
        [module, number(statistics.median(float(each[0]) for each in figures)), figures[0][1]]
        for module, figures in found.items()
    ]


def main() -> None:
    """Print a table of what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.imports", description=__doc__)
    parser.add_argument("modules", nargs="+", metavar="MODULE")
    parser.add_argument("--runs", type=int, default=11, help="imports of each, taking turns (11)")
    parser.add_argument("--layer", type=Path, default=ROOT / ".aws-sam/build/SqurlLayer/python", help="where they are")
    arguments = parser.parse_args()
    rows = measure(arguments.modules, arguments.runs, arguments.layer.resolve())
    sys.stdout.write(f"{table(['import', 'ms, median', 'modules'], rows)}\n")


if __name__ == "__main__":
    main()
