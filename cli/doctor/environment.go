package doctor

import (
	"fmt"
	"os"
	"slices"
	"time"

	"aws-credproc/credproc"
	"aws-credproc/profiles"
)

// What each SDK does with the environment was measured with botocore 1.44, aws-sdk-go-v2 config 1.33 and the AWS SDK for
// JavaScript v3.

// hasProcess reports whether there is a process that the environment could keep from being run.
func (x *exam) hasProcess() bool { return len(x.processes(false))+len(x.processes(true)) > 0 }

// serves reports whether this is inside a command of exec --serve, and so without keys of exec's.
func (x *exam) serves() bool { return x.getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI") != "" }

// hasExecKeys reports whether the keys in the environment are those of aws-credproc exec, as far as that can be told.
func (x *exam) hasExecKeys() bool {
	return x.getenv(credproc.ExecVariable) != "" && !x.serves() && x.getenv("AWS_ACCESS_KEY_ID") != "" && x.getenv("AWS_SECRET_ACCESS_KEY") != ""
}

// execEnd is when the keys of exec end; zero where they do not.
func (x *exam) execEnd() time.Time {
	end, _ := time.Parse(time.RFC3339, x.getenv("AWS_CREDENTIAL_EXPIRATION"))
	return end
}

// execFact says that this is inside a command of exec, whose environment is as it should be there; "" where it is not.
func (x *exam) execFact() string {
	profile := x.getenv(credproc.ExecVariable)
	var what string
	switch end := x.execEnd(); {
	case profile == "":
		return ""
	case x.hasExecKeys() && end.IsZero():
		what = "tools here use its keys"
	case x.hasExecKeys():
		what = "tools here use its session, which ends at " + end.UTC().Format(time.RFC3339)
	case x.serves():
		what = "tools here get its credentials from an endpoint, unless they are told a profile"
	default:
		return "" // what it gave is there no more
	}
	for _, r := range x.raw {
		if r.Path == os.DevNull {
			return shortened(profile) + " (" + what + ", and do not see the file with [default])"
		}
	}
	return shortened(profile) + " (" + what + ")"
}

// environmentKeys finds exported keys, unless some profile is to use them or they are those of exec, and good.
func environmentKeys(x *exam) {
	if x.hasExecKeys() {
		if end, profile := x.execEnd(), x.getenv(credproc.ExecVariable); !end.IsZero() && !end.After(x.now()) {
			x.add(Finding{Severity: Error, Where: "AWS_CREDENTIAL_EXPIRATION", What: fmt.Sprintf("the session of aws-credproc exec %s in the environment is over since %s", shortened(profile), end.UTC().Format(time.RFC3339)),
				Why: "the AWS CLI, boto3 and the Go SDK use it all the same, in the place of any profile, and AWS refuses it: ExpiredToken", Fix: "leave this shell, and " + run("aws-credproc exec "+x.quoted(profile))})
		}
		return
	}
	usesThem := func(name string) bool { return x.sections[name].Get("credential_source") == "Environment" }
	if x.getenv("AWS_ACCESS_KEY_ID") == "" || !x.hasProcess() || slices.ContainsFunc(x.names, usesThem) {
		return
	}
	f := Finding{Severity: Error, Where: "AWS_ACCESS_KEY_ID", What: "an access key is exported",
		Why: "the AWS CLI, boto3 and the Go SDK use it in the place of the profile that AWS_PROFILE names; the process is not run",
		Fix: x.unset("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")}
	if x.getenv("AWS_SECRET_ACCESS_KEY") == "" {
		f.What, f.Why = "half of an access key is exported: AWS_SECRET_ACCESS_KEY is missing", "the AWS CLI and boto3 refuse to go on"
	}
	x.add(f)
}

// environmentWebIdentity finds an exported web identity token, as pods of EKS have it.
func environmentWebIdentity(x *exam) {
	if x.getenv("AWS_WEB_IDENTITY_TOKEN_FILE") == "" || !x.hasProcess() {
		return
	}
	x.add(Finding{Severity: Error, Where: "AWS_WEB_IDENTITY_TOKEN_FILE", What: "a web identity token is exported",
		Why: "the AWS CLI, boto3 and the Go SDK assume AWS_ROLE_ARN with it, in the place of the profile that AWS_PROFILE names; the process is not run",
		Fix: x.unset("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN")})
}

// environmentProfile finds an AWS_PROFILE that leads elsewhere than it should.
func environmentProfile(x *exam) {
	const variable, older = "AWS_PROFILE", "AWS_DEFAULT_PROFILE"
	name, where := x.getenv(variable), variable
	if other := x.getenv(older); name == "" {
		name, where = other, older
	} else if other != "" && other != name {
		x.add(Finding{Severity: Warning, Where: older, What: fmt.Sprintf("%s is %s, and %s is %s", variable, shortened(name), older, shortened(other)),
			Why: "the AWS CLI and boto3 use the latter, other SDKs the former", Fix: x.unset(older)})
	}
	if name == "" || !x.whole {
		return
	}
	_, isThere := x.sections[name]
	wired := x.wiredTo(name)
	exec := x.getenv(credproc.ExecVariable)
	switch {
	case exec != "" && exec != name && (x.hasExecKeys() || x.serves()):
		why := "the AWS CLI, boto3 and the Go SDK use the keys of the one, the JavaScript SDK the other"
		if x.serves() {
			why = "tools use the latter, and not the endpoint of the former"
		}
		x.add(Finding{Severity: Warning, Where: where, What: fmt.Sprintf("this is inside aws-credproc exec %s, and %s names %s", shortened(exec), where, shortened(name)), Why: why, Fix: x.unset(where)})
	case !isThere && name != "default":
		x.add(Finding{Severity: Error, Where: where, What: where + " names the profile " + shortened(name) + ", and there is none",
			Why: "tools that are not told another profile fail", Fix: x.unset(where)})
	case wired != "":
		x.add(Finding{Severity: Warning, Where: where, What: fmt.Sprintf("%s names the role profile %s, and not %s, which starts this helper for it", where, name, wired),
			Why: "tools assume the role themselves then, each process anew, and ask for MFA codes themselves", Fix: x.export(where, wired)})
	case x.Profile != "" && !x.concerned[name]:
		x.add(Finding{Severity: Warning, Where: where, What: fmt.Sprintf("%s names %s, and not %s", where, name, shortened(x.Profile)),
			Why: "tools that are not told --profile use that one", Fix: x.export(where, x.Profile)})
	}
}

// wiredTo gives the profile that is wired to a role profile, if one is.
func (x *exam) wiredTo(role string) string {
	for _, name := range x.files.Names() {
		if to, ok := profiles.Wired(x.sections[name]); ok && to == role {
			return name
		}
	}
	return ""
}
