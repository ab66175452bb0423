package keyring

import (
	"errors"
	"fmt"
	"os/exec"
)

// MaxItem is the size limit of an item in bytes.
const MaxItem = keychainMaxItem

// translatePlatform translates the exit status of /usr/bin/security, which is the low byte of the
// OSStatus of the Security framework (SecBase.h).
func translatePlatform(err error) error {
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	switch exit.ExitCode() {
	case 36, // errSecInteractionNotAllowed, -25308: locked, as over SSH
		51,  // errSecAuthFailed, -25293
		128: // errSecUserCanceled, -128
		return fmt.Errorf("%w: %w", ErrLocked, err)
	case 37, // errSecNoDefaultKeychain, -25307
		50, // errSecNoSuchKeychain, -25294
		53: // errSecNotAvailable, -25291
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}
