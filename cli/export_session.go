package cli

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// writeProfile writes the credentials of a profile to the section [name] of the credentials file.
func (x *credentialExport) writeProfile(ctx context.Context, profile, name string) error {
	if err := refuseAsRoot(); err != nil {
		return err
	}
	f, err := x.files()
	if err != nil {
		return err
	}
	// A name that is refused needs neither a session nor a lock.
	if err := profiles.CheckSessionName(f, name, profile); err != nil {
		return err
	}
	s, region, err := x.credentials(ctx, profile)
	if err != nil {
		return err
	}
	if s.SessionToken == "" {
		return x.notASession(profile)
	}
	v := sessionValues(s, region)
	_, credentials, err := x.moveFiles(ctx, func(e *profiles.Editor) error {
		return profiles.WriteSession(e, name, profile, v)
	})
	if err != nil {
		return err
	}
	x.warnIfReadable(credentials)
	until := ""
	if !v.Expires.IsZero() {
		until = ", valid until " + v.Expires.Local().Format(time.DateTime)
	}
	return x.print(fmt.Appendf(nil, "%s: session written to [%s] in %s%s\n",
		profile, name, printable(credentials), until))
}

// warnIfReadable warns if other users can read a file that holds a session now. Its mode is kept.
func (x *credentialExport) warnIfReadable(path string) {
	info, err := os.Stat(path)
	if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o044 != 0 {
		x.warn("%s: other users can read the session; run chmod 600 on the file", printable(path))
	}
}

// notASession returns the error for long-term keys, which a file would keep until they are deleted.
func (x *credentialExport) notASession(profile string) error {
	e := &diag.Error{
		Profile: profile,
		Problem: "has a long-term access key, and --write-profile writes only sessions, which expire",
	}
	if x.canExchange {
		e.Hint = "add --session to exchange the key for a session"
	}
	return e
}

func sessionValues(s cache.Session, region string) profiles.SessionValues {
	return profiles.SessionValues{
		AccessKeyID:     s.AccessKeyID,
		SecretAccessKey: profiles.Secret(s.SecretAccessKey),
		SessionToken:    profiles.Secret(s.SessionToken),
		Expires:         plan.PrintedExpiration(s, time.Now()),
		Region:          region,
	}
}

// moveFiles edits the config files under their lock and keeps no copy of the old files, which may
// have sessions. It returns the paths of the files.
func (a *app) moveFiles(
	ctx context.Context, edit func(*profiles.Editor) error,
) (config, credentials string, err error) {
	config, credentials = profiles.Paths(os.Getenv)
	defer a.progress("waiting for another process that edits the config files")()
	m := profiles.Move{Edit: func(e *profiles.Editor) error {
		e.Files().Imported = plan.Imported(os.Getenv, a.stateDir(), a.warn)
		return edit(e)
	}}
	copies, err := m.Run(ctx, config, credentials)
	for _, path := range copies {
		a.warn("a copy of the old file, with its secrets, is kept: %s", path)
	}
	return config, credentials, err
}
