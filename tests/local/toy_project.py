"""The toy project that `python -m local` runs in these tests, and helpers to look at what comes of it."""

import http.client
import json
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

TEMPLATE = """\
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  TableName: { Type: String, Default: toy-table }
Globals:
  Function: { Runtime: python3.13, Handler: app.lambda_handler, Timeout: 2, Layers: [!Ref Layer] }
Resources:
  Api: { Type: AWS::Serverless::HttpApi }
  ToyFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: toy/
      Environment: { Variables: { TABLE_NAME: !Ref TableName } }
      Events:
        Any: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: ANY, Path: "/toy/{what}" } }
  EditedFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: edited/
      Events:
        Any: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: GET, Path: /edited } }
  Layer:
    Type: AWS::Serverless::LayerVersion
    Properties: { ContentUri: layer/ }
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Ref TableName
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: key, AttributeType: S }]
      KeySchema: [{ AttributeName: key, KeyType: HASH }]
      TimeToLiveSpecification: { AttributeName: expires_at, Enabled: true }
"""

TOY = """\
import json, os, sys, time

def lambda_handler(event, context):
    what = event["pathParameters"]["what"] if "pathParameters" in event else event.get("what")
    print("asked for", what)
    print("first line\\nlast line without an end", end="", file=sys.stderr, flush=True)
    if what == "hang":
        time.sleep(600)
    if what == "pause":
        time.sleep(0.3)
    if what == "exit":
        os._exit(3)
    if what == "raise":
        raise ValueError("a toy's error")
    answer = {
        "pid": os.getpid(),
        "event": event.get("body"),
        "remaining": context.get_remaining_time_in_millis(),
        "environment": dict(os.environ),
    }
    return {"statusCode": 200, "body": json.dumps(answer)}
"""

EDITED = """\
import shared

def lambda_handler(event, context):
    return {"statusCode": 200, "body": shared.WORD + " 1"}
"""


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, decoded(response.read())
    finally:
        connection.close()


def decoded(body):
    try:
        return json.loads(body)
    except ValueError:
        return body.decode()


def eventually(condition, explain=lambda: "", seconds=20):
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, explain()
        time.sleep(0.02)
    return result


def family(pid):
    """Return the processes that come of one: its children, theirs, and so on."""
    parents = {child: int(parent) for child, (parent, _, _) in listing().items()}
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def alive(pids):
    """Return those of the processes that run; what has ended and nobody asked for doesn't."""
    running = {pid for pid, (_, state, _) in listing().items() if not state.startswith("Z")}
    return running & set(pids)


def listing():
    """Return the parent, the state and the command of each process of this machine."""
    command = ["ps", "-A", "-o", "pid=,ppid=,stat=,args="]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return {int(pid): (parent, state, args) for pid, parent, state, args in (line.split(None, 3) for line in lines)}
