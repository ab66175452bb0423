package credserver

import (
	"fmt"
	"os"
	"path/filepath"
)

// WriteToken writes the token to a file in a new private directory and returns its path, for
// clients that read only AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE. [Server.Close] deletes both.
func (s *Server) WriteToken() (path string, err error) {
	s.tokenDir, err = os.MkdirTemp("", "aws-credproc-") // mode 0700
	if err == nil {
		path = filepath.Join(s.tokenDir, "token")
		err = os.WriteFile(path, []byte(s.token), 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("cannot write the token of the credentials endpoint: %w", err)
	}
	return path, nil
}
