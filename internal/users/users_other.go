//go:build !linux

package users

import (
	"os/user"
	"strconv"
)

// Current returns the user of this process.
func Current() (User, error) { return of(user.Current()) }

// WithID returns the user with a numeric ID.
func WithID(id int) (User, error) { return of(user.LookupId(strconv.Itoa(id))) }

func of(u *user.User, err error) (User, error) {
	if err != nil {
		return User{}, err
	}
	return User{Name: u.Username, Home: u.HomeDir}, nil
}
