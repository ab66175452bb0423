package credproc

import (
	"context"
	"errors"
	"fmt"

	"aws-credproc/credproc/plan"
	"aws-credproc/internal/files"
	"aws-credproc/profiles"
)

// Check returns an error if the settings of a chain cannot work. It sends nothing and runs no
// command. The error is a [*diag.Error]. For the connection see [Resolver.CheckConnection].
func (r *Resolver) Check(c profiles.Chain) error {
	p, err := r.newPlan(c)
	if err == nil {
		_, err = plan.EndpointOf(c, r.Getenv) // other tools use it in any case
	}
	if err != nil {
		return err
	}
	if callsSTS(p) {
		if _, err := stsURL(context.Background(), p); err != nil {
			return err
		}
	}
	if s := c.Source; s.Type == profiles.WebIdentity && s.WebIdentityTokenFile != "" {
		if err := files.Check(s.WebIdentityTokenFile, plan.MaxTextFile); err != nil {
			e := sourceError(c, fmt.Errorf("web identity token: %w", err),
				tokenFileHint(s.WebIdentityTokenFile))
			e.Profile, e.Where, e.Setting = s.Profile, "", "web_identity_token_file"
			return e
		}
	}
	return nil
}

// refusal returns why the settings of the chain up to link n cannot work, or nil. It is the error
// with which get fails before it sends anything, runs a command or asks for a code, and explain
// returns it too. The error is a [*diag.Error].
func (r *resolution) refusal(n int) error {
	for i := range n + 1 {
		if err := r.plan.CheckMFA(i); err != nil {
			return err
		}
	}
	if from := r.plan.Chain.Source; from.Type == profiles.SSO && from.SSOAccountID == "" {
		return sourceError(r.plan.Chain,
			errors.New("sso_session is set, but sso_account_id and sso_role_name are not"),
			"add both to [profile "+from.Profile+"]; aws-credproc setup --sso-session "+
				profiles.Argument(from.SSOSession)+" --dry-run lists them")
	}
	if n == 0 && r.plan.Chain.Source.Type != profiles.WebIdentity {
		return nil
	}
	_, err := r.sts()
	return err
}

// callsSTS reports whether a plan calls STS.
func callsSTS(p plan.Plan) bool {
	return p.Last() > 0 || p.Chain.Source.Type == profiles.WebIdentity
}

// ConnectionSettings are the keys of the selected profile that [Resolver.CheckConnection] checks.
var ConnectionSettings = []string{"ca_bundle", "max_attempts", "retry_mode"}

// CheckConnection returns a [*diag.Error] if the settings of a chain's connection to AWS cannot
// work: those of the profile, and the variables. It reads the CA bundle.
func (r *Resolver) CheckConnection(c profiles.Chain) error {
	_, err := r.newSTSClient(c, plan.Endpoint{})
	return err
}

// CheckMFA returns the first profile of a chain whose mfa_serial cannot work, and why: a
// [*diag.Error].
func (r *Resolver) CheckMFA(c profiles.Chain) (profile string, err error) {
	return plan.CheckMFA(c, r.Getenv)
}

// CheckKeys returns an error if the long-term keys of a chain's source are in the keyring and
// cannot be read. It is the error that [Resolver.Credentials] would return. It shows no prompt.
func (r *Resolver) CheckKeys(ctx context.Context, c profiles.Chain) error {
	if c.Source.Type != profiles.Keyring {
		return nil
	}
	p, err := r.newPlan(c)
	if err != nil {
		return err
	}
	_, err = keyringSession(ctx, source{Resolver: r, plan: p})
	return err
}
