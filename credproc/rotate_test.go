package credproc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"aws-credproc/cache/statedir"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/ststest"
	"aws-credproc/profiles"
)

const rotatedUser = "arn:aws:iam::111111111111:user/jill"

// rotationTest is a user whose access key is in [base] of the credentials file, and may replace it.
type rotationTest struct {
	testChain
	t *testing.T
	// events counts what a rotation has done: requests, responses, and writes. When it reaches
	// killAt, the process ends.
	events, killAt int
	secrets        []string // of the keys that were created
	writesLate     bool     // it is not known whether a key is on disk
}

// killed is what a rotation panics with when its process ends.
type killed struct{}

func newRotationTest(t *testing.T) *rotationTest {
	t.Helper()
	r := &rotationTest{testChain: newTestChain(t, 1, ""), t: t}
	r.sts.SetNow(time.Now)
	r.Now = time.Now
	r.Getenv = getenv(map[string]string{"AWS_ENDPOINT_URL": r.sts.URL, "AWS_MAX_ATTEMPTS": "1"})
	must(t, r.sts.SetUserPolicy(rotatedUser, ststest.AllowOwnKeys(rotatedUser, false)))
	return r
}

// event counts an event and ends the process if it is time.
func (r *rotationTest) event() {
	if r.events++; r.events == r.killAt {
		panic(killed{})
	}
}

// killedClient ends the process before a request is sent, or when its response has arrived.
type killedClient struct {
	aws.HTTPClient
	test *rotationTest
}

func (c killedClient) Do(request *http.Request) (*http.Response, error) {
	c.test.event()
	response, err := c.HTTPClient.Do(request)
	if err == nil {
		defer func() {
			if p := recover(); p != nil {
				_ = response.Body.Close()
				panic(p)
			}
		}()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return nil, err
		}
		response.Body = io.NopCloser(bytes.NewReader(body))
		if secret := xmlTexts(body, "SecretAccessKey")["SecretAccessKey"]; secret != "" {
			c.test.secrets = append(c.test.secrets, secret)
		}
		c.test.event()
	}
	return response, err
}

// killedPlace ends the process before or after it has replaced the key.
type killedPlace struct {
	KeyPlace
	test *rotationTest
}

func (p killedPlace) IsOnDisk(ctx context.Context, old string, wasRead bool) (bool, error) {
	if p.test.writesLate && !wasRead {
		return false, nil
	}
	return p.KeyPlace.IsOnDisk(ctx, old, wasRead)
}

func (p killedPlace) Replace(ctx context.Context, old, key profiles.AccessKey) error {
	res, err := p.test.newResolution(p.test.chain)
	must(p.test.t, err)
	if _, err := res.caller(ctx, 0, sessionOfKey(key)); err != nil {
		p.test.t.Errorf("a key is stored that does not work yet: %v", err)
	}
	p.test.event()
	defer p.test.event()
	return p.KeyPlace.Replace(ctx, old, key)
}

func (r *rotationTest) prepare() (*Rotation, error) {
	r.t.Helper()
	f, err := profiles.Load(r.chain.ConfigPath, r.chain.CredentialsPath)
	must(r.t, err)
	c, err := f.Chain("p")
	must(r.t, err)
	ro, err := r.PrepareRotation(r.t.Context(), c, killedPlace{FilePlace(c), r}, r.dir,
		10*time.Second)
	if err != nil {
		return nil, err
	}
	ro.works = 5 * time.Second
	ro.client.http.HTTPClient = killedClient{ro.client.http.HTTPClient, r}
	sts, err := ro.res.sts()
	must(r.t, err)
	sts.options.HTTPClient = killedClient{sts.options.HTTPClient, r}
	return ro, nil
}

// rotate rotates the key. isKilled is true if the process ended before.
func (r *rotationTest) rotate(keepOld bool) (done Rotated, isKilled bool, err error) {
	r.t.Helper()
	defer func() {
		switch p := recover(); p {
		case nil:
		case killed{}:
			isKilled = true
		default:
			panic(p)
		}
	}()
	ro, err := r.prepare()
	if err != nil {
		return Rotated{}, false, err
	}
	done, err = ro.Run(r.t.Context(), keepOld)
	return done, false, err
}

