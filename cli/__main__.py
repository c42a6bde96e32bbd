"""`python -m cli`: `squrl` without an installation."""

from .app import main

main()
