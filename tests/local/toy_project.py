"""The toy project that `python -m local` runs in these tests."""

import http.client
import json

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
    remaining = context.get_remaining_time_in_millis()
    answer = {"pid": os.getpid(), "remaining": remaining, "environment": dict(os.environ)}
    return {"statusCode": 200, "body": json.dumps(answer)}
"""

EDITED = """\
import shared

def lambda_handler(event, context):
    return {"statusCode": 200, "body": shared.WORD + " 1"}
"""

FILES = {
    "template.yaml": TEMPLATE,
    "toy/app.py": TOY,
    "edited/app.py": EDITED,
    "layer/python/shared.py": 'WORD = "one"\n',
}


def get(port, path):
    """Return status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read().decode()
        return response.status, json.loads(body) if body.startswith("{") else body
    finally:
        connection.close()
