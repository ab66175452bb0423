package credproc

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"aws-credproc/credproc/plan"
	"aws-credproc/internal/files"
)

// tokenFile is a file in which the AWS CLI and the SDKs keep the token of a sign-in.
type tokenFile struct {
	path    string
	text    []byte
	members map[string]json.RawMessage // with those that this program does not know
}

// errNotToken means that the content of a token file is not a JSON object.
var errNotToken = errors.New("the cached token is not a JSON object")

// readTokenFile reads a token file. The error wraps one of package json if the content is
// incomplete.
func readTokenFile(path string) (tokenFile, error) {
	text, err := files.Read(path, plan.MaxTextFile)
	if err != nil {
		return tokenFile{}, err
	}
	f := tokenFile{path: path, text: text}
	return f, f.parse()
}

func (f *tokenFile) parse() error {
	if err := json.Unmarshal(f.text, &f.members); err != nil {
		return err
	}
	if f.members == nil {
		return errNotToken
	}
	return nil
}

// set sets a member: a string, a time, or an object.
func (f tokenFile) set(name string, value any) {
	if t, ok := value.(time.Time); ok {
		value = t.UTC().Format(time.RFC3339)
	}
	f.members[name], _ = json.Marshal(value) // never fails for these types
}

// write replaces the file by one with the members as they are now. Only this user can read it.
// Readers get the old or the new content. If the directory cannot be written to, write overwrites
// the file in place, as the AWS SDKs do: the old content has no use.
func (f tokenFile) write() error {
	text, err := json.Marshal(f.members)
	if err != nil {
		return err
	}
	path := files.Real(f.path) // a link stays a link
	if replaceFile(path, text) == nil {
		return nil
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// replaceFile writes a file of mode 0600 to a temporary name and renames it. It syncs the file: a
// refresh token that is valid for one use cannot be obtained again.
func replaceFile(path string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".aws-credproc-*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return files.Retry(func() error { return os.Rename(f.Name(), path) })
}

// isUnchanged reports whether the file has not been replaced since it was read, or not by a
// complete one.
func (f tokenFile) isUnchanged() bool {
	now, err := readTokenFile(f.path)
	return err != nil || bytes.Equal(now.text, f.text)
}
