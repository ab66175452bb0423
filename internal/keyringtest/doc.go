// Package keyringtest starts a session bus and a Secret Service for tests. Nothing of the user who
// runs the test is used.
package keyringtest
