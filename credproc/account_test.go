package credproc

import (
	"strings"
	"testing"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/ststest"
)

const otherAccount = "666666666666"

// newAccountTest returns a fixture with the profiles dev, whose source is an AssumeRole call, and
// web, whose source is an AssumeRoleWithWebIdentity call.
func newAccountTest(t *testing.T) *fixture {
	t.Helper()
	w := newFixture(t)
	w.config("[profile web]\nrole_arn = " + webARN + "\nweb_identity_token_file = " +
		w.write("token", w.token(1<<40)) + "\n[profile dev]\nrole_arn = " + devARN +
		"\nsource_profile = web\n")
	return w
}

func TestSessionOfAnotherAccountIsRefused(t *testing.T) {
	for action, profile := range map[string]string{
		"AssumeRole": "dev", "AssumeRoleWithWebIdentity": "web",
	} {
		t.Run(action, func(t *testing.T) {
			w := newAccountTest(t)
			w.sts.Fault(ststest.Fault{Action: action, Kind: ststest.ReplaceField, Field: "Arn",
				Text: "arn:aws:sts::" + otherAccount + ":assumed-role/Dev/x"})
			wantError(t, w, profile, "the session belongs to account "+otherAccount+
				", and the role to account "+account+"\nhint: check the proxy and the endpoint", temporary)
			c, err := w.chain(profile)
			must(t, err)
			key, _, err := w.resolver.Key(c)
			must(t, err)
			if s, err := w.resolver.Cache.Get(t.Context(), key); err == nil {
				t.Errorf("%v was stored", s)
			}
		})
	}
}

func TestStoredSessionOfAnotherAccountIsNotUsed(t *testing.T) {
	for name, fault := range map[string]*ststest.Fault{
		"STS answers": nil, "STS is down": {Kind: ststest.Drop, Times: ststest.Always},
	} {
		for _, profile := range []string{"dev", "web"} {
			t.Run(name+", "+profile, func(t *testing.T) {
				w := newAccountTest(t)
				s := w.mustGet(profile)
				c, err := w.chain(profile)
				must(t, err)
				p, err := plan.New(c, w.resolver.Getenv)
				must(t, err)
				other := s
				other.AccessKeyID, other.AccountID = "ASIAOTHER", otherAccount
				_, err = w.resolver.Cache.Put(t.Context(), p.Key(p.Last()), other, cache.Facts{})
				must(t, err)
				if fault != nil {
					w.sts.Fault(*fault)
				}
				got, err := w.get(profile)
				if (err != nil) != (fault != nil) || got.AccountID == otherAccount {
					t.Errorf("%v, %v", got, err)
				}
				const want = "the cached session cannot be used, getting a new one: " +
					"the session belongs to account " + otherAccount
				if n := strings.Count(w.warnings.String(), want); n != 1 {
					t.Errorf("%d warnings, want 1: %s", n, w.warnings)
				}
			})
		}
	}
}
