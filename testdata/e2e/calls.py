"""Makes AWS calls with boto3, for setup and cleanup of end-to-end tests.

Stdin is a JSON array of calls: [service, operation, parameters], such as
["iam", "create_user", {"UserName": "ann"}]. Stdout is a JSON array of the results. The first call
that fails ends the program, with the error on stderr. Credentials, Region and endpoint come from the
environment.
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
