package credserver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"aws-credproc/internal/diag"
	"aws-credproc/internal/files"
	"aws-credproc/internal/printable"
)

// WriteToken writes the token to a file in a new private directory and returns its path, for
// clients that read only AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE. [Server.Close] deletes both.
func (s *Server) WriteToken() (path string, err error) {
	s.temporary, err = os.MkdirTemp("", "aws-credproc-") // mode 0700
	if err == nil {
		path = filepath.Join(s.temporary, "token")
		err = os.WriteFile(path, []byte(s.Token), 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("cannot write the token of the credentials endpoint: %w", err)
	}
	return path, nil
}

// CreateToken writes the token to a new file with mode 0600. [Server.Close] deletes it.
func (s *Server) CreateToken(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	s.temporary = path
	_, err = f.WriteString(s.Token)
	return errors.Join(err, f.Close())
}

// The length of a token in a file. A short one could be guessed.
const (
	minToken = 16
	maxToken = 1024
)

// ReadToken returns the token in a file, without the newline at its end. It returns "" if there is
// no such file. A file that every user can write to is refused.
func ReadToken(path string) (string, error) {
	b, err := files.Read(path, maxToken+2)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(path); err == nil && isWritableByAll(info) {
		return "", &diag.Error{
			Where: path, Problem: "every user can write to it",
			Hint: "chmod o-w " + printable.ShellWord(path),
		}
	}
	token := strings.TrimRight(string(b), "\r\n")
	isInvalid := func(r rune) bool { return r <= ' ' || r > '~' }
	if len(token) < minToken || len(token) > maxToken || strings.ContainsFunc(token, isInvalid) {
		return "", &diag.Error{
			Where: path,
			Problem: fmt.Sprintf("not a token: expected %d to %d characters, without spaces", minToken,
				maxToken),
			Hint: "write a new one: openssl rand -hex 32 >" + printable.ShellWord(path) +
				"; or delete the file",
		}
	}
	return token, nil
}

// isWritableByAll reports whether every user can write to a file. Windows has no such mode.
func isWritableByAll(info fs.FileInfo) bool {
	return os.PathSeparator == '/' && info.Mode().Perm()&0o002 != 0
}
