package credproc

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"

	"aws-credproc/cache/statedir"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// laterHint is the hint for a key that does not work yet.
const laterHint = "try again later; --verbose prints the responses of AWS"

// Rotated is the result of a rotation.
type Rotated struct {
	Old, New string // access key IDs
	// Kept is true if the old key is inactive, and false if it was deleted.
	Kept bool
	// NotOnDisk is true if it is not known whether the keyring has written the new key to disk. The
	// old key is still active then. A rotation after the next restart of the machine deletes it.
	NotOnDisk bool
}

// Run replaces the key. Whenever the process ends, the profile has a key that works, and the next
// rotation finishes this one or undoes it. The error is a [*diag.Error] or that of ctx.
func (ro *Rotation) Run(ctx context.Context, keepOld bool) (Rotated, error) {
	if ro.Finishes != "" {
		if keepOld && !ro.record.KeepOld {
			ro.record.KeepOld = true
			if err := ro.write(); err != nil {
				return Rotated{}, err
			}
		}
		return ro.finish(ctx)
	}
	ro.record.KeepOld = keepOld
	ro.record.Started = ro.awsNow() // the user may have taken minutes to answer
	if err := ro.deleteLeftover(ctx); err != nil {
		return Rotated{}, err
	}
	if err := ro.write(); err != nil {
		return Rotated{}, ro.annotate(err, ro.changes(), diag.Hint(err))
	}
	key, err := ro.create(ctx)
	if err != nil {
		return Rotated{}, err
	}
	if err := ro.store(ctx, key); err != nil {
		return Rotated{}, err
	}
	return ro.finish(ctx)
}

// deleteLeftover deletes the key of an interrupted rotation. A guess may have been used since it was
// made.
func (ro *Rotation) deleteLeftover(ctx context.Context) error {
	id := ro.Leftover.ID
	if id == "" {
		return nil
	}
	if ro.IsGuess {
		used, _, err := ro.client.lastUsed(ctx, id)
		switch {
		case err != nil:
			return ro.explain(err, "GetAccessKeyLastUsed")
		case !used.IsZero():
			return &diag.Error{
				Profile: ro.record.Profile,
				Problem: "access key " + id + " was used since; nothing was changed",
				Hint:    "if nothing uses it: " + ro.deleteCommand(id),
			}
		}
	}
	err := ro.client.deleteAccessKey(ctx, ro.UserName, id)
	if err == nil {
		return nil
	}
	e := ro.explain(err, "DeleteAccessKey")
	if isMissing(err) {
		e.Hint = "try again: an attempt whose response was lost may have deleted it"
	}
	return e
}

// changes returns what Run has changed before it has created a key.
func (ro *Rotation) changes() string {
	if ro.Leftover.ID != "" {
		return "only access key " + ro.Leftover.ID + " was deleted"
	}
	return "nothing was changed"
}

// awsNow returns the time by the clock of AWS.
func (ro *Rotation) awsNow() time.Time {
	elapsed := time.Since(ro.looked)
	ro.looked = ro.looked.Add(elapsed)
	return ro.record.Started.Add(elapsed)
}

// write writes the record.
func (ro *Rotation) write() error {
	if err := statedir.WriteRotation(ro.stateDir, ro.record); err != nil {
		return &diag.Error{Profile: ro.record.Profile, Err: err, Flags: diag.Local}
	}
	return nil
}

// create creates a key and waits until it works.
func (ro *Rotation) create(ctx context.Context) (profiles.AccessKey, error) {
	key, err := ro.client.createAccessKey(ctx, ro.UserName)
	switch {
	case err == nil:
	case isDefinite(err):
		return key, ro.undone(ro.explain(err, "CreateAccessKey"))
	default:
		ro.record.Ended = ro.awsNow()
		if err := ro.write(); err != nil { // the record on disk has no end
			ro.res.Tracef("%v", err)
		}
		e := ro.explain(err, "CreateAccessKey")
		return key, ro.annotate(e, "AWS may have created a key",
			ro.after(e, "asks whether to delete it"))
	}
	ro.record.New = key.ID
	if err = ro.write(); err == nil {
		err = ro.verify(ctx, key)
	}
	if err != nil {
		return key, ro.undo(ctx, err)
	}
	return key, nil
}

// isDefinite reports whether IAM has refused a call, so that it has not executed it.
func isDefinite(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && (!isTemporary(err) || isThrottled(err))
}

