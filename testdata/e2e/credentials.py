"""Prints the access key that boto3 gets for each profile of its arguments: a line of JSON each."""

import json
import sys

import boto3

for name in sys.argv[1:]:
    try:
        key = boto3.Session(profile_name=name).get_credentials().get_frozen_credentials().access_key
        print(json.dumps({"profile": name, "key": key}))
    except Exception as e:  # whatever it is, a user sees an error
        print(json.dumps({"profile": name, "problem": "%s: %s" % (type(e).__name__, e)}))
