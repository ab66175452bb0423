package statedir

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"unicode"

	"aws-credproc/internal/versioned"
)

const (
	importedVersion  = 1
	maxImported      = 16 << 10 // bytes of a file
	maxImportedField = 4 << 10  // bytes of the profile and the path together; PATH_MAX is 4096
)

// Imported records a long-term access key that was imported into the keyring, so that its ID is
// known without opening the keyring. It has no secret.
type Imported struct {
	Profile     string
	Config      string // the absolute path of the config file that has the profile
	AccessKeyID string
	// OtherAccessKeyID is a key that the keyring may have in its place, or "". One is replaced by the
	// other while this is set.
	OtherAccessKeyID string
}

// Has reports whether the keyring may have the key with this ID.
func (i Imported) Has(accessKeyID string) bool {
	return accessKeyID != "" && (accessKeyID == i.AccessKeyID || accessKeyID == i.OtherAccessKeyID)
}

type importedJSON struct {
	Version          int    `json:"v"`
	Profile          string `json:"profile"`
	Config           string `json:"config"`
	AccessKeyID      string `json:"access_key_id"`
	OtherAccessKeyID string `json:"other_access_key_id,omitempty"`
}

// ReadImported returns the record of a profile of a config file in the state directory at a path.
// The error wraps [fs.ErrNotExist] if there is none.
func ReadImported(path, config, profile string) (Imported, error) {
	d, err := Open(path)
	if err != nil {
		return Imported{}, err
	}
	defer d.Close()
	b, err := d.Read(imported, importedName(config, profile), maxImported)
	if err != nil {
		return Imported{}, fmt.Errorf("imported key: %w", err)
	}
	var w importedJSON
	jsonErr := json.Unmarshal(b, &w)
	if err := versioned.Check(b, w.Version, importedVersion, jsonErr); err != nil {
		return Imported{}, fmt.Errorf("imported key: %w", err)
	}
	i := Imported{w.Profile, w.Config, w.AccessKeyID, w.OtherAccessKeyID}
	if i.Profile != profile || i.Config != config || !i.hasKeyIDs() {
		return Imported{}, fmt.Errorf("imported key: %w", versioned.ErrCorrupt)
	}
	return i, nil
}

// WriteImported writes a record. It replaces an earlier one of the same profile.
func WriteImported(path string, i Imported) error {
	if len(i.Profile)+len(i.Config) > maxImportedField {
		return errors.New("imported key: the profile's name or the path of its file is too long")
	}
	if !i.hasKeyIDs() {
		return errors.New("imported key: not an access key ID")
	}
	b, err := json.Marshal(importedJSON{
		importedVersion, i.Profile, i.Config, i.AccessKeyID, i.OtherAccessKeyID,
	})
	if err != nil {
		return fmt.Errorf("imported key: %w", err)
	}
	d, err := Create(path)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Write(imported, importedName(i.Config, i.Profile), b); err != nil {
		return fmt.Errorf("imported key: %w", err)
	}
	return nil
}

// PrepareImported creates the directories that WriteImported needs, so that this can fail before
// anything else is changed.
func PrepareImported(path string) error {
	d, err := Create(path)
	if err != nil {
		return err
	}
	defer d.Close()
	root, err := d.create(imported)
	if err != nil {
		return err
	}
	d.close(root)
	return nil
}

// RemoveImported removes the record of a profile of a config file. It returns nil if there is none.
func RemoveImported(path, config, profile string) error {
	d, err := Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Remove(imported, importedName(config, profile))
}

func importedName(config, profile string) string {
	sum := sha256.Sum256([]byte(profile + "\x00" + config))
	return hex.EncodeToString(sum[:]) + ".json"
}

func (i Imported) hasKeyIDs() bool {
	return isKeyID(i.AccessKeyID) && (i.OtherAccessKeyID == "" || isKeyID(i.OtherAccessKeyID))
}

// isKeyID reports whether s may be an access key ID. Those of AWS have 20 characters; a longer one
// may be the secret, pasted into the wrong line.
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
