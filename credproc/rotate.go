package credproc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
	"unicode"

	"aws-credproc/cache"
	"aws-credproc/cache/statedir"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/versioned"
	"aws-credproc/profiles"
)

// Rotation replaces the access key of the IAM user that a chain starts with. See
// docs/decisions/rotate.md for the order of its steps.
type Rotation struct {
	User     Caller
	UserName string
	Key      AccessKeyInfo // of the profile
	// Leftovers are the keys that an interrupted rotation has created. Their secrets are lost.
	Leftovers []string
	// Finishes is the old key of an interrupted rotation whose new key is the profile's already. If
	// it is not "", only the rest of that rotation is done.
	Finishes string

	res      *resolution
	client   *iamClient
	place    KeyPlace
	stateDir string
	record   statedir.Rotation
	secret   profiles.AccessKey // of the profile
	others   []AccessKeyInfo    // keys that the program knows nothing of
	looked   time.Time          // when the record's Started was read
	// works is how long a new key may take to work; a test sets less.
	works time.Duration
}

// KeyPlace is where the access key of a profile is kept.
type KeyPlace interface {
	Read(ctx context.Context) (profiles.AccessKey, error)
	// Replace replaces the key old by another one. If it fails, either may be there.
	Replace(ctx context.Context, old, key profiles.AccessKey) error
	// IsOnDisk waits for the key to be written to disk, and reports whether it is. old is the ID of
	// the key that it has replaced, and that may be there again until then. wasRead is true if the
	// key has been read from disk.
	IsOnDisk(ctx context.Context, old string, wasRead bool) (bool, error)
}

const (
	// KeyDelay is how long a new access key may take until it works. It takes some seconds.
	KeyDelay = time.Minute
	// createLimit is how long CreateAccessKey may take. A process that was killed has created its key
	// within leftoverAge. IAM may create a key within lateCreation after an attempt has failed.
	createLimit  = 30 * time.Second
	leftoverAge  = 90 * time.Second
	lateCreation = 15 * time.Second
	undoLimit    = 20 * time.Second
	// lastUndoLimit is that of a process that is about to end.
	lastUndoLimit = 2500 * time.Millisecond
)

// PrepareRotation returns the rotation of the access key that a chain starts with, which is at a
// place. It changes nothing. The caller holds the lock of rotations. The error is a [*diag.Error]
// or that of ctx.
func (r *Resolver) PrepareRotation(
	ctx context.Context, c profiles.Chain, place KeyPlace, stateDir string,
) (*Rotation, error) {
	ro := &Rotation{place: place, stateDir: stateDir, works: KeyDelay}
	var err error
	if ro.secret, err = place.Read(ctx); err != nil {
		return nil, err
	}
	if ro.res, err = r.userResolution(c); err != nil {
		return nil, err
	}
	s := sessionOfKey(ro.secret)
	if ro.User, err = ro.res.caller(ctx, 0, s); err != nil {
		return nil, err
	}
	var isUser bool
	if ro.UserName, isUser = userNameOf(ro.User.ARN); !isUser {
		return nil, notUser(c, ro.User.ARN)
	}
	if ro.res.plan.Last() == 1 {
		// It must not expire before the old key is deleted.
		if s, err = ro.res.session(ctx, 1, plan.IsUsable); err != nil {
			return nil, err
		}
	}
	partition := strings.SplitN(ro.User.ARN, ":", 3)[1]
	if ro.client, err = r.newIAMClient(c, ro.res.plan.Endpoint, partition, s); err != nil {
		return nil, err
	}
	return ro, ro.look(ctx, profiles.FileID(c.ConfigPath), c.Source.Profile)
}

// userResolution returns the resolution of the user at the start of a chain: the access key, and
// the session with MFA if the chain has a device. It calls STS where the chain does.
func (r *Resolver) userResolution(c profiles.Chain) (*resolution, error) {
	endpoint, err := plan.EndpointOf(c, r.Getenv)
	if err != nil {
		return nil, err
	}
	c.Hops = nil
	if c.MFA.Serial == "" {
		c.MFA = profiles.MFA{}
	} else if c.MFA.Session == 0 {
		c.MFA.Session = profiles.DefaultMFASession
	}
	res, err := r.newResolution(c)
	if err != nil {
		return nil, err
	}
	p := res.plan
	p.Endpoint = endpoint
	return r.resolutionOf(p), nil
}

func sessionOfKey(k profiles.AccessKey) cache.Session {
	return cache.Session{AccessKeyID: k.ID, SecretAccessKey: string(k.Secret)}
}

// userNameOf returns the name of the IAM user with an ARN, without the path. It is part of a
// command in a hint, so it must have the form of one.
func userNameOf(arn string) (name string, ok bool) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[2] != "iam" || !strings.HasPrefix(parts[5], "user/") {
		return "", false
	}
	name = parts[5][strings.LastIndexByte(parts[5], '/')+1:]
	isOther := func(r rune) bool {
		return r > '~' || !strings.ContainsRune("_+=,.@-", r) &&
			!unicode.IsLetter(r) && !unicode.IsDigit(r)
	}
	return name, name != "" && name[0] != '-' && !strings.ContainsFunc(name, isOther)
}

func notUser(c profiles.Chain, arn string) error {
	e := &diag.Error{
		Profile: c.Source.Profile, Problem: "the access key is not that of an IAM user, but of " + arn,
	}
	if strings.HasSuffix(arn, ":root") {
		e.Hint = "delete the access key of the root user in the console, and use an IAM user or a role"
	}
	return e
}

