package doctor

import (
	"fmt"
	"os"
	"slices"
	"time"

	"aws-credproc/credproc"
)

// What each SDK does with the environment was measured with botocore 1.44, aws-sdk-go-v2 config
// 1.33 and the AWS SDK for JavaScript v3.

// environment is the variables and the clock of the process.
type environment struct {
	get func(name string) string
	now func() time.Time
}

// execProfile returns the profile of the `aws-credproc exec` that runs this process, or "".
func (e environment) execProfile() string { return e.get(credproc.ExecVariable) }

// hasEndpoint reports whether the process gets its credentials from `exec --serve`.
func (e environment) hasEndpoint() bool { return e.get("AWS_CONTAINER_CREDENTIALS_FULL_URI") != "" }

// hasExecKeys reports whether the keys in the environment are those of `aws-credproc exec`.
func (e environment) hasExecKeys() bool {
	return e.execProfile() != "" && !e.hasEndpoint() &&
		e.get("AWS_ACCESS_KEY_ID") != "" && e.get("AWS_SECRET_ACCESS_KEY") != ""
}

// execExpiry returns when the keys of exec expire, or zero if they do not.
func (e environment) execExpiry() time.Time {
	end, _ := time.Parse(time.RFC3339, e.get("AWS_CREDENTIAL_EXPIRATION"))
	return end
}

// hasProcesses reports whether a profile to check has a credential_process.
func (c *config) hasProcesses() bool { return len(c.processes)+len(c.mixed) > 0 }

// environmentKeys finds exported keys. It ignores keys that a profile uses and the unexpired keys
// of `aws-credproc exec`.
func environmentKeys(x *examination) []Finding {
	if x.env.hasExecKeys() {
		return x.expiredExec()
	}
	usesThem := func(name string) bool {
		return x.config.sections[name].Get("credential_source") == "Environment"
	}
	if x.env.get("AWS_ACCESS_KEY_ID") == "" || !x.config.hasProcesses() ||
		slices.ContainsFunc(x.config.names, usesThem) {
		return nil
	}
	f := Finding{
		Severity: Error, Where: "AWS_ACCESS_KEY_ID", What: "an access key is set in the environment",
		Why: "the AWS CLI, boto3 and the Go SDK use it instead of the profile in AWS_PROFILE, " +
			"so credential_process does not run",
		Fix: x.sh.unset("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
	}
	if x.env.get("AWS_SECRET_ACCESS_KEY") == "" {
		f.What = "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY"
		f.Why = "the AWS CLI and boto3 fail"
	}
	return []Finding{f}
}

// expiredExec returns a finding if the session of the exec that runs this process has expired.
func (x *examination) expiredExec() []Finding {
	end, profile := x.env.execExpiry(), x.env.execProfile()
	if end.IsZero() || end.After(x.env.now()) {
		return nil
	}
	return []Finding{{
		Severity: Error, Where: "AWS_CREDENTIAL_EXPIRATION",
		What: fmt.Sprintf("the session of aws-credproc exec %s in the environment expired at %s",
			shorten(profile), end.UTC().Format(time.RFC3339)),
		Why: "the AWS CLI, boto3 and the Go SDK still use it, instead of any profile, " +
			"and AWS refuses it (ExpiredToken)",
		Fix: write("exit this shell, then run", "aws-credproc exec "+x.sh.quote(profile)),
	}}
}

// environmentWebIdentity finds an exported web identity token, as EKS sets it in pods.
func environmentWebIdentity(x *examination) []Finding {
	if x.env.get("AWS_WEB_IDENTITY_TOKEN_FILE") == "" || !x.config.hasProcesses() {
		return nil
	}
	return []Finding{{
		Severity: Error, Where: "AWS_WEB_IDENTITY_TOKEN_FILE",
		What: "a web identity token is set in the environment",
		Why: "the AWS CLI, boto3 and the Go SDK assume AWS_ROLE_ARN with it instead of using the " +
			"profile in AWS_PROFILE, so credential_process does not run",
		Fix: x.sh.unset("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"),
	}}
}

// environmentProfile finds an AWS_PROFILE that names the wrong profile.
func environmentProfile(x *examination) (found []Finding) {
	const variable, older = "AWS_PROFILE", "AWS_DEFAULT_PROFILE"
	name, other, where := x.env.get(variable), x.env.get(older), variable
	switch {
	case name == "":
		name, where = other, older
	case other != "" && other != name:
		found = append(found, Finding{
			Severity: Warning, Where: older,
			What: fmt.Sprintf("%s is %s, but %s is %s", variable, shorten(name), older, shorten(other)),
			Why:  "the AWS CLI and boto3 use " + older + ", other SDKs " + variable,
			Fix:  x.sh.unset(older),
		})
	}
	if name != "" && x.config.complete {
		found = append(found, x.checkSelected(name, where)...)
	}
	return found
}

// checkSelected checks the profile that a variable selects.
func (x *examination) checkSelected(name, variable string) []Finding {
	_, exists := x.config.sections[name]
	_, selected := x.config.sections[x.opts.Profile]
	wired, exec := x.config.wiredTo(name), x.env.execProfile()
	f := Finding{Severity: Warning, Where: variable}
	switch {
	case exec != "" && exec != name && (x.env.hasExecKeys() || x.env.hasEndpoint()):
		f.What = fmt.Sprintf("this shell runs in aws-credproc exec %s, but %s is %s",
			shorten(exec), variable, shorten(name))
		f.Why = fmt.Sprintf("the AWS CLI, boto3 and the Go SDK use the keys of %s, "+
			"the JavaScript SDK uses %s", shorten(exec), shorten(name))
		if x.env.hasEndpoint() {
			f.Why = fmt.Sprintf("tools use %s, not the endpoint of exec", shorten(name))
		}
		f.Fix = x.sh.unset(variable)
	case !exists && name != "default":
		f.Severity = Error
		f.What = variable + " names the profile " + shorten(name) + ", which does not exist"
		f.Why = "tools fail unless they are run with another --profile"
		f.Fix = x.sh.unset(variable)
	case wired != "":
		f.What = fmt.Sprintf("%s is %s, but tools should use %s", variable, name, wired)
		f.Why = "tools then assume the role themselves: every process calls STS and asks for its own " +
			"MFA code"
		f.Fix = run(x.sh.export(variable, wired))
	case selected && !x.config.examined[name]:
		f.What = fmt.Sprintf("%s is %s, not %s", variable, name, shorten(x.opts.Profile))
		f.Why = "tools use it unless they are run with --profile"
		f.Fix = run(x.sh.export(variable, x.opts.Profile))
	default:
		return nil
	}
	return []Finding{f}
}

// isExecConfig reports whether exec hides a file with a [default] section from this process.
func (c *config) isExecConfig() bool {
	return slices.ContainsFunc(c.raw, func(r rawFile) bool { return r.Path == os.DevNull })
}
