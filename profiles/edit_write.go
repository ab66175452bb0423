package profiles

import (
	"aws-credproc/internal/diag"
	"aws-credproc/internal/fileio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"github.com/rogpeppe/go-internal/diff"
)

// backupSuffix marks the copy of a file as it was before it was first written. lockSuffix marks the lock.
const (
	backupSuffix = ".aws-credproc.bak"
	lockSuffix   = ".aws-credproc.lock"
)

// Change is what an edit makes of one file.
type Change struct {
	Path     string
	Old, New Secret // the file's text, which may hold static keys; without a byte order mark
}

// Changes gives what the edit so far makes of the files: none, one or two.
func (e *Editor) Changes() []Change {
	var changes []Change
	for _, pair := range [][2]*file{{e.before.config, e.now.config}, {e.before.credentials, e.now.credentials}} {
		if before, now := pair[0], pair[1]; before.text != now.text {
			changes = append(changes, Change{before.path, Secret(before.text), Secret(now.text)})
		}
	}
	return changes
}

// Diff shows a change as a unified diff. Secret values show as ***, in comments too.
func (c Change) Diff() string {
	out := string(diff.Diff(c.Path, []byte(masked(string(c.Old))), c.Path, []byte(masked(string(c.New)))))
	_, out, _ = strings.Cut(out, "\n") // without the line of the command diff
	return out
}

var secretInComment = sync.OnceValue(func() *regexp.Regexp { // not at start-up, which `get` pays for
	return regexp.MustCompile(`(?i)([\w-]*(?:secret|token)[\w-]*).*`)
})

// isSecretKey reports whether a key's value may be a secret, by its name: beside the two keys that AWS has, older ones
// and what people make of them to keep a value.
func isSecretKey(key string) bool {
	return (strings.Contains(key, "secret") || strings.Contains(key, "token")) && !strings.HasPrefix(key, "web_identity_token_")
}

// masked gives a file's text with *** in the place of secret values.
func masked(text string) string {
	var b strings.Builder
	s := scanner{text: text}
	secret := false
	for {
		l, ok, err := s.next()
		if err != nil || !ok {
			return b.String() // err cannot be: the text has been scanned before
		}
		line := text[l.start:l.end]
		end := line[len(strings.TrimRight(line, "\r\n")):]
		switch l.kind {
		case propertyLine:
			key := strings.ToLower(l.key)
			if secret = isSecretKey(key); secret {
				line = l.key + " = " + redacted + end
			}
		case continuationLine:
			if secret {
				line = "  " + redacted + end
			}
		case commentLine:
			if secretInComment().MatchString(line) {
				line = secretInComment().ReplaceAllString(strings.TrimSuffix(line, end), "${1} "+redacted) + end
			}
		}
		b.WriteString(line)
	}
}

// Update edits the two files and writes what has changed: it takes a lock, so that of several processes that edit one
// after the other sees what the one before it wrote; reads the files; lets edit work; and writes each changed file anew
// beside the old one and puts it in that one's place in one step. Mode, owner, byte order mark and symbolic links to the file
// stay, and another hard link keeps the file as it was; the directory and the file are made where they are absent.
//
// Before a file is written for the first time, a copy of it is kept beside it as NAME.aws-credproc.bak (0600), which is
// never overwritten. Programs other than this one know nothing of the lock: where one of the files has changed since it
// was read, nothing is written, and Update fails.
//
// The lock is a file beside the config file, and not in the state directory: who edits the same file must meet at the
// same lock, whatever else differs between them. It ends with the process that holds it, and its file stays.
func Update(ctx context.Context, configPath, credentialsPath string, edit func(*Editor) error) (backups []string, err error) {
	unlock, err := lock(ctx, configPath)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	files, err := Load(configPath, credentialsPath)
	if err != nil {
		return nil, err
	}
	e := files.Edit()
	if err := edit(e); err != nil {
		return nil, err
	}
	return write(files, e.Changes())
}

