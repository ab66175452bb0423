package credproc

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"strconv"

	"aws-credproc/cache"
	"aws-credproc/profiles"
)

// keyOf gives the cache key of the session after the source of a chain and these links. In it is everything that decides
// what STS would answer, so that an edit of the config or a new source key yields a new session at once, and nothing
// else: not the profile's name, for two profiles with the same chain share a session, and not the region, for a
// session is good in every region. The chain's policies are their content, see withPolicies.
func keyOf(c profiles.Chain, links []link, e Endpoint, getenv func(string) string) cache.Key {
	k := keyHash{sha256.New()}
	k.add("aws-credproc session", "1")
	k.add("partition", partitionOf(c))
	k.add("endpoint", e.URL)
	k.add("global", strconv.FormatBool(e.Global))
	source := c.Source.Type
	if source == profiles.Keyring {
		source = profiles.Static // the same key gets the same answers from anywhere: to import it costs no call and no code
	}
	k.add(append([]string{"source", string(source)}, sourceIdentity(c.Source, getenv)...)...)
	for _, l := range links {
		if isSessionToken(l) {
			k.add(l.typ, c.MFA.Serial, c.MFA.Session.String())
			continue
		}
		h := l.role
		k.add(l.typ, h.RoleARN, h.RoleSessionName, h.ExternalID, h.Duration.String(), h.MFASerial, h.SourceIdentity, h.Policy)
		for _, t := range h.SessionTags {
			k.add("tag", t.Key, t.Value)
		}
		k.add(append([]string{"transitive"}, h.TransitiveTagKeys...)...)
		k.add(append([]string{"policies"}, h.PolicyARNs...)...)
	}
	return cache.Key(k.Sum(nil))
}

// keyHash hashes lists of strings so that no two different lists give the same input.
type keyHash struct{ hash.Hash }

func (k keyHash) add(fields ...string) {
	var length [8]byte
	put := func(n int) {
		binary.BigEndian.PutUint64(length[:], uint64(n))
		k.Write(length[:]) // a hash's Write never fails
	}
	put(len(fields))
	for _, f := range fields {
		put(len(f))
		k.Write([]byte(f))
	}
}
