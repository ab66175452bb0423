"""Prints what sts:GetCallerIdentity answers to the profile that is named, as any Python program would ask."""

import json
import sys

import boto3

identity = boto3.Session(profile_name=sys.argv[1]).client("sts").get_caller_identity()
print(json.dumps({"Account": identity["Account"], "Arn": identity["Arn"]}))