// store stores the new key and checks that what was stored works.
func (ro *Rotation) store(ctx context.Context, key profiles.AccessKey) error {
	if err := ro.place.Replace(ctx, ro.secret, key); err != nil {
		now, readErr := ro.place.Read(context.WithoutCancel(ctx))
		if readErr == nil && now != key {
			return ro.undo(ctx, err)
		}
		return ro.unfinished(err)
	}
	ro.secret = key
	err := ro.checkStored(ctx)
	if err == nil {
		err = ro.verify(ctx, key)
	}
	if err != nil {
		return ro.unfinished(err)
	}
	return nil
}

// checkStored checks that the place still has the key of the rotation.
func (ro *Rotation) checkStored(ctx context.Context) error {
	now, err := ro.place.Read(ctx)
	if err == nil && now != ro.secret {
		err = errKeyChanged(ro.record.Profile)
	}
	return err
}

// unfinished returns the error of a rotation whose new key may be that of the profile.
func (ro *Rotation) unfinished(err error) error {
	return ro.annotate(err, "both access keys are still active",
		ro.after(err, "finishes or undoes the rotation"))
}

// after returns the hint to run the command again when the cause of an error is gone. does says what
// the command does then.
func (ro *Rotation) after(err error, does string) string {
	again := "run " + ro.command() + " again, which " + does
	switch hint := diag.Hint(err); hint {
	case "", longerHint, laterHint:
		return again
	default:
		return hint + "; then " + again
	}
}

// annotate adds a sentence to the text of an error, and a hint that replaces that of the error.
func (ro *Rotation) annotate(err error, text, hint string) *diag.Error {
	e := &diag.Error{Profile: ro.record.Profile, Err: err}
	if inner := (*diag.Error)(nil); errors.As(err, &inner) {
		known := *inner
		e = &known
	}
	e.Problem, e.Hint = e.What()+"; "+text, hint
	return e
}

