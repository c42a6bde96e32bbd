"""The load test of `make load`: the stack as `make start` runs it, loaded by Locust, reconciled click by click."""
