"""What importing takes: `python -m bench.imports MODULE ...`, under Lambda's Python, from the built layer's byte code.

Each module is imported in a new process, which has nothing but what Python itself has loaded. `botocore,boto3` is boto3
where botocore is there already. Figures are medians of eleven imports, the modules taking turns.
"""

import os
import statistics
import subprocess
import sys
from collections import defaultdict

from bench.report import ROOT, number, table
from bench.runtime import PYTHON

LAYER, RUNS = ROOT / ".aws-sam/build/SqurlLayer/python", 11
_PROGRAM = """
import importlib, sys, time
*before, module = sys.argv[1].split(",")
for each in before:
    importlib.import_module(each)
loaded, started = len(sys.modules), time.perf_counter()
importlib.import_module(module)
print(1000 * (time.perf_counter() - started), len(sys.modules) - loaded)
"""


def main() -> None:
    """Print a table of what was asked for."""
    if not sys.argv[1:]:
        sys.exit(__doc__)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(LAYER), "PYTHONDONTWRITEBYTECODE": "1"}
    times, modules = defaultdict[str, list[float]](list), dict[str, str]()
    for name in sys.argv[1:] * RUNS:
        command = [str(PYTHON), "-c", _PROGRAM, name]
        output = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
        milliseconds, modules[name] = output.split()
        times[name].append(float(milliseconds))
    rows = ([name, number(statistics.median(each)), modules[name]] for name, each in times.items())
    sys.stdout.write(f"{table(['import', 'ms', 'modules'], rows)}\n")


if __name__ == "__main__":
    main()
