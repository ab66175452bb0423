package profiles

import (
	"aws-credproc/internal/diag"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Keys are the long-term keys of a profile, taken out of the two files, with what puts them back as they stood.
type Keys struct {
	AccessKeyID     string
	SecretAccessKey Secret
	Cuts            []Cut
	// Added says that the profile had no section in the config file and was given one.
	Added bool
}

// Cut is what was taken out of one section of a file.
type Cut struct {
	File    string            // ConfigFile or CredentialsFile
	Section int               // which of the profile's sections there, from 0
	Rest    [sha256.Size]byte // tells whether the section is still what was left of it
	Pieces  []Piece           // in the section's order
}

// Piece is a run of whole lines, with the line end above them where they stood at the end of a file that has none.
type Piece struct {
	At   int // where in what was left of the section, its header included
	Text Secret
}

// maxKeyID is more than the 20 characters that AWS's access key IDs have.
const maxKeyID = 32

// keyNames are the two settings that make an access key.
var keyNames = []string{"aws_access_key_id", "aws_secret_access_key"}

// TakeKeys takes the long-term keys of a profile out of the files, wherever they stand, and wires the profile to itself,
// so that tools that name it get them from this helper, at the absolute path helper. Everything else stays. ok is false,
// and nothing is changed, where the profile has no keys.
//
// It refuses what would not serve tools the same afterwards, and keys that are temporary.
func (e *Editor) TakeKeys(name, helper string) (k Keys, ok bool, err error) {
	p, err := e.now.Profile(name)
	if err != nil {
		return Keys{}, false, err
	}
	if ok, err := e.hasKeys(p); !ok || err != nil {
		return Keys{}, false, err
	}
	if err := e.checkTakeable(p); err != nil {
		return Keys{}, false, err
	}
	k.AccessKeyID, k.SecretAccessKey = p.Get(keyNames[0]), Secret(p.Get(keyNames[1]))
	for _, which := range []string{ConfigFile, CredentialsFile} {
		if err := e.cutKeys(which, name, &k); err != nil {
			return Keys{}, false, err
		}
	}
	if p, err = e.now.Profile(name); err != nil {
		return Keys{}, false, err
	}
	if wiredTo, ok := Wired(p); !ok || wiredTo != name {
		command, err := ProcessCommand(helper, name, runtime.GOOS)
		if err != nil {
			return Keys{}, false, err
		}
		if k.Added = len(e.now.config.sectionsOf(profileSection, name)) == 0; k.Added {
			err = e.AddProfile(ConfigFile, name, Setting{"credential_process", command})
		} else {
			err = e.Set(ConfigFile, name, "credential_process", command)
		}
		if err != nil {
			return Keys{}, false, err
		}
		if p, err = e.now.Profile(name); err != nil {
			return Keys{}, false, err
		}
	}
	if wiredTo, ok := Wired(p); !ok || wiredTo != name {
		return Keys{}, false, &diag.Error{Profile: name, Problem: "it would not be wired after the edit", Hint: "report this"}
	}
	return k, true, nil
}

func (e *Editor) hasKeys(p Section) (bool, error) {
	r := resolver{files: e.now}
	return r.hasKeys(p)
}

// checkTakeable refuses a profile whose keys cannot be taken.
func (e *Editor) checkTakeable(p Section) error {
	fail := func(key, problem, hint string) error {
		r := resolver{files: e.now}
		return r.fail(p, key, problem, hint)
	}
	for _, key := range []string{"aws_session_token", "aws_security_token"} {
		if p.Get(key) != "" {
			return fail(key, "its keys are temporary, since they have a session token", "keys are imported that stay: those of an IAM user")
		}
	}
	if p.Properties[keyNames[0]].File != p.Properties[keyNames[1]].File {
		return fail(keyNames[1], "one half of its key stands in the config file and the other in the credentials file", "put both into the credentials file")
	}
	for _, key := range keyNames {
		if !isPrintable(p.Get(key)) {
			return fail(key, "its "+key+" holds characters that none can have", "correct it")
		}
	}
	if len(p.Get(keyNames[0])) > maxKeyID {
		return fail(keyNames[0], "its "+keyNames[0]+" is longer than those of AWS: it may be the secret, in the wrong line", "correct it")
	}
	if p.Name[0] == '-' {
		return fail("", "its name starts with a hyphen, so that it would be read as a flag", "rename it")
	}
	keys := []string{"role_arn", "web_identity_token_file", "web_identity_token_process", "login_session"}
	for key := range p.Properties {
		if strings.HasPrefix(key, "sso_") {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys[4:])
	for _, key := range keys {
		if p.Get(key) != "" {
			return fail(key, "it has "+key+" beside its keys, which tools would then use in different ways",
				"give the keys a profile of their own, and name it as source_profile where it is needed")
		}
	}
	if wiredTo, ok := wiredTo(p); p.Get("credential_process") != "" && (!ok || wiredTo != p.Name) {
		return fail("credential_process", "it has a credential_process beside its keys, which would be used in their place", "remove that line, or give the keys a profile of their own")
	}
	return nil
}

// cutKeys takes a profile's keys out of one file.
func (e *Editor) cutKeys(which, name string, k *Keys) error {
	f := e.file(which)
	bodies, err := f.bodies(name)
	if err != nil {
		return err
	}
	var splices []splice
	for i, b := range bodies {
		var lines []span
		for _, s := range b.settings {
			if slices.Contains(keyNames, s.key) {
				lines = append(lines, s.lines...)
			}
		}
		if len(lines) == 0 {
			continue
		}
		c := Cut{File: which, Section: i}
		var rest strings.Builder
		pos := b.start
		for _, s := range f.removeLines(lines) {
			rest.WriteString(f.text[pos:s.start])
			c.Pieces = append(c.Pieces, Piece{rest.Len(), Secret(f.text[s.start:s.end])})
			pos = s.end
			splices = append(splices, s)
		}
		rest.WriteString(f.text[pos:b.end])
		c.Rest = restHash(rest.String(), c.Pieces)
		k.Cuts = append(k.Cuts, c)
	}
	return e.splice(which, splices...)
}

// restHash knows what was left of a section again. What blank lines end it has no say: they go with what follows.
func restHash(rest string, pieces []Piece) [sha256.Size]byte {
	at := min(pieces[len(pieces)-1].At, len(rest))
	return sha256.Sum256([]byte(rest[:at] + "\x00" + strings.TrimRight(rest[at:], " \t\r\n")))
}

// PutKeys takes back what [Editor.TakeKeys] did. A section that is as it was left gets its lines where they stood; where
// it has been edited since, they stand below its last setting. It reports whether anything was to be done; keys that are
// there are left alone, and other ones are an error.
func (e *Editor) PutKeys(name string, k Keys) (changed bool, err error) {
	before := e.now
	if err := e.unwireSelf(name, k.Added); err != nil {
		return false, err
	}
	if _, err := e.has(name, k); err != nil {
		return false, err
	}
	if err := e.putCuts(name, k); err != nil {
		return false, err
	}
	there, err := e.has(name, k)
	if err == nil && !there {
		err = &diag.Error{Profile: name, Problem: "its keys would not be read after the edit", Hint: "report this"}
	}
	return e.now.config.text != before.config.text || e.now.credentials.text != before.credentials.text, err
}

// has reports whether a profile has just these keys. Other ones are an error; a profile that is not there has none.
func (e *Editor) has(name string, k Keys) (bool, error) {
	p, err := e.now.Profile(name)
	if errors.Is(err, ErrNoProfile) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	ok, err := e.hasKeys(p)
	if ok && (p.Get(keyNames[0]) != k.AccessKeyID || p.Get(keyNames[1]) != string(k.SecretAccessKey)) {
		return false, &diag.Error{Profile: name, Where: e.now.where(p.Properties[keyNames[0]]), Problem: "another key stands there than in the keyring",
			Hint: "aws-credproc import " + Argument(name) + " takes this one in its place; or remove it, to have that one back"}
	}
	return ok, err
}

// unwireSelf takes away the line that wires a profile to itself. added says that its section in the config file was made
// for that line: where there is nothing else in it, it goes too.
func (e *Editor) unwireSelf(name string, added bool) error {
	p, err := e.now.Profile(name)
	if errors.Is(err, ErrNoProfile) {
		return nil
	}
	if err != nil {
		return err
	}
	if to, ok := wiredTo(p); !ok || to != name {
		return nil
	}
	which := p.Properties["credential_process"].File
	if err := e.Remove(which, name, "credential_process"); err != nil || !added || which != ConfigFile {
		return err
	}
	bodies, err := e.now.config.bodies(name)
	if err != nil || len(bodies) != 1 || len(bodies[0].settings) > 0 || len(bodies[0].comments) > 0 {
		return err
	}
	return e.RemoveProfile(ConfigFile, name)
}

// putCuts puts the lines back. A file that has some of them has them all: each file is written in one step.
func (e *Editor) putCuts(name string, k Keys) error {
	has := map[string]bool{}
	for _, which := range []string{ConfigFile, CredentialsFile} {
		bodies, err := e.file(which).bodies(name)
		if err != nil {
			return err
		}
		for _, key := range keyNames {
			_, ok := lastSetting(bodies, key)
			has[which] = has[which] || ok
		}
	}
	for _, c := range k.Cuts {
		if has[c.File] {
			continue
		}
		f := e.file(c.File)
		bodies, err := f.bodies(name)
		if err != nil {
			return err
		}
		if splices, ok := c.asTheyStood(f, bodies); ok {
			if err := e.splice(c.File, splices...); err != nil {
				return err
			}
			continue
		}
		var lines []string
		for _, p := range c.Pieces {
			for line := range strings.Lines(strings.Trim(string(p.Text), "\r\n")) {
				lines = append(lines, strings.TrimRight(line, "\r\n"))
			}
		}
		if len(bodies) == 0 {
			if err := e.AddProfile(c.File, name); err != nil {
				return err
			}
			f = e.file(c.File)
			if bodies, err = f.bodies(name); err != nil {
				return err
			}
		}
		end := bodies[min(c.Section, len(bodies)-1)].last
		if err := e.splice(c.File, f.insertLine(end, strings.Join(lines, f.lineEnd(end)))); err != nil {
			return err
		}
	}
	return nil
}

// asTheyStood gives the splices that put a cut's lines back where they stood, if the section is what was left of it.
func (c Cut) asTheyStood(f *file, bodies []body) (splices []splice, ok bool) {
	if c.Section >= len(bodies) || len(c.Pieces) == 0 {
		return nil, false
	}
	b := bodies[c.Section]
	rest := f.text[b.start:b.end]
	if restHash(rest, c.Pieces) != c.Rest {
		return nil, false
	}
	for _, p := range c.Pieces {
		if p.At > len(rest) {
			return nil, false
		}
		splices = append(splices, splice{b.start + p.At, b.start + p.At, string(p.Text)})
	}
	return splices, true
}

// FileID gives what a config file is known by, however it is named: its absolute path, links followed. The file need not
// be there.
func FileID(path string) string {
	if real, err := realPath(path); err == nil {
		path = real
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return path
}

// SecretPlace is a place in which a secret stands.
type SecretPlace struct {
	Where   string // file and line; of a copy, the file
	Profile string // whose key it is; "" in a comment, and in a copy
	IsCopy  bool   // which [Update] or [Move] has kept
}

// PlacesOf gives the places in which a secret stands: as a value or in a comment of the two files, or in a copy beside
// them. What cannot be read tells nothing.
func PlacesOf(secret Secret, configPath, credentialsPath string) (places []SecretPlace) {
	for _, f := range []struct {
		path   string
		header func(string) (sectionKind, string)
	}{{configPath, configHeader}, {credentialsPath, credentialsHeader}} {
		text, err := readFile(f.path)
		if err != nil {
			continue
		}
		s := scanner{file: f.path, text: strings.TrimPrefix(text, byteOrderMark)}
		profile := ""
		for {
			l, ok, err := s.next()
			if err != nil || !ok {
				break
			}
			place := SecretPlace{Where: fmt.Sprintf("%s:%d", f.path, l.number)}
			switch l.kind {
			case sectionLine:
				_, profile = f.header(l.key)
			case propertyLine, continuationLine:
				if l.value == string(secret) {
					place.Profile = profile
					places = append(places, place)
				}
			case commentLine:
				if hasWord(s.text[l.start:l.end], string(secret)) {
					places = append(places, place)
				}
			}
		}
	}
	for _, path := range []string{configPath, credentialsPath} {
		for _, copied := range copiesOf(path) {
			if text, err := readFile(copied); err == nil && strings.Contains(text, string(secret)) {
				places = append(places, SecretPlace{Where: copied, IsCopy: true})
			}
		}
	}
	return places
}

// hasWord reports whether a word stands in a text, and not within a longer one. Secret access keys are in base64.
func hasWord(text, word string) bool {
	return slices.Contains(strings.FieldsFunc(text, func(r rune) bool {
		return r != '/' && r != '+' && !('0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z')
	}), word)
}

// copiesOf gives the copies of a file that [Update] and [Move] have kept beside it.
func copiesOf(path string) (paths []string) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), filepath.Base(path)+".aws-credproc.") && strings.HasSuffix(e.Name(), ".bak") {
			paths = append(paths, filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
	return paths
}