// key returns the key of the profile, which must work.
func (r *rotationTest) key() string {
	r.t.Helper()
	key := r.mustRead()
	res, err := r.newResolution(r.chain)
	must(r.t, err)
	caller, err := res.caller(r.t.Context(), 0, sessionOfKey(key))
	if err != nil || caller.ARN != rotatedUser {
		r.t.Fatalf("the key of the profile does not work: %v, %+v", err, caller)
	}
	return key.ID
}

// checkState checks that the state directory has no secret.
func (r *rotationTest) checkState() {
	r.t.Helper()
	must(r.t, filepath.WalkDir(r.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if slices.ContainsFunc(r.secrets, func(secret string) bool {
			return strings.Contains(string(b), secret)
		}) {
			r.t.Errorf("%s has a secret", path)
		}
		return err
	}))
}

// check checks that the user has the key of the profile, and the old one only if it is inactive and
// kept. Nothing else may be left.
func (r *rotationTest) check(kept ...string) {
	r.t.Helper()
	want := map[string]bool{r.key(): true}
	for _, id := range kept {
		want[id] = false
	}
	if got := r.sts.AccessKeys(rotatedUser); !maps.Equal(got, want) {
		r.t.Errorf("keys %v, want %v", got, want)
	}
	config := profiles.FileID(r.chain.ConfigPath)
	if _, err := statedir.ReadRotation(r.dir, config, "base"); !errors.Is(err, fs.ErrNotExist) {
		r.t.Errorf("a record is left: %v", err)
	}
}

func TestRotationReplacesKey(t *testing.T) {
	for _, keepOld := range []bool{false, true} {
		r := newRotationTest(t)
		r.sts.SetKeyDelay(300 * time.Millisecond)
		old := r.key()
		done, _, err := r.rotate(keepOld)
		if err != nil || done.Old != old || done.New != r.key() || done.New == old ||
			done.Kept != keepOld || done.NotOnDisk {
			t.Errorf("%+v, %v", done, err)
		}
		if keepOld {
			r.check(old)
		} else {
			r.check()
		}
		if n := len(r.sts.Requests()); n > 40 {
			t.Errorf("%d requests while waiting for the new key", n)
		}
	}
}

// TestKilledRotation ends the process at each event of a rotation, and again at each event of the
// next one. The key of the profile must always work, and a further rotation must finish or undo.
func TestKilledRotation(t *testing.T) {
	const events, ofKeepOld, stride = 16, 14, 4
	for first := 1; first <= events; first++ {
		second := 1 + first%stride
		for testKilled(t, false, first, second) {
			second += stride
		}
		if first <= ofKeepOld {
			testKilled(t, true, first, events)
		}
	}
	r := newRotationTest(t)
	if _, _, err := r.rotate(false); err != nil || r.events != events {
		t.Errorf("%v; a rotation has %d events, want %d", err, r.events, events)
	}
}

// testKilled ends a rotation at the event first, and the next one at the event second. It returns
// false if the latter has fewer events.
func testKilled(t *testing.T, keepOld bool, first, second int) bool {
	t.Helper()
	r := newRotationTest(t)
	defer r.sts.Close()
	old := r.key()
	r.killAt = first
	_, isKilled, err := r.rotate(keepOld)
	if err != nil {
		t.Fatalf("event %d: %v", first, err)
	}
	if !isKilled {
		t.Fatalf("no event %d", first)
	}
	r.key()
	r.checkState()
	r.events, r.killAt = 0, second
	_, isKilled, err = r.rotate(keepOld)
	if err != nil {
		t.Fatalf("events %d, %d: %v", first, second, err)
	}
	if isKilled {
		r.key()
		r.killAt = 0
		if _, _, err := r.rotate(keepOld); err != nil {
			t.Fatalf("events %d, %d: %v", first, second, err)
		}
	}
	if kept := inactive(r.sts.AccessKeys(rotatedUser)); keepOld != (len(kept) == 1) {
		t.Errorf("events %d, %d: inactive keys %v", first, second, kept)
	} else {
		r.check(kept...)
	}
	if r.key() == old {
		t.Errorf("events %d, %d: the key is the old one", first, second)
	}
	return isKilled
}

func inactive(keys map[string]bool) (ids []string) {
	for id, active := range keys {
		if !active {
			ids = append(ids, id)
		}
	}
	return ids
}