// lock takes the lock of a config file.
func lock(ctx context.Context, configPath string) (unlock func() error, err error) {
	fail := func(err error) error {
		return &diag.Error{Where: configPath, Problem: "cannot be locked: " + reason(err), Hint: writeHint(err), Err: err}
	}
	if configPath == os.DevNull {
		if err := CheckHome(configPath); err != nil {
			return nil, err
		}
		return nil, &diag.Error{Where: configPath, Problem: "cannot be written", Hint: "let AWS_CONFIG_FILE name a file, or unset it"}
	}
	if err := os.MkdirAll(filepath.Dir(configPath), 0o700); err != nil {
		return nil, fail(err)
	}
	path, err := realPath(configPath)
	if err != nil {
		return nil, fail(err)
	}
	l := flock.New(path + lockSuffix)
	got := make(chan error, 1)
	go func() { got <- l.Lock() }()
	select {
	case err := <-got:
		if errors.Is(err, fs.ErrPermission) && isThere(path+lockSuffix) {
			return nil, &diag.Error{Where: path + lockSuffix, Problem: "this lock cannot be opened: " + reason(err), Hint: "remove it: another user has made it, as sudo does", Err: err}
		}
		if err != nil {
			return nil, fail(err)
		}
		return l.Unlock, nil
	case <-ctx.Done():
		go func() { // the call cannot be interrupted; a lock that it gets too late is given back
			if <-got == nil {
				_ = l.Unlock()
			}
		}()
		return nil, &diag.Error{Where: configPath, Problem: "another process is editing it, and has not finished in time", Hint: "try again", Err: context.Cause(ctx)}
	}
}

func isThere(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// write puts changed texts in the place of the old ones.
func write(read *Files, changes []Change) (backups []string, err error) {
	ready, err := prepareAll(changes)
	defer func() { err = errors.Join(err, discardAll(ready)) }()
	if err != nil {
		return nil, err
	}
	for _, r := range ready {
		backup, err := r.backup()
		if err != nil {
			return backups, cannotWrite(r.path+backupSuffix, err)
		}
		if backup != "" {
			backups = append(backups, backup)
		}
	}
	if err := unchanged(read); err != nil {
		return backups, err
	}
	return backups, commit(ready)
}

// prepareAll makes every changed text ready. What it gives is to be discarded, also with an error.
func prepareAll(changes []Change) (ready []*replacement, err error) {
	for _, c := range changes {
		r, err := prepare(c)
		if err != nil {
			return ready, cannotWrite(c.Path, err)
		}
		ready = append(ready, r)
	}
	return ready, nil
}

var errReadOnly = errors.New("it is read-only")

// cannotWrite says why a file cannot be written.
func cannotWrite(path string, err error) error {
	return &diag.Error{Where: path, Problem: "cannot be written: " + reason(err), Hint: writeHint(err), Err: err}
}

// writeHint says what to do where a file, or what is made beside it, cannot be written.
func writeHint(err error) string {
	switch {
	case errors.Is(err, errReadOnly):
		return "make it writable (chmod u+w), and do the same again; or do by hand what --dry-run shows, where another program makes the file"
	case errors.Is(err, syscall.EROFS):
		return "do by hand what --dry-run shows, where the file comes from"
	case errors.Is(err, syscall.ENOSPC):
		return "make room on the disk, and do the same again"
	}
	return "let this user write to it and to its directory, and do the same again"
}

func discardAll(ready []*replacement) error {
	var errs []error
	for _, r := range ready {
		errs = append(errs, r.discard())
	}
	return errors.Join(errs...)
}

// commit puts the files in their places: all or none.
func commit(ready []*replacement) error {
	for i, r := range ready {
		err := fileio.Retry(func() error { return os.Rename(r.temp, r.real) })
		if err == nil {
			r.temp = ""
			continue
		}
		err = cannotWrite(r.path, err)
		for _, done := range ready[:i] {
			err = errors.Join(err, done.takeBack())
		}
		return err
	}
	for _, r := range ready {
		if err := syncDir(filepath.Dir(r.real)); err != nil {
			return &diag.Error{Where: r.path, Problem: "is written, but may not outlast a crash of the machine: " + reason(err), Err: err}
		}
	}
	return nil
}

// unchanged makes sure that the files are still as they were read.
func unchanged(read *Files) error {
	for _, f := range []*file{read.config, read.credentials} {
		text, err := readFile(f.path)
		if err != nil {
			return err
		}
		if strings.TrimPrefix(text, byteOrderMark) != f.text {
			return &diag.Error{Where: f.path, Problem: "another program has changed it in the meantime, and nothing is written", Hint: "try again"}
		}
	}
	return nil
}

// replacement is a file that is ready to be put in another one's place.
type replacement struct {
	path string // as it was named; links are in it
	real string
	temp string // beside real; "" once it is in its place
	old  string // the text that is there, with its byte order mark
	info fs.FileInfo
}

func prepare(c Change) (r *replacement, err error) {
	r = &replacement{path: c.Path}
	if c.Path == os.DevNull { // root could put a file in its place
		return nil, errors.New("it is no file")
	}
	if r.old, err = readFile(c.Path); err != nil {
		return nil, err
	}
	if r.real, err = realPath(c.Path); err != nil {
		return nil, err
	}
	if r.info, err = os.Stat(r.real); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if r.info != nil && r.info.Mode().Perm()&0o200 == 0 {
		return nil, errReadOnly
	}
	text := string(c.New)
	if strings.HasPrefix(r.old, byteOrderMark) {
		text = byteOrderMark + text
	}
	r.temp, err = writeTemp(r.real, text, r.info)
	return r, err
}

// writeTemp writes a file beside another and gives its path. With info, it gets that mode and owner.
func writeTemp(beside, text string, info fs.FileInfo) (path string, err error) {
	f, err := os.CreateTemp(filepath.Dir(beside), "."+filepath.Base(beside)+".*.tmp") // 0600
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.WriteString(text)
	if err == nil && info != nil {
		err = keepOwner(f, info)
	}
	if err == nil && info != nil {
		err = f.Chmod(info.Mode().Perm())
	}
	if err == nil {
		err = f.Sync()
	}
	return f.Name(), errors.Join(err, f.Close())
}

// backup keeps a copy of the file, unless there is one already or nothing to copy. It gives the path of a copy made.
func (r *replacement) backup() (string, error) {
	path := r.path + backupSuffix
	if r.info == nil {
		return "", nil
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return path, r.copyTo(path)
}

// copyTo keeps a copy of the file as it was (0600), in the place of one that is there.
func (r *replacement) copyTo(path string) error {
	temp, err := writeTemp(path, r.old, nil)
	if err != nil {
		return err
	}
	if err := fileio.Retry(func() error { return os.Rename(temp, path) }); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return nil
}

// takeBack puts the old text back.
func (r *replacement) takeBack() error {
	if r.info == nil {
		return os.Remove(r.real)
	}
	temp, err := writeTemp(r.real, r.old, r.info)
	if err != nil {
		return err
	}
	return fileio.Retry(func() error { return os.Rename(temp, r.real) })
}

func (r *replacement) discard() error {
	if r.temp == "" {
		return nil
	}
	return os.Remove(r.temp)
}

// realPath follows the links at a path to the file that is meant, which need not be there yet.
func realPath(path string) (string, error) {
	const enough = 40 // as the kernel has it
	for range enough {
		dir, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			return "", err
		}
		path = filepath.Join(dir, filepath.Base(path))
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode()&fs.ModeSymlink == 0 {
			return path, nil
		}
		if err != nil {
			return "", err
		}
		target, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(dir, target)
		}
		path = target
	}
	return "", fmt.Errorf("%s: too many links", path)
}

