"""Requests s3://bucket/key from an endpoint, through the AWS SDK for C++ in PyArrow."""

import sys

from pyarrow import fs

s3 = fs.S3FileSystem(endpoint_override=sys.argv[1], scheme="http", region="us-east-1")
if s3.get_file_info("bucket/key").type != fs.FileType.File:
    sys.exit("s3://bucket/key not found")
