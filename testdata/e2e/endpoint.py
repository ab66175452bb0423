"""Prints the access key ID of the default credentials, as botocore finds them."""

import botocore.session

print(botocore.session.get_session().get_credentials().get_frozen_credentials().access_key)
