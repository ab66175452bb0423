package profiles

import (
	"aws-credproc/internal/diag"
	"aws-credproc/internal/fileio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
)

// maxFileSize bounds what is read of a shared config file. 5,000 profiles take about 1 MB.
const maxFileSize = 16 << 20

// byteOrderMark may stand at the start of a file. It is no part of its text.
const byteOrderMark = "\ufeff"

// Paths gives the paths of the shared config file and of the shared credentials file: AWS_CONFIG_FILE and
// AWS_SHARED_CREDENTIALS_FILE where these are set, else ~/.aws/config and ~/.aws/credentials. A ~ expands. Where no home
// directory is known, see [CheckHome], a file that would be in it is os.DevNull: there is none.
func Paths(getenv func(string) string) (config, credentials string) {
	path := func(variable, name string) string {
		if p := getenv(variable); p != "" {
			return expandHome(p)
		}
		return inHome(filepath.Join(".aws", name))
	}
	return path("AWS_CONFIG_FILE", "config"), path("AWS_SHARED_CREDENTIALS_FILE", "credentials")
}

func expandHome(path string) string {
	if rest, found := strings.CutPrefix(path, "~"); found && (rest == "" || rest[0] == '/' || rest[0] == filepath.Separator) {
		return inHome(rest)
	}
	return path
}

// inHome gives a path in the home directory; os.DevNull where that is not known. In the working directory, where anybody may
// have put a file, nothing is ever looked for in its place: a config file says which commands are run.
func inHome(rest string) string {
	dir := home()
	if dir == "" {
		return os.DevNull
	}
	return filepath.Join(dir, rest)
}

var currentUser = user.Current // only tests change it

// home gives the home directory, "" if none is known: HOME as it is where that is set, as the SDKs take it.
func home() string {
	if dir, err := os.UserHomeDir(); err == nil {
		return dir
	}
	if u, err := currentUser(); err == nil && filepath.IsAbs(u.HomeDir) {
		return u.HomeDir
	}
	return ""
}

// CheckHome says that a file is not there, of those whose paths [Paths] gave, since the home directory is not known.
func CheckHome(paths ...string) error {
	if !slices.Contains(paths, os.DevNull) || home() != "" {
		return nil
	}
	return &diag.Error{Problem: "the home directory is not known, and so no config file in it is read", Hint: setHome}
}

const setHome = "set HOME, or AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE"

// Files is the content of the two shared config files, read once. Its methods are for one goroutine at a time.
type Files struct {
	config, credentials *file

	// Imported tells of a profile that is wired to itself whether its long-term keys were moved into the keyring, and
	// their access key ID. nil: there is no such profile. It is set before the first use.
	Imported func(profile string) (accessKeyID string, ok bool)

	parsed    map[sectionID]Section // what was asked for: a chain of many leads through the same ones again and again
	suggested int                   // how often the nearest of all names was looked for, see maxSuggested
}

// file is one of the two, cut into sections.
type file struct {
	path     string
	text     string
	sections []section // in the file's order; those that the SDKs ignore are here too
	ignored  []section // they alone
	index    map[sectionID][]section
}

type sectionID struct {
	kind sectionKind
	name string
}

// sectionsOf gives the sections of one kind and name, in the file's order.
func (f *file) sectionsOf(kind sectionKind, name string) []section {
	if f.index != nil {
		return f.index[sectionID{kind, name}]
	}
	var found []section
	for _, s := range f.sections {
		if s.kind == kind && s.name == name {
			found = append(found, s)
		}
	}
	return found
}

func (f *file) makeIndex() {
	if f.index != nil {
		return
	}
	f.index = make(map[sectionID][]section, len(f.sections))
	for _, s := range f.sections {
		id := sectionID{s.kind, s.name}
		f.index[id] = append(f.index[id], s)
	}
}

// sectionKind says what a section describes.
type sectionKind uint8

const (
	ignoredSection sectionKind = iota
	profileSection
	ssoSessionSection
	servicesSection
)

type section struct {
	kind       sectionKind
	name       string // of the profile, SSO session or services; of an ignored section, its whole header
	line       int    // the header's, from 1
	start, end int    // byte range of the lines below the header
}

// Load reads both files and checks the form of every line. A file that is not there is an empty file.
func Load(configPath, credentialsPath string) (*Files, error) {
	config, err := load(configPath, configHeader)
	if err != nil {
		return nil, err
	}
	credentials, err := load(credentialsPath, credentialsHeader)
	if err != nil {
		return nil, err
	}
	return &Files{config: config, credentials: credentials}, nil
}

