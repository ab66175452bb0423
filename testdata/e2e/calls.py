"""Makes AWS calls with boto3, one after the other, for the set-up and the teardown of end-to-end tests.

Standard input is a JSON array of [service, operation, parameters], as in ["iam", "create_user", {"UserName": "ann"}];
standard output is the array of the answers. The first call that fails ends it, with its error on standard error.
Credentials, region and endpoint come from the environment.
"""

import json
import sys

import boto3
from botocore.exceptions import ClientError

answers = []
for service, operation, parameters in json.load(sys.stdin):
    try:
        answer = getattr(boto3.client(service), operation)(**parameters)
    except ClientError as err:
        sys.exit(f"{service} {operation}: {err}")
    answer.pop("ResponseMetadata", None)
    answers.append(answer)
json.dump(answers, sys.stdout, default=str)
