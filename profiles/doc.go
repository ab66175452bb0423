// Package profiles reads and edits the AWS shared config files, ~/.aws/config and
// ~/.aws/credentials, and resolves a profile into the chain of credentials and roles it describes.
//
// A profile means here what it means to the AWS CLI and the SDKs, or it is refused with an error
// that names the file, the line and the fix. The package reads the two files and nothing else: it
// has no network access, reads no other configuration and does not use the AWS SDK.
//
// The file format is described in the AWS SDKs and Tools Reference Guide:
// https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
package profiles
