//go:build !linux

package cache

import (
	"fmt"
)

// osKernel is unavailable: only Linux has a kernel keyring.
type osKernel struct{}

var errNotLinux = fmt.Errorf("%w: only Linux has it", ErrUnavailable)

func (osKernel) read(string) ([]byte, error) { return nil, errNotLinux }

func (osKernel) add(string, []byte) error { return errNotLinux }

func (osKernel) probe() error { return errNotLinux }