func TestFailedRotationIsUndone(t *testing.T) {
	const actions = `"iam:ListAccessKeys", "iam:CreateAccessKey", "iam:DeleteAccessKey", ` +
		`"iam:GetAccessKeyLastUsed"`
	deny := func(action string) func(r *rotationTest) {
		return func(r *rotationTest) {
			allowed := strings.Replace(actions+`, "iam:UpdateAccessKey"`, `"iam:`+action+`"`, `"x:x"`, 1)
			must(t, r.sts.SetUserPolicy(rotatedUser, `{"Statement": {"Effect": "Allow", "Action": [`+
				allowed+`], "Resource": "*"}}`))
		}
	}
	fault := func(f ststest.Fault) func(r *rotationTest) {
		return func(r *rotationTest) { r.sts.Fault(f) }
	}
	readOnly := func(r *rotationTest) { must(t, os.Chmod(r.chain.CredentialsPath, 0o400)) }
	for name, test := range map[string]struct {
		prepare func(r *rotationTest)
		text    string // the error and the hint
		isNew   bool   // the profile has the new key
	}{
		"denied list": {deny("ListAccessKeys"), "p: ListAccessKeys: AccessDenied for " + rotatedUser +
			"\nhint: a policy of the user must allow iam:ListAccessKeys; if it requires MFA, " +
			"set mfa_serial in [profile p]", false},
		"denied create": {deny("CreateAccessKey"), "p: CreateAccessKey: AccessDenied for " +
			rotatedUser + "; nothing was changed\nhint: a policy of the user must allow " +
			"iam:CreateAccessKey; if it requires MFA, set mfa_serial in [profile p]", false},
		"denied update": {deny("UpdateAccessKey"), "p: UpdateAccessKey: AccessDenied for " +
			rotatedUser + "; both access keys are still active\nhint: a policy of the user must " +
			"allow iam:UpdateAccessKey; if it requires MFA, set mfa_serial in [profile p]; then run " +
			"aws-credproc rotate p again, which finishes or undoes the rotation", true},
		"denied delete": {deny("DeleteAccessKey"), "p: DeleteAccessKey: AccessDenied for " +
			rotatedUser + "; access key NEW is in use, and the old one, OLD, is inactive\n" +
			"hint: a policy of the user must allow iam:DeleteAccessKey; if it requires MFA, " +
			"set mfa_serial in [profile p]; then run aws-credproc rotate p again, which deletes " +
			"the old one", true},
		"no response to update": {fault(ststest.Fault{Action: "UpdateAccessKey", Kind: ststest.Drop}),
			"p: UpdateAccessKey: cannot reach IAM at URL: EOF; the old access key may still be " +
				"active\nhint: check the network, the proxy and the endpoint; then run aws-credproc " +
				"rotate p again, which finishes the rotation", true},
		"no response to delete": {fault(ststest.Fault{Action: "DeleteAccessKey", Kind: ststest.Drop}),
			"p: DeleteAccessKey: cannot reach IAM at URL: EOF; access key NEW is in use, and the old " +
				"one, OLD, is inactive or deleted\nhint: check the network, the proxy and the " +
				"endpoint; then run aws-credproc rotate p again, which deletes the old one", true},
		"quota": {fault(ststest.Fault{Action: "CreateAccessKey", Kind: ststest.Fail, Status: 409,
			Code: "LimitExceeded", Text: "Cannot exceed quota"}),
			"p: CreateAccessKey: LimitExceeded for access key OLD: Cannot exceed quota; " +
				"nothing was changed", false},
		"throttled": {fault(ststest.Fault{Action: "CreateAccessKey", Kind: ststest.Throttle}),
			"p: CreateAccessKey: IAM is temporarily unavailable: Throttling: Rate exceeded; nothing was " +
				"changed", false},
		"no response": {fault(ststest.Fault{Action: "CreateAccessKey", Kind: ststest.Drop}),
			"p: CreateAccessKey: cannot reach IAM at URL: EOF; AWS may have created a key\n" +
				"hint: check the network, the proxy and the endpoint; then run aws-credproc rotate " +
				"p again, which asks whether to delete it", false},
		"lost response": {fault(ststest.Fault{Action: "CreateAccessKey", Kind: ststest.Truncate}),
			"p: CreateAccessKey: cannot reach IAM at URL: unexpected EOF; AWS may have created a " +
				"key\nhint: check the network, the proxy and the endpoint; then run aws-credproc " +
				"rotate p again, which asks whether to delete it", false},
		"another document": {fault(ststest.Fault{Action: "CreateAccessKey", Kind: ststest.GarbageXML}),
			"p: CreateAccessKey: the response did not come from IAM: another document; AWS may " +
				"have created a key\nhint: check the proxy and the endpoint URL; then run " +
				"aws-credproc rotate p again, which asks whether to delete it", false},
		"no secret": {fault(ststest.Fault{Action: "CreateAccessKey", Kind: ststest.OmitField,
			Field: "SecretAccessKey"}), "p: CreateAccessKey: the response did not come from IAM: " +
			"a field of the new access key is not valid; AWS may have created a key\n" +
			"hint: check the proxy and the endpoint URL; then run aws-credproc rotate p again, " +
			"which asks whether to delete it", false},
		"page of a proxy": {fault(ststest.Fault{Action: "CreateAccessKey", Kind: ststest.GarbageHTML,
			Status: 403}), "p: CreateAccessKey: the response did not come from IAM: status 403, " +
			"not valid XML; AWS may have created a key\nhint: check the proxy and the endpoint URL; " +
			"then run aws-credproc rotate p again, which asks whether to delete it", false},
		"a key that never works": {func(r *rotationTest) { r.sts.SetKeyDelay(time.Hour) },
			"base: the new access key does not work after 300ms; nothing was changed\n" +
				"hint: try again later; --verbose prints the responses of AWS", false},
		"read-only file": {readOnly, "FILE: cannot be written: read-only; nothing was changed\n" +
			"hint: chmod u+w FILE; if a tool generates the file, make the change there " +
			"(see --dry-run)", false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRotationTest(t)
			old := r.key()
			test.prepare(r)
			var err error
			ro, err := r.prepare()
			if err == nil {
				ro.works = 300 * time.Millisecond
				_, err = ro.Run(t.Context(), false)
			}
			if err == nil {
				t.Fatal("no error")
			}
			got := strings.NewReplacer(r.sts.URL, "URL", old, "OLD", r.key(), "NEW",
				r.chain.CredentialsPath, "FILE").Replace(diag.Text(err))
			if got != test.text {
				t.Errorf("got  %s\nwant %s", got, test.text)
			}
			if (r.key() != old) != test.isNew {
				t.Errorf("the profile has the new key: %v", !test.isNew)
			}
			if !test.isNew && !strings.Contains(test.text, "may have created") &&
				len(r.sts.AccessKeys(rotatedUser)) != 1 {
				t.Error("a key is left")
			}
			r.sts.ClearFaults()
			r.sts.SetKeyDelay(0)
			if name == "denied delete" { // the key is inactive, so this is not needed again
				deny("UpdateAccessKey")(r)
				_, _, err := r.rotate(false)
				must(t, err)
			}
			must(t, r.sts.SetUserPolicy(rotatedUser, ststest.AllowOwnKeys(rotatedUser, false)))
			must(t, os.Chmod(r.chain.CredentialsPath, 0o600))
			if _, _, err := r.rotate(false); err != nil {
				t.Fatal(err)
			}
			r.check()
		})
	}
}

