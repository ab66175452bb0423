package keyring

import (
	"errors"
	"fmt"
	"syscall"
)

// MaxItem is the size limit of an item in bytes: CRED_MAX_CREDENTIAL_BLOB_SIZE of wincred.h.
const MaxItem = 2560

// errNoSuchLogonSession is ERROR_NO_SUCH_LOGON_SESSION: SSH and network logons have no vault.
const errNoSuchLogonSession = syscall.Errno(1312)

func translatePlatform(err error) error {
	if errors.Is(err, errNoSuchLogonSession) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}
