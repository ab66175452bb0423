package credproc

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// maxTokenFile bounds the files that hold a token, a policy or the SDK's cache of either.
const maxTokenFile = 64 << 10

// readBounded reads a regular file of bounded size. Anything else could block for ever, or never end.
func readBounded(path string, limit int64) ([]byte, error) {
	if err := checkFile(path, limit); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fileError(path, err)
	}
	if int64(len(b)) > limit {
		return nil, errTooLarge(path, limit)
	}
	return b, nil
}

// checkTokenFile is for a file that the SDK will read, which it does whatever it is.
func checkTokenFile(path string) error { return checkFile(path, maxTokenFile) }

func checkFile(path string, limit int64) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fileError(path, err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file", path)
	case info.Size() > limit:
		return errTooLarge(path, limit)
	}
	return nil
}

// fileError gives the cause of a file error after the path.
func fileError(path string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}

func errTooLarge(path string, limit int64) error {
	return fmt.Errorf("%s is larger than %d KB", path, limit>>10)
}
