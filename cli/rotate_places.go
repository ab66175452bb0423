package cli

import (
	"os"

	"aws-credproc/credproc"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// checkLeftover refuses to delete a key that is in the config files.
func (r *rotateRun) checkLeftover(rotation *credproc.Rotation) error {
	id := rotation.Leftover.ID
	if id == "" {
		return nil
	}
	for _, p := range profiles.PlacesOf(profiles.Secret(id), r.chain.ConfigPath, r.chain.CredentialsPath) {
		if p.Profile != "" {
			return &diag.Error{
				Profile: r.chain.Source.Profile, Where: p.Where,
				Problem: "access key " + id + " was created by a rotation that was interrupted, and " +
					"profile " + p.Profile + " has it",
				Hint: "delete the key there; then run " + r.command(),
			}
		}
	}
	return nil
}

// where returns where the key is.
func (r *rotateRun) where() string {
	if r.chain.Source.Type == profiles.Keyring {
		return "the keyring"
	}
	return r.files.Place(r.chain.SourceProfile.Properties["aws_access_key_id"])
}

// keyFile returns the path of the file that has the key, "" if it is in the keyring.
func (r *rotateRun) keyFile() string {
	switch {
	case r.chain.Source.Type == profiles.Keyring:
		return ""
	case r.chain.SourceProfile.Properties["aws_access_key_id"].File == profiles.ConfigFile:
		return r.chain.ConfigPath
	}
	return r.chain.CredentialsPath
}

// warnOfCopies warns about other places that have the access key that is going to be deleted.
func (r *rotateRun) warnOfCopies(id string) {
	profile := r.chain.Source.Profile
	own := r.where()
	for _, p := range profiles.PlacesOf(profiles.Secret(id), r.chain.ConfigPath, r.chain.CredentialsPath) {
		switch {
		case p.IsCopy:
			r.warn("a backup also has the key: delete %s when you no longer need it", p.Where)
		case p.Where == own && p.Profile == profile:
		case p.Profile != "" && p.Profile != profile:
			r.warn("profile %s also has the key, in %s, and stops working", p.Profile, p.Where)
		default:
			r.warn("%s also has the key: delete that line", p.Where)
		}
	}
	if path := r.keyFile(); path != "" {
		if l := hardLinksOf(path); l.count > 1 {
			r.warn("%s has other hard links (%d), which keep the old key; find ~ -inum %d finds them", path,
				l.count-1, l.inode)
		}
	}
	imported := plan.Imported(os.Getenv, r.stateDir(), r.warn)
	for _, name := range r.files.Names() {
		if other, ok := imported(name); ok && other == id && name != profile {
			r.warn("profile %s also has the key, in the keyring, and stops working", name)
		}
	}
	if os.Getenv("AWS_ACCESS_KEY_ID") == id {
		r.warn("the environment variable AWS_ACCESS_KEY_ID also has the key, which stops working")
	}
}
