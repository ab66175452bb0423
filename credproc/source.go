package credproc

import (
	"fmt"

	"aws-credproc/cache"
	"aws-credproc/profiles"
)

// sourceCredentials gets the credentials that a chain starts with.
func sourceCredentials(c profiles.Chain) (cache.Session, error) {
	s := c.Source
	if s.Type != profiles.Static {
		return cache.Session{}, &Error{
			Profile: c.Profile.Name, Step: "get the credentials of " + s.Profile,
			Err:  fmt.Errorf("they come from %s, and this version takes them from static keys only", s.Type),
			Mend: "name a source_profile that has aws_access_key_id and aws_secret_access_key",
		}
	}
	return cache.Session{
		AccessKeyID: s.AccessKeyID, SecretAccessKey: string(s.SecretAccessKey), SessionToken: string(s.SessionToken),
		AccountID: s.AccountID,
	}, nil
}
