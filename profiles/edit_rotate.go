package profiles

import (
	"errors"
	"strings"

	"aws-credproc/internal/diag"
)

// AccessKey is a long-term access key of an IAM user.
type AccessKey struct {
	ID     string
	Secret Secret
}

// KeyOf returns the access key that a profile has itself. It must be in one file.
func KeyOf(f *Files, name string) (AccessKey, error) {
	p, err := keyProfile(f, name)
	if err != nil {
		return AccessKey{}, err
	}
	return AccessKey{p.Get(keyNames[0]), Secret(p.Get(keyNames[1]))}, nil
}

// ReplaceKey replaces the access key of a profile, which must be old, where it is: every other byte
// of the files stays as it is.
func ReplaceKey(e *Editor, name string, old, key AccessKey) error {
	p, err := keyProfile(e.now, name)
	if err != nil {
		return err
	}
	if p.Get(keyNames[0]) != old.ID || p.Get(keyNames[1]) != string(old.Secret) {
		return p.fail(keyNames[0], "another program has changed the access key of the profile", "")
	}
	for i, value := range []string{key.ID, string(key.Secret)} {
		if err := e.Set(p.Properties[keyNames[i]].File, name, keyNames[i], value); err != nil {
			return err
		}
	}
	p, err = keyProfile(e.now, name)
	if err == nil && (p.Get(keyNames[0]) != key.ID || p.Get(keyNames[1]) != string(key.Secret)) {
		err = &diag.Error{
			Profile: name,
			Problem: "would not use its new access key after the edit",
			Hint:    "this is a bug in aws-credproc, please report it",
		}
	}
	return err
}

// keyProfile returns the settings of a profile whose access key is in one file.
func keyProfile(f *Files, name string) (settings, error) {
	s, err := f.Profile(name)
	if err != nil {
		return settings{}, err
	}
	p := f.settings(s)
	switch has, err := p.hasKeys(); {
	case err != nil:
		return settings{}, err
	case !has:
		return settings{}, p.fail("", "the profile has no access key of its own any more", "")
	case p.Properties[keyNames[0]].File != p.Properties[keyNames[1]].File:
		// The two files cannot be replaced in one step.
		return settings{}, p.fail(keyNames[1],
			"aws_access_key_id and aws_secret_access_key are in different files",
			"put both into the credentials file")
	}
	return p, nil
}

// CheckWritable returns the error that writing the changes would fail with, as far as it can be
// found out beforehand. It writes new files next to the old ones, and removes them.
func (e *Editor) CheckWritable() error {
	ready, err := prepareAll(e.Changes())
	return errors.Join(err, discardAll(ready))
}

// With returns the keys with their access key replaced by another one, also in the lines that
// [PutKeys] puts back.
func (k Keys) With(key AccessKey) Keys {
	changed := k
	changed.AccessKeyID, changed.SecretAccessKey = key.ID, key.Secret
	changed.Cuts = nil
	for _, c := range k.Cuts {
		pieces := c.Pieces
		c.Pieces = nil
		for _, p := range pieces {
			text := replaceWord(string(p.Text), string(k.SecretAccessKey), string(key.Secret))
			p.Text = Secret(replaceWord(text, k.AccessKeyID, key.ID))
			c.Pieces = append(c.Pieces, p)
		}
		changed.Cuts = append(changed.Cuts, c)
	}
	return changed
}

// replaceWord replaces a word in a text, but not as part of a longer one, see [hasWord].
func replaceWord(text, word, by string) string {
	var b strings.Builder
	done := 0
	for at := 0; word != ""; {
		i := strings.Index(text[at:], word)
		if i < 0 {
			break
		}
		start, end := at+i, at+i+len(word)
		at = start + 1
		if start > 0 && isWordByte(text[start-1]) || end < len(text) && isWordByte(text[end]) {
			continue
		}
		b.WriteString(text[done:start] + by)
		done, at = end, end
	}
	return b.String() + text[done:]
}

func isWordByte(c byte) bool { return c == '/' || c == '+' || isAlphanumeric(c) }
