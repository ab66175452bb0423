// Package versioned checks the JSON documents that this program stores, each of which has its
// version as "v".
package versioned

import (
	"encoding/json"
	"errors"
	"fmt"
)

var (
	// ErrCorrupt means that no version of this program wrote the data.
	ErrCorrupt = errors.New("corrupt")
	// ErrNewer means that a newer version of this program wrote the data. It must not be
	// overwritten.
	ErrNewer = errors.New("written by a newer version of this program")
)

// Check checks the result of decoding the document b with [json.Unmarshal]: got is the version that
// was decoded, and jsonErr the error. Check returns nil if got is want and jsonErr is nil. It
// returns an error that wraps ErrNewer if the version is newer, even if b could not be decoded, and
// otherwise one that wraps ErrCorrupt. The error does not quote b.
func Check(b []byte, got, want int, jsonErr error) error {
	if jsonErr != nil {
		var v struct {
			Version int `json:"v"`
		}
		if json.Unmarshal(b, &v) != nil {
			return fmt.Errorf("%w: not the expected JSON", ErrCorrupt)
		}
		got = v.Version
	}
	switch {
	case got > want:
		return fmt.Errorf("%w (version %d, this program reads %d)", ErrNewer, got, want)
	case got < want:
		return fmt.Errorf("%w: version %d, expected %d", ErrCorrupt, got, want)
	case jsonErr != nil:
		return fmt.Errorf("%w: a field has the wrong type", ErrCorrupt)
	}
	return nil
}
