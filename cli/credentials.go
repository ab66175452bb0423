package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/awsregion"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/tui"
	"aws-credproc/profiles"
)

// credentialExport is one run of exec or export: they hand the credentials of a profile to a
// program that cannot ask for new ones.
type credentialExport struct {
	*app
	duration time.Duration // of the role's session; 0 means that of the profile
	region   string        // "" means that of the profile
	role     execRole      // in the place of a profile, if it is set
	session  bool          // a session in the place of long-term keys
	// canExchange means that session makes a difference. resolve sets it.
	canExchange bool
	log         *throttledLogger // while the child process runs
}

func (x *credentialExport) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Var((*durationFlag)(&x.duration), "duration",
		"lifetime of the role's session, 15m to 12h (default: that of the profile)")
	flags.StringVar(&x.region, "region", "", "AWS Region (default: that of the profile)")
	completeFlag(cmd, "duration")
	completeFlag(cmd, "region")
}

func (x *credentialExport) checkFlags(cmd *cobra.Command) error {
	if cmd.Flags().Changed("duration") {
		if err := profiles.CheckDuration(x.duration); err != nil {
			return fmt.Errorf("--duration: %s: %w", x.duration, err)
		}
	}
	return x.checkRegion(cmd)
}

func (x *credentialExport) checkRegion(cmd *cobra.Command) error {
	if cmd.Flags().Changed("region") {
		if err := checkRegionName(x.region); err != nil {
			return fmt.Errorf("--region: %q: %w", x.region, err)
		}
	}
	return nil
}

// checkRegionName returns an error if no partition has regions of that form.
func checkRegionName(name string) error {
	if awsregion.IsPossible(name) {
		return nil
	}
	text := "not a valid AWS Region name"
	if near := awsregion.Nearest(name); near != "" {
		text += "; did you mean " + near + "?"
	}
	return errors.New(text)
}

// resolve returns the chain of a profile, and the region, "" if none is set.
func (x *credentialExport) resolve(
	f *profiles.Files, profile string,
) (c profiles.Chain, region string, err error) {
	if x.role.isSet() {
		c, err = x.role.chain(f)
	} else {
		c, err = f.Chain(profile)
	}
	if err != nil {
		return c, "", err
	}
	exchanged := c.WithSession()
	if x.canExchange = exchanged.MFA != c.MFA; x.session {
		c = exchanged
	}
	if x.duration != 0 {
		if c, err = c.WithDuration(x.duration); err != nil {
			return c, "", err
		}
	}
	if x.region != "" {
		return c, x.region, nil
	}
	wired := c.Profile
	if !x.role.isSet() {
		if wired, err = f.Profile(profile); err != nil { // its region is that of the tools
			return c, "", err
		}
	}
	for _, region := range []string{wired.Get("region"), c.Profile.Get("region")} {
		if plan.IsRegion(region) {
			return c, region, nil
		}
		if region != "" {
			return c, "", &diag.Error{
				Profile: profile,
				Problem: fmt.Sprintf("region %q is not a valid AWS Region name", region),
				Hint:    awsregion.Hint(region, "it") + ", or use --region",
			}
		}
	}
	return c, "", nil
}

// credentials returns the credentials of a profile and its region. It renews a session that is due
// for renewal first, which get does in the background, and warns if little time is left.
func (x *credentialExport) credentials(
	ctx context.Context, profile string,
) (s cache.Session, region string, err error) {
	f, err := x.files()
	if err != nil {
		return s, "", err
	}
	chain, region, err := x.resolve(f, profile)
	if err != nil {
		return s, "", err
	}
	startChosenKeyring(ctx, x.app)
	r, err := x.resolver()
	if err != nil {
		return s, "", err
	}
	if s, err = r.Credentials(ctx, chain); err != nil {
		return s, "", err
	}
	if r.ClaimsRenewal(chain, s) {
		if err := r.Renew(ctx, chain); err != nil {
			x.warn("%v; the cached session is used", err)
		}
		if s, err = r.Credentials(ctx, chain); err != nil {
			return s, "", err
		}
	}
	switch now := time.Now(); {
	case !s.Expiration.IsZero() && !s.Expiration.After(now):
		x.warn("%s: the session has expired by this machine's clock; set the clock", profile)
	case isShort(s, now):
		x.warn("%s: the session expires in %s and cannot be renewed by the program that gets it; "+
			"run refresh first, or use exec --serve", profile, tui.TimeLeft(s.Expiration, now))
	}
	return s, region, nil
}

// isShort reports whether less than 15 minutes and less than half of a session's lifetime are left.
func isShort(s cache.Session, now time.Time) bool {
	left := s.Expiration.Sub(now)
	return !s.Expiration.IsZero() && left < 15*time.Minute && left < s.Expiration.Sub(s.Issued)/2
}
