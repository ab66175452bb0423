package keyring

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/windows"
)

func TestLogonWithoutAVaultIsUnavailable(t *testing.T) {
	err := fmt.Errorf("write: %w", windows.ERROR_NO_SUCH_LOGON_SESSION)
	if err := translate(err); !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if err := translate(windows.ERROR_ACCESS_DENIED); errors.Is(err, ErrUnavailable) || err == nil {
		t.Errorf("any other error: %v", err)
	}
}