// TestRotationStopsAtTwoKeys: keys that the program does not know are never deleted.
func TestRotationStopsAtTwoKeys(t *testing.T) {
	r := newRotationTest(t)
	old := r.key()
	other, err := r.sts.AddAccessKey(rotatedUser)
	must(t, err)
	today := time.Now().UTC().Format(time.DateOnly)
	_, _, err = r.rotate(false)
	want := fmt.Sprintf("base: user jill already has two access keys: that of the profile, "+
		"%s (created %s, last used %s with iam), and %s (created %s, never used)\n"+
		"hint: if nothing uses the other one: aws iam delete-access-key --profile=base "+
		"--user-name jill --access-key-id %s", old, today, today, other.ID, today, other.ID)
	if err == nil || diag.Text(err) != want {
		t.Errorf("got  %s\nwant %s", diag.Text(err), want)
	}

	// A record of an interrupted rotation does not make it ours if it was created at another time, or
	// was there before.
	config := profiles.FileID(r.chain.ConfigPath)
	for name, record := range map[string]statedir.Rotation{
		"before":  {Before: []string{old, other.ID}, Started: time.Now().Add(-time.Second)},
		"later":   {Before: []string{old}, Started: time.Now().Add(-time.Hour)},
		"earlier": {Before: []string{old}, Started: time.Now().Add(time.Hour)},
		"after the failure": {
			Before: []string{old}, Started: time.Now().Add(-time.Minute), Ended: time.Now().Add(-30 * time.Second),
		},
		"another key":  {Before: []string{old}, Started: time.Now(), New: "AKIAANOTHER"},
		"another user": {Before: []string{old}, Started: time.Now(), User: rotatedUser + "y"},
	} {
		record.Profile, record.Config, record.Old = "base", config, old
		if record.User == "" {
			record.User = rotatedUser
		}
		r.Warnf = t.Errorf
		warned := ""
		if name == "another user" {
			r.Warnf = func(format string, args ...any) { warned = fmt.Sprintf(format, args...) }
		}
		must(t, statedir.WriteRotation(r.dir, record))
		if _, _, err := r.rotate(false); err == nil || diag.Text(err) != want {
			t.Errorf("%s: got %v", name, err)
		}
		if (name == "another user") != strings.Contains(warned, record.User) {
			t.Errorf("%s: warning %q", name, warned)
		}
	}
	// Neither does a record make a key ours that was used since, or may have been.
	record := statedir.Rotation{Profile: "base", Config: config, Old: old, User: rotatedUser,
		Before: []string{old}, Started: time.Now()}
	must(t, statedir.WriteRotation(r.dir, record))
	r.sts.Fault(ststest.Fault{Action: "GetAccessKeyLastUsed", Kind: ststest.Fail, Status: 403,
		Code: "AccessDenied", Text: "no"})
	if _, _, err := r.rotate(false); err == nil || !strings.Contains(err.Error(), "two access keys") {
		t.Errorf("a key whose use is unknown: %v", err)
	}
	r.sts.ClearFaults()
	res, err := r.newResolution(r.chain)
	must(t, err)
	_, err = res.caller(t.Context(), 0, sessionOfKey(
		profiles.AccessKey{ID: other.ID, Secret: profiles.Secret(other.Secret)}))
	must(t, err)
	if _, _, err := r.rotate(false); err == nil || !strings.Contains(err.Error(), "two access keys") {
		t.Errorf("a used key: %v", err)
	}
	if n := len(r.sts.AccessKeys(rotatedUser)); n != 2 {
		t.Errorf("%d keys, want 2", n)
	}
}

