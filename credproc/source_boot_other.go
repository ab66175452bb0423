//go:build !linux && !darwin

package credproc

import "os"

// bootID tells one machine from another, so that a home that several instances share gives none of them the session of
// another. There is nothing here that tells its boots apart; the sessions of an instance last an hour at most.
func bootID() string {
	host, err := os.Hostname()
	if err != nil {
		return ""
	}
	return host
}
