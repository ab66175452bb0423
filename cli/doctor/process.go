package doctor

import (
	"path/filepath"
	"slices"
	"strings"

	"aws-credproc/profiles"
)

// process is a profile that has a credential_process.
type process struct {
	profiles.Section
	command string
	words   []string
	ours    bool   // the command runs aws-credproc
	gets    string // the profile that it gets: aws-credproc get PROFILE; else empty
	odd     quirk
}

func newProcess(p profiles.Section, goos string) (process, bool) {
	property, ok := p.Properties["credential_process"]
	if !ok || strings.TrimSpace(property.Value) == "" {
		return process{}, false
	}
	pr := process{Section: p, command: property.Value, odd: quoting(property.Value, goos)}
	pr.words, pr.ours = profiles.ProcessWords(p)
	// Ignore the other settings of the profile: with them, Wired may not recognize the command.
	alone := map[string]profiles.Property{"credential_process": property}
	pr.gets, _ = profiles.Wired(profiles.Section{Properties: alone})
	return pr, len(pr.words) > 0
}

// hasProcess reports whether a profile has a credential_process.
func (c *config) hasProcess(name string) bool {
	_, ok := newProcess(c.sections[name], "")
	return ok
}

// processFinding returns a finding about the command of a profile.
func (x *examination) processFinding(p process, s Severity, what, why, fix string) Finding {
	where := x.config.place(p.Section, "credential_process")
	return Finding{Severity: s, Profile: p.Name, Where: where, What: what, Why: why, Fix: fix}
}

// ourLine returns the credential_process line of p with the full path of aws-credproc. It uses the
// name of the program if SDKs cannot run that path.
func (x *examination) ourLine(p process) string {
	command, err := profiles.CommandWith(p.command, x.opts.Helper, x.sh.goos)
	if err != nil { // the line or the path is unusual: leave out other arguments
		command, err = profiles.ProcessCommand(x.opts.Helper, p.gets, x.sh.goos)
	}
	if err != nil {
		command = "aws-credproc get " + profiles.Argument(p.gets)
	}
	return "credential_process = " + command
}

// awsWords returns the words of a command that runs the AWS CLI, directly or as `sh -c "aws ..."`;
// nil for any other. For other programs, such as granted or saml2aws, --profile may mean something
// else.
func awsWords(p profiles.Section) []string {
	words, _ := profiles.ProcessWords(p)
	shells := []string{"sh", "bash", "dash", "zsh"}
	if len(words) == 3 && words[1] == "-c" && slices.Contains(shells, filepath.Base(words[0])) {
		script := words[2]
		if i := strings.IndexAny(script, ";&|<>\n"); i >= 0 {
			script = script[:i]
		}
		words = profiles.CommandWords(script)
	}
	if len(words) == 0 {
		return nil
	}
	program := strings.ToLower(filepath.Base(strings.ReplaceAll(words[0], `\`, "/")))
	if program = strings.TrimSuffix(program, ".exe"); program != "aws" && program != "aws2" {
		return nil
	}
	return words
}

// profileOption returns the profile that a command tells the AWS CLI to use: --profile NAME.
func profileOption(p profiles.Section) string {
	words := awsWords(p)
	for i, w := range words {
		if name, ok := strings.CutPrefix(w, "--profile="); ok {
			return name
		}
		if w == "--profile" && i+1 < len(words) {
			return words[i+1]
		}
	}
	return ""
}

// processProfile finds commands that name a profile that does not exist.
func processProfile(x *examination) (found []Finding) {
	if !x.config.complete {
		return nil
	}
	for _, p := range x.config.processes {
		name := p.gets
		if name == "" {
			name = profileOption(p.Section)
		}
		if _, ok := x.config.sections[name]; ok || name == "" || x.config.isMisnamedProfile(name) {
			continue
		}
		found = append(found, x.processFinding(p, Error,
			"the command names the profile "+shorten(name)+", which does not exist",
			"it returns no credentials",
			write("name a profile that exists; to list them, run", "aws-credproc list")))
	}
	return found
}

// processUsage finds commands that run aws-credproc, but not as `aws-credproc get PROFILE`.
func processUsage(x *examination) (found []Finding) {
	for _, p := range x.config.processes {
		if flag := unknownFlag(p.words); p.ours && p.gets != "" && flag != "" {
			found = append(found, x.processFinding(p, Error,
				"aws-credproc get has no flag "+shorten(flag),
				"the command fails with a usage error",
				write("remove the flag; to list the flags, run", "aws-credproc get --help")))
		}
		if p.ours && p.gets == "" && p.odd.what == "" {
			found = append(found, x.processFinding(p, Error,
				"the command runs aws-credproc, but not as 'aws-credproc get PROFILE'",
				"it does not print credentials in the credential_process format",
				write("name the profile that holds the role",
					"credential_process = "+x.opts.Helper+" get NAME")))
		}
	}
	return found
}

// unknownFlag returns the first flag in an aws-credproc command that get does not have, or "".
func unknownFlag(words []string) string {
	for i := 1; i < len(words) && words[i] != "--"; i++ {
		switch name, _, hasValue := strings.Cut(words[i], "="); {
		case !strings.HasPrefix(name, "-") || name == "-" || name == "--verbose":
		case !slices.Contains(profiles.FlagsWithValue, name):
			return name
		case !hasValue:
			i++ // the next word is its value
		}
	}
	return ""
}
