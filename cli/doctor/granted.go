package doctor

import (
	"os/exec"
	"strings"

	"aws-credproc/profiles"
)

// grantedSSO finds profiles whose IAM Identity Center settings only granted reads, and that have no
// other credentials: the command that granted has written is missing, or its program is.
func grantedSSO(x *examination) (found []Finding) {
	for _, name := range x.config.names {
		p := x.config.sections[name]
		lines := grantedSettings(p)
		if len(lines) == 0 || !x.needsGranted(p) {
			continue
		}
		f := Finding{
			Severity: Error, Profile: name, Where: x.config.place(p, "granted_sso_start_url"),
			What: "granted_sso_start_url and the like are settings of granted",
			Why: "the AWS CLI, the SDKs and aws-credproc do not read them, so the profile has no " +
				"credentials",
			Fix: write("replace the lines that start with granted_ with", lines...),
		}
		if p.Get("credential_process") != "" {
			f.Why = "only granted reads them, and the program of credential_process is not found"
			f.Fix = write("replace the line credential_process and those that start with granted_ with",
				lines...)
		}
		f.Fix += x.orSetup(name)
		found = append(found, f)
	}
	return found
}

// grantedSettings returns the lines that have the same meaning for other tools.
func grantedSettings(p profiles.Section) (lines []string) {
	for _, s := range profiles.GrantedSettings(p) {
		lines = append(lines, s.Key+" = "+profiles.ShownValue(s.Key, s.Value))
	}
	return lines
}

// needsGranted reports whether a profile has no credentials without granted's settings.
func (x *examination) needsGranted(p profiles.Section) bool {
	words, ours := profiles.ProcessWords(p)
	switch {
	case len(words) == 0:
		return profiles.Kind(p) == profiles.KindNone
	case ours || !strings.Contains(words[0], "granted"):
		return false
	}
	_, err := exec.LookPath(words[0])
	return err != nil
}

// orSetup returns the end of a fix: the command that makes the change, if there is one.
func (x *examination) orSetup(name string) string {
	if !x.isTranslated(name) {
		return ""
	}
	return "\nor " + run("aws-credproc setup "+profiles.Argument(name))
}

// isTranslated reports whether setup translates a profile of another program.
func (x *examination) isTranslated(name string) bool {
	_, ok, err := x.config.files.Translation(name)
	return ok && err == nil && x.config.wiredTo(name) == "" // setup refuses the target of a wired one
}
