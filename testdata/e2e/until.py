"""Calls GetCallerIdentity with one client until a file exists."""

import os
import sys
import time

import boto3

sts = boto3.Session().client("sts")
while not os.path.exists(sys.argv[1]):
    sts.get_caller_identity()
    time.sleep(0.2)
