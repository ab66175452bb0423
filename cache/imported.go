package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"unicode"
)

const (
	importedVersion  = 1
	maxImported      = 16 << 10 // bytes of a file
	maxImportedField = 4 << 10  // bytes of a field; a path has at most as many
)

// Imported is what is known, without opening it, of a long-term access key that a profile has in the keyring. None of it
// is secret.
type Imported struct {
	Profile     string
	Config      string // the config file in which the profile is, by its absolute path
	AccessKeyID string
}

type wireImported struct {
	Version     int    `json:"v"`
	Profile     string `json:"profile"`
	Config      string `json:"config"`
	AccessKeyID string `json:"access_key_id"`
}

// ReadImported gives what the state directory dir knows of a profile of a config file: ErrMiss if nothing, also where
// there is no state directory.
func ReadImported(dir, config, profile string) (Imported, error) {
	d, err := openStateDir(dir, false)
	if errors.Is(err, fs.ErrNotExist) {
		return Imported{}, ErrMiss
	}
	if err != nil {
		return Imported{}, err
	}
	defer d.root.Close()
	root, err := d.sub(importedDir, false)
	if errors.Is(err, fs.ErrNotExist) {
		return Imported{}, ErrMiss
	}
	if err != nil {
		return Imported{}, err
	}
	defer root.Close()
	b, err := readBounded(root, importedName(config, profile), maxImported)
	if errors.Is(err, fs.ErrNotExist) {
		return Imported{}, ErrMiss
	}
	if err != nil {
		return Imported{}, fmt.Errorf("imported key: %w", err)
	}
	var w wireImported
	jsonErr := json.Unmarshal(b, &w)
	if err := checkVersion(b, w.Version, importedVersion, jsonErr); err != nil {
		return Imported{}, fmt.Errorf("imported key: %w", err)
	}
	i := Imported{w.Profile, w.Config, w.AccessKeyID}
	if i.Profile != profile || i.Config != config || !isKeyID(i.AccessKeyID) {
		return Imported{}, fmt.Errorf("imported key: %w", ErrCorrupt)
	}
	return i, nil
}

// NoteImported makes the state directory dir know a key, in the place of the one before.
func NoteImported(dir string, i Imported) error {
	if len(i.Profile)+len(i.Config) > maxImportedField || !isKeyID(i.AccessKeyID) {
		return errors.New("imported key: its profile, path or access key ID is none that can be noted")
	}
	b, err := json.Marshal(wireImported{importedVersion, i.Profile, i.Config, i.AccessKeyID})
	if err != nil {
		return fmt.Errorf("imported key: %w", err)
	}
	d, err := openStateDir(dir, true)
	if err != nil {
		return err
	}
	defer d.root.Close()
	root, err := d.sub(importedDir, true)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := writeAtomic(root, importedName(i.Config, i.Profile), b); err != nil {
		return fmt.Errorf("imported key: %w", err)
	}
	return nil
}

// CheckNotes is nil if NoteImported would find a state directory that it can use.
func CheckNotes(dir string) error {
	d, err := openStateDir(dir, true)
	if err != nil {
		return err
	}
	defer d.root.Close()
	root, err := d.sub(importedDir, true)
	if err != nil {
		return err
	}
	return root.Close()
}

// ForgetImported makes the state directory dir forget a profile's key. That there is none is no error.
func ForgetImported(dir, config, profile string) error {
	d, err := openStateDir(dir, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.root.Close()
	root, err := d.sub(importedDir, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	return remove(root, importedName(config, profile))
}

func importedName(config, profile string) string {
	sum := sha256.Sum256([]byte(profile + "\x00" + config))
	return hex.EncodeToString(sum[:]) + ".json"
}

// isKeyID reports whether s may be an access key ID. AWS's have 20 characters; what is longer may be the secret, pasted
// into the wrong line.
func isKeyID(s string) bool {
	if s == "" || len(s) > 32 {
		return false
	}
	for _, r := range s {
		if r > unicode.MaxASCII || !unicode.IsGraphic(r) || unicode.IsSpace(r) {
			return false
		}
	}
	return true
}
