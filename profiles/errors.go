package profiles

import (
	"errors"
	"strings"
)

// Errors that [Files.Chain] wraps.
var (
	// ErrNoProfile means that there is no profile of the requested name.
	ErrNoProfile = errors.New("no such profile")
	// ErrNoSource means that a profile of the chain names no source, or one that does not exist.
	ErrNoSource = errors.New("no such source profile")
)

// Cycle is the error that [Files.Chain] wraps if source profiles form a loop. It holds the names of
// the profiles in the loop, with the first one repeated at the end.
type Cycle []string

func (c Cycle) Error() string { return strings.Join(c, " -> ") }