// leftoverAge is longer than any edit takes.
const leftoverAge = time.Hour

// Leftovers gives the paths of temporary files beside a file that edits of it have left behind, since their process was
// killed, more than an hour before now.
func Leftovers(path string, now time.Time) (paths []string) {
	return leftovers(path, func(info fs.FileInfo) bool { return now.Sub(info.ModTime()) > leftoverAge })
}

// leftovers gives the temporary files that edits of a file make beside it and its copies, and the copy that a [Move] makes:
// those that are wanted.
func leftovers(path string, wanted func(fs.FileInfo) bool) (paths []string) {
	if info, err := os.Lstat(path + moveSuffix); err == nil && wanted(info) {
		paths = append(paths, path+moveSuffix)
	}
	for _, name := range []string{path, path + backupSuffix, path + moveSuffix} {
		real, err := realPath(name)
		if err != nil {
			continue // then nothing was ever written there
		}
		entries, err := os.ReadDir(filepath.Dir(real))
		if err != nil {
			continue
		}
		for _, e := range entries {
			number, ok := strings.CutPrefix(e.Name(), "."+filepath.Base(real)+".")
			number, isTemp := strings.CutSuffix(number, ".tmp")
			info, err := e.Info()
			if ok && isTemp && strings.Trim(number, "0123456789") == "" && err == nil && wanted(info) {
				paths = append(paths, filepath.Join(filepath.Dir(real), e.Name()))
			}
		}
	}
	return paths
}
