package doctor

import (
	"fmt"
	"slices"

	"aws-credproc/profiles"
)

// roleAndProcess finds role settings and a credential_process in the same profile.
func roleAndProcess(x *examination) (found []Finding) {
	for _, p := range x.config.mixed {
		key := "role_arn"
		if p.Get(key) == "" {
			key = "source_profile"
		}
		found = append(found, x.processFinding(p, Error,
			key+" and credential_process are in the same profile", readingsOfMixed(p), x.splitFix(p)))
	}
	return found
}

// readingsOfMixed describes what each tool does with a profile that has both.
func readingsOfMixed(p process) string {
	switch {
	case p.Get("role_arn") == "":
		return "the AWS CLI, JavaScript and Rust run the process; Go refuses the profile"
	case p.Get("source_profile") != "":
		return "the AWS CLI, JavaScript and Rust assume the role and ignore the process; " +
			"Go refuses the profile"
	case p.Get("credential_source") != "":
		return "the AWS CLI assumes the role and ignores the process; JavaScript runs the process " +
			"if the credential_source has no credentials; Go refuses the profile"
	}
	return "the AWS CLI and Rust refuse the profile; Go assumes the role with the credentials of " +
		"the process; JavaScript runs the process and ignores the role"
}

// splitFix returns how to separate the role from the process.
func (x *examination) splitFix(p process) string {
	target := x.config.sections[p.gets]
	switch {
	case x.isTranslated(p.Name):
		return run("aws-credproc setup " + profiles.Argument(p.Name))
	case p.Get("role_arn") == "":
		return "remove the line source_profile"
	case p.ours && p.gets != p.Name && target.Get("role_arn") != "":
		return x.moveFix(p, target)
	case p.ours || p.Get("source_profile") != "" || p.Get("credential_source") != "":
		if x.config.wiredTo(p.Name) != "" { // setup refuses the target of a wired profile
			return "remove the line credential_process"
		}
		return "remove the line credential_process, then " +
			run("aws-credproc setup "+profiles.Argument(p.Name))
	}
	if name := x.config.wiredTo(p.Name); slices.Contains(p.words[1:], p.Name) ||
		name != "" && slices.Contains(p.words[1:], name) {
		// The command assumes the role itself, as aws-vault does.
		fix := "remove the line credential_process, and name the profile that has the credentials " +
			"for the role with source_profile"
		if name == "" {
			fix += "; then " + run("aws-credproc setup "+profiles.Argument(p.Name))
		}
		return fix
	}
	source := p.Name + "-source"
	return write("move the line credential_process to a profile of its own, such as [profile "+
		source+"], and replace it here with", "source_profile = "+source)
}

// roleSettings are the settings of a role that `aws configure set` is used for.
var roleSettings = [...]string{
	"role_arn", "source_profile", "credential_source", "external_id", "mfa_serial",
	"role_session_name", "duration_seconds",
}

// moveFix returns how to remove the role settings of a profile whose process gets the role of a target.
// Values that differ from the target's are probably newer, such as those of `aws configure set`.
func (x *examination) moveFix(p process, target profiles.Section) string {
	var commands []string
	for _, key := range roleSettings {
		if value := p.Get(key); value != "" && value != target.Get(key) {
			commands = append(commands, "aws configure set "+key+" "+x.sh.quote(value)+" --profile "+
				x.sh.quote(target.Name))
		}
	}
	if commands == nil {
		return fmt.Sprintf("remove the role settings here; tools use those of [profile %s]", target.Name)
	}
	return write("the values here differ from those of [profile "+target.Name+"], which tools use. "+
		"If these are the newer ones, set them there", commands...) +
		"\nthen remove the role settings here"
}

// shadowedProcess finds other credentials next to a credential_process, which some or all tools
// prefer.
func shadowedProcess(x *examination) (found []Finding) {
	for _, p := range x.config.processes {
		var key, why, fix string
		switch keys := p.Properties["aws_access_key_id"]; {
		case keys.Value != "" && keys.File == profiles.CredentialsFile:
			key = "aws_access_key_id"
			why = "all tools except those built with the Rust SDK use the key, not the process"
			fix = fmt.Sprintf("rename the section with the key, for example to [%s-keys], and change "+
				"each source_profile that means the key; or remove the key", p.Name)
		case keys.Value != "":
			key = "aws_access_key_id"
			why = "the Go and JavaScript SDKs use the key; the AWS CLI runs the process"
			fix = "remove aws_access_key_id, aws_secret_access_key and aws_session_token"
		case p.Get("sso_account_id") != "" || p.Get("sso_role_name") != "":
			key = "sso_account_id"
			why = "the AWS CLI and the Go SDK use IAM Identity Center; JavaScript runs the process"
			fix = "remove the lines that start with sso_, or the line credential_process"
		case p.Get("login_session") != "":
			key = "login_session"
			why = "the AWS CLI and the Go SDK use the console sign-in; JavaScript runs the process"
			fix = "remove the line login_session, or the line credential_process"
		default:
			continue
		}
		found = append(found, Finding{
			Severity: Error, Profile: p.Name, Where: x.config.place(p.Section, key),
			What: key + " and credential_process are in the same profile", Why: why, Fix: fix,
		})
	}
	return found
}