// TestKeyOfInterruptedRotationIsDeleted: its ID is not known, since the process has not got the
// response.
func TestKeyOfInterruptedRotationIsDeleted(t *testing.T) {
	for name, interrupt := range map[string]func(r *rotationTest){
		"the user took minutes to answer": func(r *rotationTest) {
			ro, err := r.prepare()
			must(t, err)
			const answer = 5 * time.Minute
			ro.looked = ro.looked.Add(-answer)
			ro.record.Started = ro.record.Started.Add(-answer)
			defer func() {
				if recover() == nil {
					t.Error("not killed")
				}
			}()
			r.killAt = r.events + 2 // the response of CreateAccessKey
			_, err = ro.Run(t.Context(), false)
			t.Error(err)
		},
		"IAM creates the key after the failure": func(r *rotationTest) {
			r.sts.Fault(ststest.Fault{Action: "CreateAccessKey", Kind: ststest.Drop})
			if _, _, err := r.rotate(false); err == nil ||
				!strings.Contains(err.Error(), "AWS may have created a key") {
				t.Error(err)
			}
			r.sts.ClearFaults()
			_, err := r.sts.AddAccessKey(rotatedUser)
			must(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRotationTest(t)
			interrupt(r)
			r.killAt = 0
			if n := len(r.sts.AccessKeys(rotatedUser)); n != 2 {
				t.Fatalf("%d keys", n)
			}
			if _, _, err := r.rotate(false); err != nil {
				t.Fatal(err)
			}
			r.check()
		})
	}
}

// changedPlace puts the old key back before the read with this number, as another program may.
type changedPlace struct {
	KeyPlace
	old   profiles.AccessKey
	reads int // until then
	put   func(old profiles.AccessKey)
}

func (p *changedPlace) Read(ctx context.Context) (profiles.AccessKey, error) {
	if p.reads--; p.reads == 0 {
		p.put(p.old)
	}
	return p.KeyPlace.Read(ctx)
}

