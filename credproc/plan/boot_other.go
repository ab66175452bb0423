//go:build !linux && !darwin

package plan

import "os"

// BootID identifies a machine, so that instances which share a home directory do not share
// sessions. It cannot distinguish two boots of one machine; the sessions of an instance last a few
// hours.
func BootID() string {
	host, err := os.Hostname()
	if err != nil {
		return ""
	}
	return host
}
