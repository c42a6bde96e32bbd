"""squrl: what the functions of the URL shortener share."""

import gc

# Modules are not garbage: looking through them again and again while they are imported is a sixteenth of a cold start.
# `telemetry.observed`, the last thing that a handler's module asks for, turns the collector on again.
gc.disable()
