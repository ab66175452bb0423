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
	// Leftover is the key of an interrupted rotation whose secret is lost. Run deletes it. Its ID is
	// "" if there is none.
	Leftover AccessKeyInfo
	// IsGuess means that it is not certain that the interrupted rotation has created Leftover. Run
	// must not be called before the user has confirmed it.
	IsGuess bool
	// Finishes is the old key of an interrupted rotation that has stored its new key. Run then only
	// removes the old key. It is "" if there is no such rotation.
	Finishes string

	res      *resolution
	client   *iamClient
	place    KeyPlace
	stateDir string
	record   statedir.Rotation
	secret   profiles.AccessKey // of the profile
	others   []AccessKeyInfo    // keys that are no leftovers
	looked   time.Time          // when the record's Started was read
	// isRetired means that the old key of the rotation that is finished is inactive.
	isRetired bool
	// isReactivated means that the rotation had deactivated it, and that it is active again.
	isReactivated bool
	// works is how long a new key may take to work; a test sets less.
	works time.Duration
}

// KeyPlace is where the access key of a profile is kept.
type KeyPlace interface {
	Read(ctx context.Context) (profiles.AccessKey, error)
	// Replace replaces the key old by another one. If it fails, either may be there.
	Replace(ctx context.Context, old, key profiles.AccessKey) error
	// IsOnDisk waits until the key is written to disk, and reports whether it is. Until then, the
	// place may have the key again that was replaced, whose ID is old. wasRead is true if the machine
	// was restarted since, so that the place has read the key from disk.
	IsOnDisk(ctx context.Context, old string, wasRead bool) (bool, error)
}

const (
	// KeyDelay is how long a new access key may take until it works. It takes some seconds.
	KeyDelay = time.Minute
	// leftoverAge is how long after the start of a rotation a key counts as its own, if the process
	// was killed. lateCreation is the same after CreateAccessKey has failed without a response.
	leftoverAge  = 2 * time.Minute
	lateCreation = 15 * time.Second
	undoLimit    = 20 * time.Second
	// lastUndoLimit is that of a process that is about to end.
	lastUndoLimit = 2500 * time.Millisecond
)

// PrepareRotation returns the rotation of the access key that a chain starts with, which is at a
// place. It changes nothing. limit is that of each call of IAM, here and in [Rotation.Run]. The
// caller holds the lock of rotations. The error is a [*diag.Error] or that of ctx.
func (r *Resolver) PrepareRotation(
	ctx context.Context, c profiles.Chain, place KeyPlace, stateDir string, limit time.Duration,
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
	config, profile := profiles.FileID(c.ConfigPath), c.Source.Profile
	if ro.User, err = ro.res.caller(ctx, 0, s); err != nil {
		return nil, ro.explainReplaced(err, config, profile)
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
	ro.client.limit = limit
	return ro, ro.look(ctx, config, profile)
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
		if ro.isReactivated {
			return &diag.Error{
				Profile: profile,
				Problem: "access key " + record.Old + ", which was replaced, has been activated again",
				Hint:    "if nothing uses it: " + ro.deleteCommand(record.Old),
			}
		}
		return nil
	}
	ro.record = statedir.Rotation{
		Profile: profile, Config: config, User: ro.User.ARN, Old: ro.secret.ID, Started: date,
		Boot: plan.BootID(),
	}
	for _, k := range keys {
		if k.ID != ro.Leftover.ID {
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
			ro.isRetired = !k.Active
			ro.isReactivated = k.Active && record.Retired
		case isOurs && current == record.Old && k.ID == record.New:
			ro.Leftover = k
		case isOurs && current == record.Old && record.New == "" && ro.Leftover.ID == "" &&
			ro.isProbablyOf(ctx, k, record):
			ro.Leftover, ro.IsGuess = k, true
		default:
			ro.others = append(ro.others, k)
		}
	}
}

// isProbablyOf reports whether an interrupted rotation, which has not learned the ID of its key, has
// probably created a key: the key was created while the rotation tried to, and was never used.
func (ro *Rotation) isProbablyOf(
	ctx context.Context, k AccessKeyInfo, record statedir.Rotation,
) bool {
	const tolerance = 5 * time.Second // times have whole seconds
	from, to := record.Started.Add(-tolerance), record.Started.Add(leftoverAge)
	if !record.Ended.IsZero() {
		to = record.Ended.Add(lateCreation)
	}
	if slices.Contains(record.Before, k.ID) || k.Created.Before(from) || k.Created.After(to) {
		return false
	}
	used, _, err := ro.client.lastUsed(ctx, k.ID)
	if err != nil {
		ro.res.Tracef("%v", ro.explain(err, "GetAccessKeyLastUsed"))
	}
	return err == nil && used.IsZero()
}

// explainReplaced returns the error for an access key that AWS does not accept. If a rotation has
// replaced it, and another program has put it back, the error says so.
func (ro *Rotation) explainReplaced(err error, config, profile string) error {
	record, readErr := statedir.ReadRotation(ro.stateDir, config, profile)
	if !diag.Has(err, diag.Denied) || readErr != nil || record.Old != ro.secret.ID || record.New == "" {
		return err
	}
	return ro.annotate(err, "a rotation has replaced this key by "+record.New,
		"put "+record.New+" back into the profile, or activate "+record.Old+" in the IAM console")
}

// command returns the command of this rotation.
func (ro *Rotation) command() string {
	command := "aws-credproc rotate "
	if ro.record.KeepOld {
		command += "--keep-old "
	}
	return command + profiles.Argument(ro.res.plan.Chain.Profile.Name)
}

// twoKeys returns the error for a user who has another key.
func (ro *Rotation) twoKeys(ctx context.Context) error {
	about := func(k AccessKeyInfo) string {
		text := k.ID + " ("
		if !k.Active {
			text += "inactive, "
		}
		text += "created " + k.Created.UTC().Format(time.DateOnly)
		used, service, err := ro.client.lastUsed(ctx, k.ID)
		switch {
		case err != nil:
			ro.res.Tracef("%v", ro.explain(err, "GetAccessKeyLastUsed"))
			return text + ", last use unknown)"
		case used.IsZero():
			return text + ", never used)"
		}
		text += ", last used " + used.UTC().Format(time.DateOnly)
		if service != "" && service != "N/A" {
			text += " with " + service
		}
		return text + ")"
	}
	other := ro.others[0]
	return &diag.Error{
		Profile: ro.record.Profile,
		Problem: fmt.Sprintf("user %s already has two access keys: that of the profile, %s, and %s",
			ro.UserName, about(ro.Key), about(other)),
		Hint: "if nothing uses the other one: " + ro.deleteCommand(other.ID),
	}
}

// deleteCommand returns how to delete a key by hand.
func (ro *Rotation) deleteCommand(id string) string {
	source := ro.res.plan.Chain.SourceProfile
	run := "aws iam delete-access-key --profile=" + profiles.NameWord(source.Name)
	switch {
	case ro.client.session.SessionToken == "":
	case source.Get("mfa_serial") != "":
		run = "aws-credproc exec --session " + profiles.Argument(source.Name) +
			" -- aws iam delete-access-key"
	default: // no command can use the MFA device of the role for the user
		return "delete it in the IAM console"
	}
	return run + " --user-name " + ro.UserName + " --access-key-id " + id
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
