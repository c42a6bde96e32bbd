"""The handler of app.py as Lambda calls it when X-Ray samples the request, which the emulator has no way to say."""

import os

import app  # type: ignore[import-not-found]


def lambda_handler(event, context):
    os.environ["_X_AMZN_TRACE_ID"] = "Root=1-6921a5f0-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=1"
    return app.lambda_handler(event, context)
