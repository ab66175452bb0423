package users

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// Current returns the user of this process.
func Current() (User, error) { return WithID(os.Getuid()) }

// WithID returns the user with a numeric ID.
func WithID(id int) (User, error) {
	f, err := os.Open("/etc/passwd")
	if err != nil {
		return User{}, err
	}
	defer f.Close()
	return find(f, strconv.Itoa(id))
}

// find returns the first user with an ID in a text in the form of passwd(5).
func find(passwd io.Reader, id string) (User, error) {
	lines := bufio.NewScanner(passwd)
	for lines.Scan() {
		// name:password:UID:GID:comment:directory:shell
		fields := strings.Split(strings.TrimSpace(lines.Text()), ":")
		if len(fields) < 6 || fields[2] != id || fields[0] == "" {
			continue
		}
		if c := fields[0][0]; c == '#' || c == '+' || c == '-' { // a comment, or an entry of NIS
			continue
		}
		return User{Name: fields[0], Home: fields[5]}, nil
	}
	if err := lines.Err(); err != nil {
		return User{}, fmt.Errorf("/etc/passwd: %w", err)
	}
	return User{}, fmt.Errorf("user %s is not in /etc/passwd", id)
}
