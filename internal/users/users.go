// Package users finds users of the system. On Linux it reads /etc/passwd only: so does os/user in a
// program without cgo, where its Current also returns what $USER and $HOME say. It does not import
// os/user there, for the reason of package ospath.
package users

// User is a user of the system.
type User struct {
	Name string
	Home string // the home directory
}