// look reads the user's keys and the record of an interrupted rotation.
func (ro *Rotation) look(ctx context.Context, config, profile string) error {
	keys, date, err := ro.client.listAccessKeys(ctx, ro.UserName)
	if err != nil {
		return ro.explain(err, "ListAccessKeys")
	}
	if date.IsZero() {
		date = ro.res.Now()
	}
	ro.looked = time.Now()
	record, err := statedir.ReadRotation(ro.stateDir, config, profile)
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist):
	case errors.Is(err, versioned.ErrCorrupt):
		ro.res.Warnf("%v; it is ignored", err)
	default:
		e := &diag.Error{Profile: profile, Err: err, Flags: diag.Local}
		if errors.Is(err, versioned.ErrNewer) {
			e.Hint = "use the newer version of aws-credproc"
		}
		return e
	}
	ro.sort(ctx, keys, record)
	if ro.Key.ID == "" {
		return &diag.Error{
			Profile: profile, Where: "ListAccessKeys",
			Problem: "IAM does not list access key " + shownKeyID(ro.secret.ID) + " of " + ro.User.ARN,
		}
	}
	if ro.Finishes != "" {
		ro.record = record
		return nil
	}
	ro.record = statedir.Rotation{
		Profile: profile, Config: config, User: ro.User.ARN, Old: ro.secret.ID, Started: date,
		Boot: plan.BootID(),
	}
	for _, k := range keys {
		if !slices.Contains(ro.Leftovers, k.ID) {
			ro.record.Before = append(ro.record.Before, k.ID)
		}
	}
	if len(ro.others) > 0 {
		return ro.twoKeys(ctx)
	}
	return nil
}

// sort sorts the user's keys: that of the profile, those of an interrupted rotation, and others.
func (ro *Rotation) sort(ctx context.Context, keys []AccessKeyInfo, record statedir.Rotation) {
	isOurs := record.User == ro.User.ARN
	if record.User != "" && !isOurs {
		ro.res.Warnf("an earlier rotation of the access key of %s was interrupted and may have left "+
			"a key that nothing uses", record.User)
	}
	current := ro.secret.ID
	if isOurs && current == record.New { // which is recorded before the key is stored
		ro.Finishes = record.Old
	}
	for _, k := range keys {
		switch {
		case k.ID == current:
			ro.Key = k
		case k.ID == ro.Finishes:
		case isOurs && current == record.Old && ro.isLeftover(ctx, k, record):
			ro.Leftovers = append(ro.Leftovers, k.ID)
		default:
			ro.others = append(ro.others, k)
		}
	}
}

// isLeftover reports whether an interrupted rotation has created a key. If the process did not get
// to know the ID, that is a key that was created while the rotation tried to, and that was never
// used.
func (ro *Rotation) isLeftover(
	ctx context.Context, k AccessKeyInfo, record statedir.Rotation,
) bool {
	const tolerance = 5 * time.Second // times have whole seconds
	from, to := record.Started.Add(-tolerance), record.Started.Add(leftoverAge)
	if !record.Ended.IsZero() {
		to = record.Ended.Add(lateCreation)
	}
	switch {
	case record.New != "" || slices.Contains(record.Before, k.ID):
		return k.ID == record.New
	case k.Created.Before(from) || k.Created.After(to):
		return false
	}
	used, err := ro.client.lastUsed(ctx, k.ID)
	if err != nil {
		ro.res.Tracef("%v", ro.explain(err, "GetAccessKeyLastUsed"))
	}
	return err == nil && used.date.IsZero()
}

// twoKeys returns the error for a user who has another key.
func (ro *Rotation) twoKeys(ctx context.Context) error {
	about := func(k AccessKeyInfo) string {
		text := k.ID + " ("
		if !k.Active {
			text += "inactive, "
		}
		text += "created " + k.Created.UTC().Format(time.DateOnly)
		used, err := ro.client.lastUsed(ctx, k.ID)
		switch {
		case err != nil:
			ro.res.Tracef("%v", ro.explain(err, "GetAccessKeyLastUsed"))
			return text + ", last use unknown)"
		case used.date.IsZero():
			return text + ", never used)"
		}
		text += ", last used " + used.date.UTC().Format(time.DateOnly)
		if used.service != "" && used.service != "N/A" {
			text += " with " + used.service
		}
		return text + ")"
	}
	other := ro.others[0]
	profile := profiles.Argument(ro.record.Profile)
	run := "aws iam delete-access-key --profile " + profile
	if ro.client.session.SessionToken != "" {
		run = "aws-credproc exec " + profile + " -- aws iam delete-access-key"
	}
	return &diag.Error{
		Profile: ro.record.Profile,
		Problem: fmt.Sprintf("user %s already has two access keys: that of the profile, %s, and %s",
			ro.UserName, about(ro.Key), about(other)),
		Hint: fmt.Sprintf("if nothing uses the other one: %s --user-name %s --access-key-id %s",
			run, ro.UserName, other.ID),
	}
}

// explain returns the error of a failed action.
func (ro *Rotation) explain(err error, action string) *diag.Error {
	e := ro.client.explain(err, action)
	s := ro.client.session
	if e.Has(diag.Denied) && s.SessionToken != "" && ro.res.Now().Sub(s.Issued) > freshCode {
		e.Hint += "; if it limits the age of the MFA code, run aws-credproc refresh --mfa " +
			profiles.Argument(ro.res.plan.Chain.Profile.Name)
	}
	return e
}

// OldKey returns the ID of the key that is deleted.
func (ro *Rotation) OldKey() string { return ro.record.Old }

// KeepsOld reports whether an interrupted rotation that is finished keeps the old key.
func (ro *Rotation) KeepsOld() bool { return ro.record.KeepOld }
