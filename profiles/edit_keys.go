package profiles

import (
	"crypto/sha256"
	"errors"
	"maps"
	"runtime"
	"slices"
	"strings"

	"aws-credproc/internal/diag"
)

// Keys are the long-term keys of a profile that were cut out of the two files, with what is needed
// to put them back byte for byte.
type Keys struct {
	AccessKeyID     string
	SecretAccessKey Secret
	Cuts            []Cut
	// Added is true if the profile had no section in the config file and was given one.
	Added bool
}

// Cut is what was cut out of one section of a file.
type Cut struct {
	File    string            // ConfigFile or CredentialsFile
	Section int               // which of the profile's sections there, from 0
	Rest    [sha256.Size]byte // hash of what was left of the section, see restHash
	Pieces  []Piece           // in the section's order
}

// Piece is a run of whole lines. At the end of a file without a newline at its end, it includes the
// line end above the lines.
type Piece struct {
	At   int // offset in what was left of the section, header included
	Text Secret
}

// maxKeyID is more than the 20 characters of AWS's access key IDs.
const maxKeyID = 32

// keyNames are the two settings of an access key.
var keyNames = []string{"aws_access_key_id", "aws_secret_access_key"}

// TakeKeys cuts the long-term keys of a profile out of both files and wires the profile to itself,
// so that tools get them from this program. helper is its absolute path. ok is false, and nothing
// is changed, if the profile has no keys.
//
// Temporary keys are refused, and so is a profile that would work differently afterwards.
func TakeKeys(e *Editor, name, helper string) (k Keys, ok bool, err error) {
	s, err := e.now.Profile(name)
	if err != nil {
		return Keys{}, false, err
	}
	p := e.now.settings(s)
	if ok, err := p.hasKeys(); !ok || err != nil {
		return Keys{}, false, err
	}
	if err := checkTakeable(p); err != nil {
		return Keys{}, false, err
	}
	k.AccessKeyID, k.SecretAccessKey = p.Get(keyNames[0]), Secret(p.Get(keyNames[1]))
	for _, which := range []string{ConfigFile, CredentialsFile} {
		cuts, err := cutKeys(e, which, name)
		if err != nil {
			return Keys{}, false, err
		}
		k.Cuts = append(k.Cuts, cuts...)
	}
	if k.Added, err = wireSelf(e, name, helper); err != nil {
		return Keys{}, false, err
	}
	return k, true, nil
}

// checkTakeable refuses a profile whose keys cannot be taken.
func checkTakeable(p settings) error {
	for _, key := range []string{"aws_session_token", "aws_security_token"} {
		if p.Get(key) != "" {
			return p.fail(key, "temporary keys (with a session token) cannot be imported",
				"import the long-term keys of an IAM user")
		}
	}
	if p.Properties[keyNames[0]].File != p.Properties[keyNames[1]].File {
		return p.fail(keyNames[1], "aws_access_key_id and aws_secret_access_key are in different files",
			"put both into the credentials file")
	}
	for _, key := range keyNames {
		if !isPrintable(p.Get(key)) {
			return p.fail(key, key+" has characters that no access key has", "enter the key again")
		}
	}
	if len(p.Get(keyNames[0])) > maxKeyID {
		return p.fail(keyNames[0], keyNames[0]+" is too long: it may be the secret access key",
			"check whether the two values are swapped")
	}
	if p.Name[0] == '-' {
		return p.fail("", hyphenProblem, "rename the profile")
	}
	if key := otherCredentials(p.Section); key != "" {
		return p.fail(key, "both keys and "+key+", of which tools use one or the other",
			"move the keys to a profile of their own, and use that as source_profile where needed")
	}
	if to, ok := wiredTo(p.Section); p.Get("credential_process") != "" && (!ok || to != p.Name) {
		return p.fail("credential_process", "both keys and credential_process",
			"remove credential_process, or move the keys to a profile of their own")
	}
	return nil
}

// otherCredentials returns a setting of a profile for credentials other than keys and a process, or
// "".
func otherCredentials(p Section) string {
	keys := []string{
		"role_arn", "web_identity_token_file", "web_identity_token_process", "login_session",
	}
	for _, key := range slices.Sorted(maps.Keys(p.Properties)) {
		if strings.HasPrefix(key, "sso_") {
			keys = append(keys, key)
		}
	}
	for _, key := range keys {
		if p.Get(key) != "" {
			return key
		}
	}
	return ""
}

// cutKeys cuts a profile's keys out of one file.
func cutKeys(e *Editor, which, name string) (cuts []Cut, err error) {
	f := e.now.file(which)
	bodies, err := f.bodies(name)
	if err != nil {
		return nil, err
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
		cuts = append(cuts, c)
	}
	return cuts, e.splice(which, splices...)
}

// restHash returns a hash of what was left of a section. It ignores blank lines at the end, which
// belong to what follows.
func restHash(rest string, pieces []Piece) [sha256.Size]byte {
	at := min(pieces[len(pieces)-1].At, len(rest))
	return sha256.Sum256([]byte(rest[:at] + "\x00" + strings.TrimRight(rest[at:], " \t\r\n")))
}

