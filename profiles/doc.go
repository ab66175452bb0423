// Package profiles reads the AWS shared config files and says what a profile means.
//
// Its promise: a profile means here what it means to the AWS CLI and the SDKs, or it is refused with an error that
// says what, where, why and how to mend it. It reads the two files and nothing else: no network, no other
// configuration, no AWS SDK.
//
// The file format is described in the "Shared config and credentials files" page of the AWS SDKs and Tools
// Reference Guide: https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
package profiles
