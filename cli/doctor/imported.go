package doctor

import (
	"context"
	"errors"
	"strings"

	"aws-credproc/cache"
	"aws-credproc/credproc"
	"aws-credproc/internal/diag"
)

// checkImportedKeys returns why imported keys cannot be read from the keyring, by profile.
func checkImportedKeys(ctx context.Context, c *chains, r *credproc.Resolver) map[string]error {
	failed := map[string]error{}
	for name, chain := range c.byProfile {
		if chain.Source.Profile == name {
			if err := r.CheckKeys(ctx, chain); err != nil {
				failed[name] = err
			}
		}
	}
	return failed
}

// importedKeys finds long-term keys that were imported and cannot be read from the keyring.
func importedKeys(x *examination) (found []Finding) {
	for _, name := range x.config.names {
		var e *diag.Error
		if !errors.As(x.keys[name], &e) {
			continue
		}
		text := strings.TrimPrefix(e.What(), "keyring: ")
		text = strings.TrimPrefix(text, "long-term keys in the keyring: ")
		f := Finding{
			Severity: Error, Profile: name,
			Where: x.config.place(x.config.sections[name], "credential_process"),
			What:  "the imported keys cannot be read from the keyring: " + text,
			Why: "the profile has no credentials, and no role can be assumed with it; " +
				"cached sessions can be used until they expire",
			Fix: e.Hint,
		}
		switch {
		case errors.Is(e, credproc.ErrNoKeys):
			f.What = "the imported keys are no longer in the keyring"
		case errors.Is(e, cache.ErrLocked):
			f.What = "the imported keys are in the keyring, which is locked"
		case errors.Is(e, cache.ErrUnavailable):
			f.What = "the imported keys cannot be read, because there is no keyring: " + text
		case errors.Is(e, cache.ErrVersion):
			f.Fix = "use the newer version of aws-credproc everywhere; this one is " + x.opts.Helper
		}
		if f.Fix == "" {
			f.Fix = "check the keyring with its own program"
		}
		found = append(found, f)
	}
	return found
}
