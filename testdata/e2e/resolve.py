"""Prints what botocore makes of the two files in each folder of its arguments: a line of JSON each.

The outcome is that of profile p: "error", or where the first credentials come from, and each role that
is assumed with them. STS and the SSO portal are replaced by recorders. Everything else is botocore's
own. The profiles are as botocore reads them, null if it refuses the files.
"""

import datetime
import json
import os
import sys

import botocore.session

FUTURE = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)


class Recorder:
    """Replaces the clients with which botocore gets credentials."""

    def __init__(self, calls, key):
        self.calls, self.key = calls, key

    def _credentials(self):
        return {
            "AccessKeyId": "ASIA%d" % len(self.calls),
            "SecretAccessKey": "s",
            "SessionToken": "t",
            "Expiration": FUTURE,
        }

    def assume_role(self, **kw):
        self.calls.append(("role", self.key, kw))
        return {"Credentials": self._credentials(), "AssumedRoleUser": {"Arn": "arn:aws:sts::111111111111:assumed-role/A/s"}}

    def assume_role_with_web_identity(self, **kw):
        self.calls.append(("web_identity", None, kw))
        return {"Credentials": self._credentials(), "AssumedRoleUser": {"Arn": "arn:aws:sts::111111111111:assumed-role/A/s"}}

    def get_role_credentials(self, **kw):
        expiry = int(FUTURE.timestamp() * 1000)
        return {
            "roleCredentials": {
                "accessKeyId": "SSO %s %s" % (kw["accountId"], kw["roleName"]),
                "secretAccessKey": "s",
                "sessionToken": "t",
                "expiration": expiry,
            }
        }


def outcome(folder):
    os.environ["AWS_CONFIG_FILE"] = os.path.join(folder, "config")
    os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.path.join(folder, "credentials")
    calls = []

    class Session(botocore.session.Session):
        def create_client(self, service, **kw):
            return Recorder(calls, kw.get("aws_access_key_id"))

    try:
        credentials = Session(profile="p").get_credentials()
        if credentials is None:
            return "error", "no credentials"
        final = credentials.get_frozen_credentials().access_key
    except Exception as e:  # whatever it is, a person sees an error
        cause = getattr(e, "kwargs", {}).get("error", "")
        return "error", "%s: %s %s" % (type(e).__name__, e, cause)
    if not calls:
        return final, ""
    source, parts = None, []
    for kind, key, kw in calls:
        if kind == "web_identity":
            source = "web_identity " + kw["RoleArn"]
            continue
        if source is None:
            source = key
        parts.append(" ".join([kw["RoleArn"], kw.get("ExternalId", "-"), str(kw.get("DurationSeconds", "-"))]))
    return " > ".join([source] + parts), ""


def profiles():
    try:
        return botocore.session.Session().full_config["profiles"]
    except Exception:
        return None


for folder in sys.argv[1:]:
    what, why = outcome(folder)
    print(
        json.dumps(
            {
                "folder": os.path.basename(folder),
                "outcome": what,
                "why": why,
                "profiles": profiles(),
            }
        )
    )
