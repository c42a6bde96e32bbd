"""`python -m local COMMAND`: SAM CLI's local commands, without Docker and without an AWS account."""

import signal
import sys

USAGE = """\
usage: python -m local COMMAND [--in-memory] [OPTION ...]

The stack on this machine: functions as processes, DynamoDB Local behind them, the template's tables in it.

commands:
  start-api      the HTTP API, until Ctrl-C
  start-lambda   Lambda's own API, for an SDK or the AWS CLI, until Ctrl-C
  invoke         one function with one event: its log to stderr, its answer to stdout
  dynamodb       DynamoDB Local with the tables alone, until Ctrl-C

options:
  --in-memory    a new DynamoDB Local, which forgets everything at the end
  and those of `sam local COMMAND` (of `sam local start-lambda` for dynamodb); template.yaml is the default template

environment:
  DYNAMODB_PORT      DynamoDB Local's port (8000); if it already answers there, it is used as it is
  LOCAL_CONCURRENCY  how many processes a function may have (two for each processor, at most 16)
"""

COMMANDS = ("start-api", "start-lambda", "invoke", "dynamodb")


def main() -> None:
    """Run the command that the command line asks for, and leave with its exit status."""
    command, *options = sys.argv[1:] or [""]
    asks_for_help = "--help" in options or "-h" in options
    if command not in COMMANDS or (command == "dynamodb" and asks_for_help):
        wrong = command not in ("-h", "--help", "dynamodb")
        print(USAGE, end="", file=sys.stderr if wrong else sys.stdout)
        sys.exit(2 if wrong else 0)
    # A shell starts what it puts into the background with SIGINT ignored, and that is inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # SIGTERM by itself would end this process with no chance to end the others.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        from local import sam  # noqa: PLC0415 - a second, which the help doesn't need
    except ModuleNotFoundError as error:
        sys.exit(f"{error}. Use the Python of .venv, which `make start` makes: .venv/bin/python -m local {command}")

    in_memory = "--in-memory" in options
    sam.run(command, [option for option in options if option != "--in-memory"], in_memory=in_memory)


main()
