package statedir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"aws-credproc/internal/versioned"
)

const (
	rotationVersion = 1
	maxRotation     = 32 << 10 // bytes of a file
	maxRotationKeys = 100      // AWS allows a user two
)

// Rotation records that the access key of a profile is being replaced. It is written before the new
// key is created, and removed when the old one is deleted. If the process ends in between, the next
// one learns from it which key is the new one. It has no secret.
type Rotation struct {
	Profile string
	Config  string // the absolute path of the config file that has the profile
	User    string // the ARN of the IAM user
	Old     string // the access key ID that is replaced
	// Before are the access key IDs that the user had before the new key was created.
	Before []string
	// Started is the time before the new key was created, by the clock of AWS. Ended is the time when
	// an attempt to create it had failed; it is zero if none has.
	Started, Ended time.Time
	// New is the access key ID of the new key, "" if it is not known whether there is one.
	New     string
	Boot    string // identifies the run of the machine in which the new key was stored
	KeepOld bool   // the old key is deactivated and not deleted
	Retired bool   // the old key was deactivated
}

type rotationJSON struct {
	Version int       `json:"v"`
	Profile string    `json:"profile"`
	Config  string    `json:"config"`
	User    string    `json:"user"`
	Old     string    `json:"old"`
	Before  []string  `json:"before"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
	New     string    `json:"new,omitempty"`
	Boot    string    `json:"boot,omitempty"`
	KeepOld bool      `json:"keep_old,omitempty"`
	Retired bool      `json:"retired,omitempty"`
}

// ReadRotation returns the record of a profile of a config file in the state directory at a path.
// The error wraps [fs.ErrNotExist] if there is none.
func ReadRotation(path, config, profile string) (Rotation, error) {
	d, err := Open(path)
	if err != nil {
		return Rotation{}, err
	}
	defer d.Close()
	b, err := d.Read(rotations, importedName(config, profile), maxRotation)
	if err != nil {
		return Rotation{}, fmt.Errorf("record of the rotation: %w", err)
	}
	var w rotationJSON
	jsonErr := json.Unmarshal(b, &w)
	if err := versioned.Check(b, w.Version, rotationVersion, jsonErr); err != nil {
		return Rotation{}, fmt.Errorf("record of the rotation: %w", err)
	}
	r := Rotation{
		w.Profile, w.Config, w.User, w.Old, w.Before, w.Started, w.Ended, w.New, w.Boot, w.KeepOld,
		w.Retired,
	}
	if r.Profile != profile || r.Config != config || r.check() != nil {
		return Rotation{}, fmt.Errorf("record of the rotation: %w", versioned.ErrCorrupt)
	}
	return r, nil
}

// check returns an error if a field cannot be that of a record.
func (r Rotation) check() error {
	if len(r.Profile)+len(r.Config)+len(r.User)+len(r.Boot) > maxImportedField+2048 {
		return errors.New("the profile's name or the path of its file is too long")
	}
	if len(r.Before) > maxRotationKeys {
		return errors.New("too many access keys")
	}
	ids := append([]string{r.Old}, r.Before...)
	if r.New != "" {
		ids = append(ids, r.New)
	}
	for _, id := range ids {
		if !isKeyID(id) {
			return errors.New("not an access key ID")
		}
	}
	if r.Started.IsZero() {
		return errors.New("no time")
	}
	return nil
}

// WriteRotation writes a record. It replaces an earlier one of the same profile. The record is on
// disk when WriteRotation returns.
func WriteRotation(path string, r Rotation) error {
	if err := r.check(); err != nil {
		return fmt.Errorf("record of the rotation: %w", err)
	}
	b, err := json.Marshal(rotationJSON{
		rotationVersion, r.Profile, r.Config, r.User, r.Old, r.Before, r.Started, r.Ended, r.New, r.Boot,
		r.KeepOld, r.Retired,
	})
	if err != nil {
		return fmt.Errorf("record of the rotation: %w", err)
	}
	d, err := Create(path)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.writeSynced(rotations, importedName(r.Config, r.Profile), b); err != nil {
		return fmt.Errorf("record of the rotation: %w", err)
	}
	return nil
}

// RemoveRotation removes the record of a profile of a config file. It returns nil if there is none.
func RemoveRotation(path, config, profile string) error {
	d, err := Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Remove(rotations, importedName(config, profile))
}
