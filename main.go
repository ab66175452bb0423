// Command aws-credproc is a credential_process helper for AWS profiles. It assumes the role of a
// profile with the credentials of its source profile, caches the session in the operating system's
// keyring until it expires, and prints it in the form that the AWS CLI and the SDKs read.
package main

import (
	"os"

	"aws-credproc/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