// undo deletes the key that was created and returns the error of the rotation.
func (ro *Rotation) undo(ctx context.Context, failed error) error {
	limit := undoLimit
	if ctx.Err() != nil {
		limit = lastUndoLimit
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	if err := ro.client.deleteAccessKey(ctx, ro.UserName, ro.record.New); err != nil {
		ro.res.Tracef("%v", ro.explain(err, "DeleteAccessKey"))
		state := " was not deleted"
		if isMissing(err) || !isDefinite(err) {
			state = " may not have been deleted"
		}
		return ro.annotate(failed, "the new access key "+ro.record.New+state,
			ro.after(failed, "deletes it"))
	}
	return ro.undone(failed)
}

// undone returns the error of a rotation whose key does not exist, and removes the record.
func (ro *Rotation) undone(failed error) error {
	err := statedir.RemoveRotation(ro.stateDir, ro.record.Config, ro.record.Profile)
	if err != nil {
		ro.res.Warnf("%v", err)
	}
	return ro.annotate(failed, ro.changes(), diag.Hint(failed))
}

// verify waits until a new key works, for STS and, if it is to sign calls of IAM, there.
func (ro *Rotation) verify(ctx context.Context, key profiles.AccessKey) error {
	const firstDelay, longestDelay = 250 * time.Millisecond, 3 * time.Second
	defer ro.res.waiting(ro.record.Profile + ": waiting until the new access key works")()
	defer func(each func(func() string) func()) { ro.res.Waiting = each }(ro.res.Waiting)
	ro.res.Waiting = nil // for each response
	limited, cancel := context.WithTimeout(ctx, ro.works)
	defer cancel()
	for delay := firstDelay; ; delay = min(2*delay, longestDelay) {
		err := ro.try(limited, key)
		if err == nil {
			return nil
		}
		if !diag.Has(err, diag.Denied) && !diag.Has(err, diag.Temporary) && ctx.Err() == nil {
			return err
		}
		ro.res.Tracef("%v", err)
		select {
		case <-time.After(delay):
			continue
		case <-limited.Done():
		}
		switch {
		case errors.Is(ctx.Err(), context.Canceled):
			return errInterrupted
		case ctx.Err() != nil:
			return &diag.Error{
				Profile: ro.record.Profile, Hint: longerHint, Err: ctx.Err(),
				Problem: "the new access key did not work before the timeout",
			}
		}
		return &diag.Error{
			Profile: ro.record.Profile,
			Problem: "the new access key does not work after " + ro.works.String(),
			Hint:    laterHint,
			Err:     err,
		}
	}
}

// try uses a new key.
func (ro *Rotation) try(ctx context.Context, key profiles.AccessKey) error {
	caller, err := ro.res.caller(ctx, 0, sessionOfKey(key))
	if err != nil {
		return err
	}
	if caller.ARN != ro.User.ARN {
		return &diag.Error{
			Profile: ro.record.Profile, Where: "GetCallerIdentity",
			Problem: "the new access key is that of " + caller.ARN + ", not of " + ro.User.ARN,
		}
	}
	if ro.client.session.SessionToken != "" {
		return nil
	}
	client := *ro.client
	client.session = sessionOfKey(key)
	if _, _, err := client.listAccessKeys(ctx, ro.UserName); err != nil {
		return client.explain(err, "ListAccessKeys")
	}
	return nil
}

// wasRestarted reports whether the machine was started again since an interrupted rotation, which is
// finished now, has stored its key. So the keyring has read the key from disk.
func (ro *Rotation) wasRestarted() bool {
	return ro.Finishes != "" && ro.record.Boot != "" && ro.record.Boot != plan.BootID()
}

// finish deactivates the old key and deletes it, when the new one is on disk.
func (ro *Rotation) finish(ctx context.Context) (Rotated, error) {
	done := Rotated{Old: ro.record.Old, New: ro.secret.ID, Kept: ro.record.KeepOld}
	if err := ro.checkStored(ctx); err != nil {
		return done, ro.changed(ctx, done.Old, err)
	}
	isOnDisk, err := ro.place.IsOnDisk(ctx, done.Old, ro.wasRestarted())
	if err != nil {
		return done, ro.unfinished(err)
	}
	if !isOnDisk {
		done.NotOnDisk = true
		return done, nil
	}
	if err := ro.retire(ctx, done.Old, done.Kept); err != nil {
		return done, err
	}
	if err := statedir.RemoveRotation(
		ro.stateDir, ro.record.Config, ro.record.Profile); err != nil {
		return done, ro.annotate(err, "access key "+done.New+" has replaced "+done.Old,
			ro.after(err, "removes the record of the rotation"))
	}
	return done, nil
}

// retire deactivates the old key and, unless it is kept, deletes it.
func (ro *Rotation) retire(ctx context.Context, old string, isKept bool) error {
	if ro.client.session.SessionToken == "" {
		ro.client.session = sessionOfKey(ro.secret)
	}
	if err := ro.checkStored(ctx); err != nil {
		return ro.changed(ctx, old, err)
	}
	if !ro.isRetired {
		err := ro.client.setAccessKeyStatus(ctx, ro.UserName, old, types.StatusTypeInactive)
		if err != nil {
			e := ro.explain(err, "UpdateAccessKey")
			if isDefinite(err) {
				return ro.unfinished(e)
			}
			return ro.annotate(e, "the old access key may still be active",
				ro.after(e, "finishes the rotation"))
		}
	}
	ro.isRetired, ro.record.Retired = true, true
	if err := ro.write(); err != nil {
		return ro.annotate(err, "the old access key is inactive", ro.after(err, "finishes the rotation"))
	}
	if err := ro.checkStored(ctx); err != nil {
		return ro.changed(ctx, old, err)
	}
	if isKept {
		return nil
	}
	err := ro.client.deleteAccessKey(ctx, ro.UserName, old)
	if err == nil || isMissing(err) {
		return nil
	}
	e := ro.explain(err, "DeleteAccessKey")
	state := "is inactive"
	if !isDefinite(err) {
		state += " or deleted"
	}
	return ro.annotate(e, "access key "+ro.secret.ID+" is in use, and the old one, "+old+", "+state,
		ro.after(e, "deletes the old one"))
}

// changed returns the error of checkStored. If the old key is inactive, and the profile does not have
// the new one any more, it makes the old one active again, since the profile may have that.
func (ro *Rotation) changed(ctx context.Context, old string, failed error) error {
	switch {
	case !ro.isRetired:
		return ro.unfinished(failed)
	case !errors.Is(failed, errChanged): // the key cannot be read
		return ro.annotate(failed, "the old access key "+old+" is inactive",
			ro.after(failed, "finishes the rotation"))
	}
	err := ro.client.setAccessKeyStatus(ctx, ro.UserName, old, types.StatusTypeActive)
	if err != nil {
		ro.res.Tracef("%v", ro.explain(err, "UpdateAccessKey"))
		return ro.annotate(failed, "the old access key "+old+" is inactive",
			"put "+ro.secret.ID+" back into the profile, or activate "+old+" in the IAM console")
	}
	ro.isRetired, ro.record.Retired = false, false
	if err := ro.write(); err != nil {
		ro.res.Warnf("%v", err)
	}
	return ro.unfinished(failed)
}
