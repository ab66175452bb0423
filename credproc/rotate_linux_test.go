package credproc

import (
	"strings"
	"testing"

	"aws-credproc/cache/keyring"
	"aws-credproc/cache/statedir"
	"aws-credproc/internal/keyringtest"
	"aws-credproc/profiles"
)

// TestKeyIsReadWhileItIsReplaced: until the new key is on disk, the keyring may lose it and have
// the old one again.
func TestKeyIsReadWhileItIsReplaced(t *testing.T) {
	keyringtest.Start(t)
	r := newRotationTest(t)
	r.Keyring = new(keyring.Keyring)
	r.Getenv = getenv(map[string]string{"AWS_CREDPROC_STATE_DIR": r.dir})
	old, key := r.mustRead(), profiles.AccessKey{ID: "AKIANEW", Secret: "new"}
	c := r.chain
	c.Source.Type, c.Hops = profiles.Keyring, nil
	place := r.KeyringPlace(c, r.dir)
	p := place.(*keyringPlace)
	set := func(key profiles.AccessKey) {
		t.Helper()
		must(t, p.keys.Set(t.Context(), p.config(), "base", profiles.Keys{}.With(key)))
	}
	check := func(want profiles.AccessKey, isAccepted bool) {
		t.Helper()
		s, err := r.Credentials(t.Context(), c)
		switch {
		case isAccepted && (err != nil || s.AccessKeyID != want.ID):
			t.Errorf("%s: got %s, %v", want.ID, s.AccessKeyID, err)
		case !isAccepted && (err == nil || !strings.Contains(err.Error(), "was imported")):
			t.Errorf("%s: %v", want.ID, err)
		}
	}
	set(old)
	must(t, p.record(old.ID, ""))
	c.Source.AccessKeyID = old.ID // as it was read from the record
	check(old, true)

	must(t, place.Replace(t.Context(), old, key))
	check(key, true)
	if err := place.Replace(t.Context(), old, key); err == nil {
		t.Error("a key that is not there was replaced")
	}
	set(old)
	c.Source.AccessKeyID = key.ID
	check(old, true)
	other := profiles.AccessKey{ID: "AKIAOTHER", Secret: "other"}
	set(other)
	check(other, false)

	set(key)
	for _, place := range []KeyPlace{place, r.KeyringPlace(c, r.dir)} { // this process, or another
		if isOnDisk, err := place.IsOnDisk(t.Context(), old.ID, false); !isOnDisk || err != nil {
			t.Errorf("on disk: %v, %v", isOnDisk, err)
		}
		i, err := statedir.ReadImported(r.dir, p.config(), "base")
		if err != nil || i.AccessKeyID != key.ID || i.OtherAccessKeyID != "" {
			t.Errorf("record %+v, %v", i, err)
		}
	}
	check(key, true)
	set(old)
	check(old, false)
}