// TestOldKeyThatIsPutBackIsKept: the old key is not deleted if the profile has it again.
func TestOldKeyThatIsPutBackIsKept(t *testing.T) {
	for name, reads := range map[string]int{
		"after it was replaced": 1, "before it is inactive": 2, "when it is inactive": 3,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRotationTest(t)
			old := r.mustRead()
			ro, err := r.prepare()
			must(t, err)
			ro.place = &changedPlace{ro.place, old, reads, func(old profiles.AccessKey) {
				must(t, FilePlace(r.chain).Replace(t.Context(), r.mustRead(), old))
			}}
			_, err = ro.Run(t.Context(), false)
			const want = "another program has changed the access key of the profile; both access keys " +
				"are still active\nhint: run aws-credproc rotate p again, which finishes or undoes the " +
				"rotation"
			if err == nil || !strings.HasSuffix(diag.Text(err), want) {
				t.Errorf("got %s", diag.Text(err))
			}
			if keys := r.sts.AccessKeys(rotatedUser); r.key() != old.ID || len(keys) != 2 || !keys[old.ID] {
				t.Errorf("keys %v, profile has %s", keys, r.key())
			}
			_, _, err = r.rotate(false)
			must(t, err)
			r.check()
		})
	}
}

// unfinishedRotation returns a test whose key was replaced, and the old key, which is inactive.
func unfinishedRotation(t *testing.T) (r *rotationTest, old profiles.AccessKey) {
	t.Helper()
	r = newRotationTest(t)
	old = r.mustRead()
	r.sts.Fault(ststest.Fault{Action: "DeleteAccessKey", Kind: ststest.Drop})
	if _, _, err := r.rotate(false); err == nil {
		t.Fatal("no error")
	}
	if keys := r.sts.AccessKeys(rotatedUser); len(keys) != 2 || keys[old.ID] {
		t.Fatalf("keys %v", keys)
	}
	return r, old
}

// put writes a key into the file, as another program does.
func (r *rotationTest) put(key profiles.AccessKey) {
	r.t.Helper()
	must(r.t, FilePlace(r.chain).Replace(r.t.Context(), r.mustRead(), key))
}

func TestInactiveKeyThatIsPutBackIsActivated(t *testing.T) {
	for name, isDenied := range map[string]bool{"": false, "denied": true} {
		r, old := unfinishedRotation(t)
		ro, err := r.prepare()
		must(t, err)
		r.put(old)
		want := "; both access keys are still active\nhint: run aws-credproc rotate p again"
		if isDenied {
			r.sts.Fault(ststest.Fault{Action: "UpdateAccessKey", Kind: ststest.Drop})
			want = "; the old access key " + old.ID + " is inactive\nhint: put " + ro.secret.ID + " back"
		}
		if _, err = ro.Run(t.Context(), false); err == nil || !strings.Contains(diag.Text(err), want) {
			t.Errorf("%s: got %s", name, diag.Text(err))
		}
		if active := r.sts.AccessKeys(rotatedUser)[old.ID]; active == isDenied {
			t.Errorf("%s: the old key is active: %v", name, active)
		}
		if isDenied {
			_, err := r.prepare()
			if err == nil || !strings.Contains(err.Error(), "a rotation has replaced this key by "+
				ro.secret.ID) {
				t.Errorf("the next one: %v", err)
			}
		}
	}
}

// unreadablePlace has a key that cannot be read.
type unreadablePlace struct{ KeyPlace }

func (unreadablePlace) Read(context.Context) (profiles.AccessKey, error) {
	return profiles.AccessKey{}, errors.New("locked")
}

func TestOldKeyStaysInactiveIfTheNewOneCannotBeRead(t *testing.T) {
	r, old := unfinishedRotation(t)
	ro, err := r.prepare()
	must(t, err)
	ro.place = unreadablePlace{ro.place}
	_, err = ro.Run(t.Context(), false)
	want := "base: locked; the old access key " + old.ID + " is inactive\n" +
		"hint: run aws-credproc rotate p again, which finishes the rotation"
	if err == nil || diag.Text(err) != want {
		t.Errorf("got  %s\nwant %s", diag.Text(err), want)
	}
	if r.sts.AccessKeys(rotatedUser)[old.ID] {
		t.Error("it is active")
	}
}

