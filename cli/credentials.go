package cli

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/tui"
	"aws-credproc/profiles"
)

// credentialExport is one run of a command that hands a profile's credentials to a program which does not know this one.
type credentialExport struct {
	*app
	duration time.Duration    // of the last role's session; 0 for what its profile says
	region   string           // "" for the profile's
	log      *throttledLogger // of the child process
}

// addFlags adds the flags that exec and export share.
func (h *credentialExport) addFlags(cmd *cobra.Command) {
	cmd.Flags().Var((*durationFlag)(&h.duration), "duration", "how long the role's session lasts, 15m to 12h, in place of what the profile says")
	cmd.Flags().StringVar(&h.region, "region", "", "the region to work in, in place of the profile's")
	completeFlag(cmd, "duration")
	completeFlag(cmd, "region")
}

// checkFlags says what is wrong with them.
func (h *credentialExport) checkFlags(cmd *cobra.Command) error {
	if cmd.Flags().Changed("duration") {
		if err := profiles.CheckDuration(h.duration); err != nil {
			return fmt.Errorf("--duration: %s: %w", h.duration, err)
		}
	}
	if cmd.Flags().Changed("region") && !plan.IsRegion(h.region) {
		return fmt.Errorf("--region: %q is no region", h.region)
	}
	return nil
}

// resolve gives a profile's chain and the region to work in, "" if nothing says one.
func (h *credentialExport) resolve(f *profiles.Files, profile string) (c profiles.Chain, region string, err error) {
	if c, err = f.Chain(profile); err != nil {
		return c, "", err
	}
	if h.duration != 0 {
		if c, err = c.WithDuration(h.duration); err != nil {
			return c, "", err
		}
	}
	if h.region != "" {
		return c, h.region, nil
	}
	tools, err := f.Profile(profile) // a profile that is wired has the tools' settings, and its role's profile others
	if err != nil {
		return c, "", err
	}
	for _, region := range []string{tools.Get("region"), c.Profile.Get("region")} {
		if plan.IsRegion(region) {
			return c, region, nil
		}
		if region != "" {
			return c, "", &diag.Error{Profile: profile, Problem: fmt.Sprintf("its region is %q, which is none", region), Hint: "correct it, or give --region"}
		}
	}
	return c, "", nil
}

// credentials gives what a profile stands for, to a program that cannot ask again. So a session that is running out is
// renewed first, where get would serve it and have it renewed by a process that nobody waits for.
func (h *credentialExport) credentials(ctx context.Context, profile string) (s cache.Session, region string, err error) {
	f, err := h.files()
	if err != nil {
		return s, "", err
	}
	chain, region, err := h.resolve(f, profile)
	if err != nil {
		return s, "", err
	}
	r, err := h.resolver()
	if err != nil {
		return s, "", err
	}
	if s, err = r.Credentials(ctx, chain); err != nil {
		return s, "", err
	}
	if r.ClaimsRenewal(chain, s) {
		if err := r.Renew(ctx, chain); err != nil {
			h.warn("%v; the session before is given", err)
		}
		if s, err = r.Credentials(ctx, chain); err != nil {
			return s, "", err
		}
	}
	switch now := time.Now(); {
	case !s.Expiration.IsZero() && !s.Expiration.After(now):
		h.warn("%s: its session is over already by this machine's clock; set the clock", profile)
	case isShort(s, now):
		h.warn("%s: its session ends in %s, and will not be renewed where it goes; refresh it first, or use exec --serve",
			profile, tui.Left(s.Expiration, now))
	}
	return s, region, nil
}

// isShort reports whether a session has so little left that who works with it should know.
func isShort(s cache.Session, now time.Time) bool {
	left := s.Expiration.Sub(now)
	return !s.Expiration.IsZero() && left < 15*time.Minute && left < s.Expiration.Sub(s.Issued)/2
}

// variable is a variable of a process's environment.
type variable struct{ name, value string }

// clashing are the variables by which an SDK finds credentials, or learns something about them. None of them may be left
// of those before: most come before what is handed out, and the others tell of something else.
var clashing = []string{
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CREDENTIAL_EXPIRATION", "AWS_ACCOUNT_ID",
	"AWS_PROFILE", "AWS_DEFAULT_PROFILE", // the JavaScript SDK prefers a profile to keys
	"AWS_SECURITY_TOKEN", // the session token's old name, which botocore reads first
	"AWS_ACCESS_KEY", "AWS_SECRET_KEY", "AMAZON_ACCESS_KEY_ID", "AMAZON_SECRET_ACCESS_KEY", "AMAZON_SESSION_TOKEN", "AWS_CREDENTIAL_FILE",
	"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME",
	"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
	"AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
	"AWS_SESSION_EXPIRATION", // what aws-vault wrote
}

// credentialVariables are credentials in the form of variables.
// https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html
func credentialVariables(s cache.Session) []variable {
	all := []variable{
		{"AWS_ACCESS_KEY_ID", s.AccessKeyID}, {"AWS_SECRET_ACCESS_KEY", s.SecretAccessKey}, {"AWS_SESSION_TOKEN", s.SessionToken},
	}
	if !s.Expiration.IsZero() {
		all = append(all, variable{"AWS_CREDENTIAL_EXPIRATION", s.Expiration.UTC().Format(time.RFC3339)})
	}
	return withValue(all)
}

// otherVariables are what goes with credentials, however they are handed out.
func otherVariables(s cache.Session, region string) []variable {
	return withValue([]variable{
		{"AWS_ACCOUNT_ID", s.AccountID},
		{"AWS_REGION", region}, {"AWS_DEFAULT_REGION", region}, // some tools read but one of them
	})
}

func withValue(all []variable) []variable {
	return slices.DeleteFunc(all, func(v variable) bool { return v.value == "" })
}

// environment is what a command sees: the environment of this process without what clashes, and with these variables.
func environment(environ []string, set []variable) []string {
	same := func(a, b string) bool { return a == b }
	if runtime.GOOS == "windows" {
		same = strings.EqualFold
	}
	env := slices.DeleteFunc(slices.Clone(environ), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.ContainsFunc(clashing, func(c string) bool { return same(c, name) }) ||
			slices.ContainsFunc(set, func(s variable) bool { return same(s.name, name) })
	})
	for _, v := range set {
		env = append(env, v.name+"="+v.value)
	}
	return env
}
