"""Prints the result of GetCallerIdentity for a profile."""

import json
import sys

import boto3

identity = boto3.Session(profile_name=sys.argv[1]).client("sts").get_caller_identity()
print(json.dumps({"Account": identity["Account"], "Arn": identity["Arn"]}))