// TestReactivatedKeyIsKept: a user has activated the old key because it is needed.
func TestReactivatedKeyIsKept(t *testing.T) {
	r, old := unfinishedRotation(t)
	ro, err := r.prepare()
	must(t, err)
	must(t, ro.client.setAccessKeyStatus(t.Context(), "jill", old.ID, types.StatusTypeActive))
	if _, _, err := r.rotate(false); err == nil ||
		!strings.Contains(diag.Text(err), old.ID+", which was replaced, has been activated again\nhint: "+
			"if nothing uses it: aws iam delete-access-key --profile=base") {
		t.Errorf("got %v", err)
	}
	if keys := r.sts.AccessKeys(rotatedUser); !keys[old.ID] {
		t.Errorf("keys %v", keys)
	}
}

// TestGuessThatIsUsedIsKept: the key was used while the user was asked.
func TestGuessThatIsUsedIsKept(t *testing.T) {
	r := newRotationTest(t)
	r.sts.Fault(ststest.Fault{Action: "CreateAccessKey", Kind: ststest.Drop})
	_, _, err := r.rotate(true)
	if err == nil || !strings.Contains(diag.Hint(err), "run aws-credproc rotate --keep-old p again") {
		t.Errorf("got %v", err)
	}
	other, err := r.sts.AddAccessKey(rotatedUser)
	must(t, err)
	ro, err := r.prepare()
	must(t, err)
	if !ro.IsGuess || ro.Leftover.ID != other.ID {
		t.Fatalf("leftover %+v", ro.Leftover)
	}
	res, err := r.newResolution(r.chain)
	must(t, err)
	_, err = res.caller(t.Context(), 0, sessionOfKey(
		profiles.AccessKey{ID: other.ID, Secret: profiles.Secret(other.Secret)}))
	must(t, err)
	if _, err := ro.Run(t.Context(), false); err == nil ||
		!strings.Contains(err.Error(), other.ID+" was used since; nothing was changed") {
		t.Errorf("got %v", err)
	}
	if keys := r.sts.AccessKeys(rotatedUser); len(keys) != 2 || !keys[other.ID] {
		t.Errorf("keys %v", keys)
	}
}

// TestNewKeyThatIAMDoesNotKnowYet: it may be there although DeleteAccessKey does not find it.
func TestNewKeyThatIAMDoesNotKnowYet(t *testing.T) {
	r := newRotationTest(t)
	r.sts.SetKeyDelay(time.Hour)
	r.sts.Fault(ststest.Fault{Action: "DeleteAccessKey", Kind: ststest.Fail, Status: 404,
		Code: "NoSuchEntity", Text: "cannot be found"})
	ro, err := r.prepare()
	must(t, err)
	ro.works = 100 * time.Millisecond
	_, err = ro.Run(t.Context(), false)
	if err == nil || !strings.Contains(diag.Text(err), "may not have been deleted\nhint: run aws-credproc rotate "+
		"p again, which deletes it") {
		t.Errorf("got %s", diag.Text(err))
	}
	r.sts.SetKeyDelay(0)
	_, _, err = r.rotate(false)
	must(t, err)
	r.check()
}

// TestUnreadableRecordOfRotation: a damaged record is ignored, and one of a newer version is kept.
func TestUnreadableRecordOfRotation(t *testing.T) {
	r := newRotationTest(t)
	r.killAt = 5
	if _, isKilled, _ := r.rotate(false); !isKilled {
		t.Fatal("not killed")
	}
	r.killAt = 0
	paths, err := filepath.Glob(filepath.Join(r.dir, "rotations", "*.json"))
	if err != nil || len(paths) != 1 {
		t.Fatal(paths, err)
	}
	for text, want := range map[string]string{
		`{"v":2}`: "written by a newer version", `{`: "two access keys",
	} {
		warned := ""
		r.Warnf = func(format string, args ...any) { warned = fmt.Sprintf(format, args...) }
		must(t, os.WriteFile(paths[0], []byte(text), 0o600))
		_, _, err := r.rotate(false)
		if err == nil || !strings.Contains(err.Error(), want) ||
			(text == "{") != strings.Contains(warned, "corrupt") {
			t.Errorf("%s: %v; warning %q", text, err, warned)
		}
		b, err := os.ReadFile(paths[0])
		if err != nil || string(b) != text {
			t.Errorf("%s: the record is now %s, %v", text, b, err)
		}
	}
}

