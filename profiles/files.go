package profiles

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unsafe"

	"aws-credproc/internal/diag"
	"aws-credproc/internal/files"
)

// The names of the two files in [Property] and in the methods of [Editor].
const (
	ConfigFile      = "config"
	CredentialsFile = "credentials"
)

// MaxFileSize limits the size of a shared config file in bytes. 5,000 profiles take about 1 MB.
const MaxFileSize = 16 << 20

// byteOrderMark may be at the start of a file. It is not part of its text.
const byteOrderMark = "\ufeff"

// Files is the content of the two shared config files, read once. It is not safe for concurrent
// use.
type Files struct {
	config, credentials *file

	// Imported reports whether the long-term keys of a profile that is wired to itself are in the
	// keyring, and returns their access key ID. It is set before the first use. If it is nil, no
	// profile has keys in the keyring.
	Imported func(profile string) (accessKeyID string, ok bool)

	parsed      map[sectionID]Section // cache: chains of many profiles share their sources
	suggestions int                   // number of searches for the nearest name, see maxSuggestions
}

// Load reads both files. A missing file is an empty file. A line that cannot be read is a fault of
// the section that it is in; see [Files.Faults].
func Load(configPath, credentialsPath string) (*Files, error) {
	config, err := load(ConfigFile, configPath)
	if err != nil {
		return nil, err
	}
	credentials, err := load(CredentialsFile, credentialsPath)
	if err != nil {
		return nil, err
	}
	return &Files{config: config, credentials: credentials}, nil
}

func load(which, path string) (*file, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return newFile(which, path, strings.TrimPrefix(text, byteOrderMark)), nil
}

// Faults returns the lines that cannot be read, the first one of each section. Only chains that pass
// through such a section fail. A faulty line before the first section affects no chain.
func (f *Files) Faults() []*diag.Error {
	return append(f.config.faults(), f.credentials.faults()...)
}

// file returns one of the two files.
func (f *Files) file(which string) *file {
	if which == CredentialsFile {
		return f.credentials
	}
	return f.config
}

// both returns the two files. A setting in the second overrides one in the first.
func (f *Files) both() [2]*file { return [2]*file{f.config, f.credentials} }

// Names returns the names of all profiles in both files, each once, in the files' order.
func (f *Files) Names() []string { return f.names(profileSection) }

// SSOSessionNames returns the names of all [sso-session] sections, each once, in the file's order.
func (f *Files) SSOSessionNames() []string { return f.names(ssoSessionSection) }

func (f *Files) names(kind sectionKind) []string {
	var names []string
	seen := map[string]bool{}
	for _, file := range f.both() {
		// The caller then reads each section, which takes quadratic time without an index.
		file.makeIndex()
		for _, s := range file.sections {
			if s.kind == kind && !seen[s.name] {
				seen[s.name] = true
				names = append(names, s.name)
			}
		}
	}
	return names
}

const otherPathHint = "set AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE to a text file"

// statHint returns the hint for a path that cannot be followed.
func statHint(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return "give this user execute permission on the directories of the path, or set " +
			"AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE to another file"
	}
	return otherPathHint
}

// readFile reads a regular file of bounded size. Reading anything else could block or never end.
func readFile(path string) (string, error) {
	fail := func(problem, hint string) (string, error) {
		return "", &diag.Error{Where: path, Problem: problem, Hint: hint}
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || path == os.DevNull:
		return "", nil
	case err != nil:
		return fail("cannot be read: "+reason(err), statHint(err))
	case info.IsDir():
		return fail("is a directory, not a file", otherPathHint)
	case !info.Mode().IsRegular():
		return fail("is not a regular file", otherPathHint)
	}
	var f *os.File
	if err := files.Retry(func() error { f, err = os.Open(path); return err }); err != nil {
		hint := diag.FileLimitHint(err)
		if errors.Is(err, fs.ErrPermission) {
			hint = readableHint(path, info)
		}
		return fail("cannot be read: "+reason(err), hint)
	}
	defer f.Close()
	text, err := readContent(f, min(info.Size(), MaxFileSize))
	switch {
	case err != nil:
		return fail("cannot be read: "+reason(err), otherPathHint)
	case len(text) > MaxFileSize:
		return fail(fmt.Sprintf("is larger than %d MB", MaxFileSize>>20),
			"remove what is not needed: every call reads the file")
	case strings.IndexByte(text, 0) >= 0:
		return fail("contains NUL bytes, so it is not UTF-8 text", "save it as UTF-8 text")
	}
	return text, nil
}

// readContent reads an open file. size is the file's size before it was opened. The result has at
// most MaxFileSize+1 bytes: if it has more than MaxFileSize, the file is too large.
func readContent(f *os.File, size int64) (string, error) {
	buf := make([]byte, size+1)
	n, err := io.ReadFull(f, buf)
	if err == nil { // the file was replaced by a larger one
		var more []byte
		more, err = io.ReadAll(io.LimitReader(f, MaxFileSize+1-int64(n)))
		return string(buf) + string(more), err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	// This does not copy buf, which has 1 MB for 5,000 profiles. buf is not changed again.
	return unsafe.String(unsafe.SliceData(buf), n), err
}

// reason returns the cause of a file error without the path, which the message already has.
func reason(err error) string {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p):
		return p.Err.Error()
	case errors.As(err, &l):
		return l.Err.Error()
	}
	return err.Error()
}