func load(path string, header func(string) (sectionKind, string)) (*file, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return cut(path, strings.TrimPrefix(text, byteOrderMark), header)
}

// cut cuts a file's text into sections and checks the form of every line.
func cut(path, text string, header func(string) (sectionKind, string)) (*file, error) {
	f := &file{path: path, text: text, sections: make([]section, 0, strings.Count(text, "\n[")+1)}
	s := scanner{file: path, text: text, formOnly: true}
	for {
		l, ok, err := s.next()
		if err != nil {
			return nil, err
		}
		if l.kind == sectionLine || !ok {
			if n := len(f.sections); n > 0 {
				f.sections[n-1].end = s.pos
				if ok {
					f.sections[n-1].end = l.start
				}
			}
		}
		if !ok {
			break
		}
		if l.kind == sectionLine {
			kind, name := header(l.key)
			f.sections = append(f.sections, section{kind: kind, name: name, line: l.number, start: l.end})
		}
	}
	f.preferProfileDefault()
	for _, s := range f.sections {
		if s.kind == ignoredSection {
			f.ignored = append(f.ignored, s)
		}
	}
	return f, nil
}

const anotherFile = "put a text file there that you can read, or let AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE name another"

// readFile reads a regular file of bounded size. Anything else could block for ever, or never end.
func readFile(path string) (string, error) {
	fail := func(problem, hint string) (string, error) {
		return "", &diag.Error{Where: path, Problem: problem, Hint: hint}
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || path == os.DevNull:
		return "", nil
	case err != nil:
		return fail("cannot read: "+reason(err), anotherFile)
	case info.IsDir():
		return fail("is a directory, not a file", anotherFile)
	case !info.Mode().IsRegular():
		return fail("is no regular file", anotherFile)
	}
	var f *os.File
	if err := fileio.Retry(func() error { f, err = os.Open(path); return err }); err != nil {
		return fail("cannot read: "+reason(err), OpenHint(err, "make it readable for you: "+makeReadable(path)))
	}
	defer f.Close()
	if info.Size() > maxFileSize {
		return fail(fmt.Sprintf("is larger than %d MB", maxFileSize>>20), "make it smaller: it is read for each call")
	}
	var text strings.Builder // not os.ReadFile, whose bytes would be copied into a string
	text.Grow(int(info.Size()))
	n, err := io.Copy(&text, io.LimitReader(f, info.Size()+1)) // one byte more, to see that there is none
	switch {
	case err != nil:
		return fail("cannot read: "+reason(err), anotherFile)
	case n > info.Size():
		return fail("was changed while it was read", "try again")
	case strings.IndexByte(text.String(), 0) >= 0:
		return fail("holds zero bytes, so it is no text in UTF-8", "save it as UTF-8 text")
	}
	return text.String(), nil
}

// reason gives the cause of a file error without the paths, which the message names already.
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

// configHeader reads a section's header as the config file has them.
func configHeader(header string) (sectionKind, string) {
	if header == "default" {
		return profileSection, header
	}
	i := strings.IndexFunc(header, func(r rune) bool { return r < 0x80 && isSpace(byte(r)) })
	if i < 0 {
		return ignoredSection, header
	}
	name := trim(header[i:])
	if !isName(name) {
		return ignoredSection, header
	}
	switch header[:i] {
	case "profile":
		return profileSection, name
	case "sso-session":
		return ssoSessionSection, name
	case "services":
		return servicesSection, name
	}
	return ignoredSection, header
}

// credentialsHeader reads a section's header as the credentials file has them.
func credentialsHeader(header string) (sectionKind, string) {
	if isName(header) {
		return profileSection, header
	}
	return ignoredSection, header
}

// preferProfileDefault drops [default] where [profile default] stands too.
func (f *file) preferProfileDefault() {
	isDefault := func(s section) bool { return s.kind == profileSection && s.name == "default" }
	short := func(s section) bool { return isDefault(s) && f.header(s) == "default" }
	var both [2]bool
	for _, s := range f.sections {
		if isDefault(s) {
			if short(s) {
				both[0] = true
			} else {
				both[1] = true
			}
		}
	}
	if both[0] && both[1] {
		for i, s := range f.sections {
			if short(s) {
				f.sections[i].kind = ignoredSection
			}
		}
	}
}

// header gives what stands between a section's brackets.
func (f *file) header(s section) string {
	name, _, _ := strings.Cut(f.text[f.lineStart(s.start)+len("["):s.start], "]")
	return trim(name)
}
