package credproc

import (
	"context"
	"fmt"

	"aws-credproc/cache"
	"aws-credproc/profiles"
)

// sourceIdentity is what tells one source from another, for the cache key.
func sourceIdentity(s profiles.Source, _ func(string) string) []string {
	return []string{s.AccessKeyID}
}

// sourceSession gets the credentials that a chain starts with. Those without an expiry have no Expiration.
func (w *way) sourceSession(context.Context) (cache.Session, error) {
	s := w.chain.Source
	if s.Type != profiles.Static {
		return cache.Session{}, &Error{
			Profile: w.chain.Profile.Name, Step: w.name(0),
			Err:  fmt.Errorf("they come from %s, and this version takes them from static keys only", s.Type),
			Mend: "name a source_profile that has aws_access_key_id and aws_secret_access_key",
		}
	}
	return cache.Session{
		AccessKeyID: s.AccessKeyID, SecretAccessKey: string(s.SecretAccessKey), SessionToken: string(s.SessionToken),
		AccountID: s.AccountID,
	}, nil
}