func TestRotationKeepsOldKeyUntilNewOneIsOnDisk(t *testing.T) {
	for name, later := range map[string]func(r *rotationTest){
		"it is on disk": func(r *rotationTest) { r.writesLate = false },
		"the machine was restarted": func(r *rotationTest) {
			config := profiles.FileID(r.chain.ConfigPath)
			record, err := statedir.ReadRotation(r.dir, config, "base")
			must(t, err)
			if record.Boot != plan.BootID() {
				t.Errorf("boot %q", record.Boot)
			}
			record.Boot = "another"
			must(t, statedir.WriteRotation(r.dir, record))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRotationTest(t)
			r.writesLate = true
			old := r.key()
			for range 2 {
				done, _, err := r.rotate(false)
				must(t, err)
				keys := r.sts.AccessKeys(rotatedUser)
				if !done.NotOnDisk || len(keys) != 2 || !keys[old] || done.Old != old || done.New != r.key() {
					t.Errorf("%+v, keys %v", done, keys)
				}
			}
			later(r)
			done, _, err := r.rotate(false)
			if err != nil || done.NotOnDisk || done.Old != old {
				t.Errorf("%+v, %v", done, err)
			}
			r.check()
		})
	}
}

// TestRotationLeavesKeysOfTheUser: a user who has given the profile another key since is not taken
// for an interrupted rotation.
func TestRotationLeavesKeysOfTheUser(t *testing.T) {
	r := newRotationTest(t)
	old := r.key()
	other, err := r.sts.AddAccessKey(rotatedUser)
	must(t, err)
	must(t, FilePlace(r.chain).Replace(t.Context(), r.mustRead(), profiles.AccessKey{
		ID: other.ID, Secret: profiles.Secret(other.Secret)}))
	must(t, statedir.WriteRotation(r.dir, statedir.Rotation{
		Profile: "base", Config: profiles.FileID(r.chain.ConfigPath), User: rotatedUser, Old: old,
		Before: []string{old}, Started: time.Now(), New: "AKIAANOTHER",
	}))
	if _, _, err := r.rotate(false); err == nil || !strings.Contains(err.Error(), "two access keys") {
		t.Errorf("got %v", err)
	}
	if keys := r.sts.AccessKeys(rotatedUser); !keys[old] || !keys[other.ID] {
		t.Errorf("keys %v", keys)
	}
}

func (r *rotationTest) mustRead() profiles.AccessKey {
	r.t.Helper()
	key, err := FilePlace(r.chain).Read(r.t.Context())
	must(r.t, err)
	return key
}

func TestRotationUsesSessionWithMFA(t *testing.T) {
	r := newRotationTest(t)
	must(t, r.sts.SetUserPolicy(rotatedUser, ststest.AllowOwnKeys(rotatedUser, true)))
	must(t, r.sts.AddMFADevice(rotatedUser, mfaSerial, mfaSeed))
	old := r.key()
	if _, _, err := r.rotate(false); err == nil ||
		!strings.Contains(diag.Hint(err), "if it requires MFA, set mfa_serial") {
		t.Errorf("without MFA: %v", err)
	}
	config, err := os.ReadFile(r.chain.ConfigPath)
	must(t, err)
	must(t, os.WriteFile(r.chain.ConfigPath,
		append(config, "mfa_serial = "+mfaSerial+"\nduration_seconds = 7200\n"...), 0o600))
	user := &deviceOwner{clock: &clock{time.Now()}}
	r.TokenCodes = user
	r.sts.ResetRequests()
	done, _, err := r.rotate(false)
	must(t, err)
	r.check()
	if user.asked != 1 || done.Old != old {
		t.Errorf("asked %d times, %+v", user.asked, done)
	}
	for _, request := range r.sts.Requests() {
		isSession := strings.HasPrefix(request.AccessKeyID, "ASIA")
		isIAM := strings.HasSuffix(request.Action, "AccessKey") ||
			strings.HasPrefix(request.Action, "ListAccessKeys")
		if isSession != isIAM || isIAM && request.Region != "us-east-1" {
			t.Errorf("%s in %s with %s", request.Action, request.Region, request.AccessKeyID)
		}
	}
}