// wireSelf wires a profile to itself. It reports whether it added a section for that.
func wireSelf(e *Editor, name, helper string) (added bool, err error) {
	wired, err := isWiredToSelf(e.now, name)
	if wired || err != nil {
		return false, err
	}
	command, err := ProcessCommand(helper, name, runtime.GOOS)
	if err != nil {
		return false, err
	}
	if added = len(e.now.config.sectionsOf(profileSection, name)) == 0; added {
		err = e.AddProfile(ConfigFile, name, Setting{"credential_process", command})
	} else {
		err = e.Set(ConfigFile, name, "credential_process", command)
	}
	if err != nil {
		return false, err
	}
	wired, err = isWiredToSelf(e.now, name)
	if err == nil && !wired {
		err = &diag.Error{
			Profile: name,
			Problem: "would not use its imported keys after the edit",
			Hint:    "this is a bug in aws-credproc, please report it",
		}
	}
	return added, err
}

func isWiredToSelf(f *Files, name string) (bool, error) {
	p, err := f.Profile(name)
	if errors.Is(err, ErrNoProfile) {
		return false, nil
	}
	to, ok := Wired(p)
	return ok && to == name, err
}

// PutKeys undoes [TakeKeys]. A section that has not been edited since gets its lines back where
// they were; in another one they are added after its last setting. PutKeys reports whether it
// changed anything. A profile that has these keys already is left alone; other keys are an error.
func PutKeys(e *Editor, name string, k Keys) (changed bool, err error) {
	before := e.now
	if err := unwireSelf(e, name, k.Added); err != nil {
		return false, err
	}
	if _, err := hasSameKeys(e.now, name, k); err != nil {
		return false, err
	}
	if err := putCuts(e, name, k.Cuts); err != nil {
		return false, err
	}
	there, err := hasSameKeys(e.now, name, k)
	if err == nil && !there {
		err = &diag.Error{
			Profile: name,
			Problem: "would not use its keys after the edit",
			Hint:    "this is a bug in aws-credproc, please report it",
		}
	}
	changed = e.now.config.text != before.config.text ||
		e.now.credentials.text != before.credentials.text
	return changed, err
}

// hasSameKeys reports whether a profile has the keys k. Other keys are an error; a missing profile
// is not.
func hasSameKeys(f *Files, name string, k Keys) (bool, error) {
	s, err := f.Profile(name)
	if errors.Is(err, ErrNoProfile) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	p := f.settings(s)
	ok, err := p.hasKeys()
	if ok && (p.Get(keyNames[0]) != k.AccessKeyID || p.Get(keyNames[1]) != string(k.SecretAccessKey)) {
		return false, &diag.Error{
			Profile: name,
			Where:   f.Place(p.Properties[keyNames[0]]),
			Problem: "the access key is not the one in the keyring",
			Hint: "aws-credproc import " + Argument(name) + " replaces the one in the keyring; " +
				"to restore that one, remove this one",
		}
	}
	return ok, err
}

// unwireSelf removes the line that wires a profile to itself. If added is true, its section in the
// config file was added for that line and is removed too, unless it has other content.
func unwireSelf(e *Editor, name string, added bool) error {
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
	err = e.Remove(which, name, "credential_process")
	if err != nil || !added || which != ConfigFile {
		return err
	}
	bodies, err := e.now.config.bodies(name)
	if err != nil || len(bodies) != 1 || len(bodies[0].settings) > 0 || len(bodies[0].comments) > 0 {
		return err
	}
	return e.RemoveProfile(ConfigFile, name)
}

// putCuts puts cuts back, except into a file that has keys of the profile: each file is written in
// one step, so such a file has all of its cuts.
func putCuts(e *Editor, name string, cuts []Cut) error {
	var done []string
	for _, f := range e.now.both() {
		bodies, err := f.bodies(name)
		if err != nil {
			return err
		}
		for _, key := range keyNames {
			if _, ok := lastSetting(bodies, key); ok {
				done = append(done, f.which)
			}
		}
	}
	for _, c := range cuts {
		if slices.Contains(done, c.File) {
			continue
		}
		if err := c.put(e, name); err != nil {
			return err
		}
	}
	return nil
}

// put puts a cut back into its section, which it adds if it is gone.
func (c Cut) put(e *Editor, name string) error {
	f := e.now.file(c.File)
	bodies, err := f.bodies(name)
	if err != nil {
		return err
	}
	if splices, ok := c.inPlace(f, bodies); ok {
		return e.splice(c.File, splices...)
	}
	if len(bodies) == 0 {
		if err := e.AddProfile(c.File, name); err != nil {
			return err
		}
		f = e.now.file(c.File)
		if bodies, err = f.bodies(name); err != nil {
			return err
		}
	}
	end := bodies[min(c.Section, len(bodies)-1)]
	lines := reindent(c.lines(), f.indentOfBody(end))
	return e.splice(c.File, f.insertLines(end.last, lines))
}

// inPlace returns the splices that put the lines back where they were, if the section is still what
// was left of it.
func (c Cut) inPlace(f *file, bodies []body) (splices []splice, ok bool) {
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

// lines returns the lines of a cut without their ends.
func (c Cut) lines() []string {
	var lines []string
	for _, p := range c.Pieces {
		for line := range strings.Lines(strings.Trim(string(p.Text), "\r\n")) {
			lines = append(lines, strings.TrimRight(line, "\r\n"))
		}
	}
	return lines
}
