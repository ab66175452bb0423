// Package oskeyring has the keyring of this process. It is initialized as soon as the libraries of
// the keyring are, and then continues what package warm has begun.
package oskeyring

import "aws-credproc/cache/keyring"

// Keyring is the keyring of this process. Since the warm path uses it too, the time limits of a
// keyring that does not respond hold for the warm path and the normal program together.
var Keyring = new(keyring.Keyring)
