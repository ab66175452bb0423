// Package doctor finds problems in a setup: in the shared config files, the environment and the
// stores and, if asked to, with STS.
//
// Each finding says what is wrong, why it matters and how to fix it. No finding contains a secret.
// Nothing is changed, and nothing is sent unless [Options.Online] is set.
package doctor

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"strings"

	"aws-credproc/credproc"
	"aws-credproc/profiles"
)

// Severity is how bad a finding is.
type Severity string

const (
	// Error means that some tool gets no credentials, or other credentials than the config says.
	Error Severity = "error"
	// Warning means that it works, at least here, but should be changed.
	Warning Severity = "warning"
)

// Finding is one problem, as `doctor --json` prints it. Its text may come from the config files and
// contain control characters: strip them before printing to a terminal.
type Finding struct {
	Check    string   `json:"check"` // one of Checks
	Severity Severity `json:"severity"`
	Profile  string   `json:"profile"` // empty if it is about no profile, or about several
	Where    string   `json:"where"`   // file and line, file, or variable; may be empty
	What     string   `json:"what"`
	Why      string   `json:"why"`
	// Fix is how to fix it. Lines that start with two spaces are commands to run or lines to write,
	// without the two spaces.
	Fix string `json:"fix"`
}

// Fact describes a part of the setup that need not be a problem.
type Fact struct{ Name, Text string }

// Report is the result of [Examine].
type Report struct {
	Findings []Finding // errors first, then in the order of the checks; never nil
	Facts    []Fact
}

// Options are what [Examine] looks at.
type Options struct {
	// Profile limits the checks of profiles to those that concern this one; empty means all.
	Profile string
	// Files are the two files, loaded from these paths; nil if that failed.
	Files                       *profiles.Files
	ConfigPath, CredentialsPath string
	// StateDir is the path of the state directory.
	StateDir string
	// Helper is the path of this program, as a config should name it.
	Helper string
	// Executable is the path of the file that is running.
	Executable string
	// Resolver resolves credentials, with the cache and the environment. It may ask the user if its
	// TokenCodes is set.
	Resolver *credproc.Resolver
	// Online allows calls to STS: for the time, the caller identity of each source, and each role.
	Online bool
}

// Examine runs all checks.
func Examine(ctx context.Context, o Options) Report {
	return newExamination(ctx, o).report()
}

// RefusedByCLI returns the findings of faults for which the AWS CLI and boto3 refuse a whole file.
func RefusedByCLI(configPath, credentialsPath string) (found []Finding) {
	x := &examination{sh: shell{runtime.GOOS}, config: &config{
		raw: readRaw(Options{ConfigPath: configPath, CredentialsPath: credentialsPath}),
	}}
	for _, find := range []func(*examination) []Finding{
		fileForm, byteOrderMark, duplicateSection, duplicateKey,
	} {
		for _, f := range find(x) {
			if strings.HasPrefix(f.Why, wholeFile) {
				found = append(found, f)
			}
		}
	}
	return found
}

// report runs all checks on the examination.
func (x *examination) report() Report {
	r := Report{Findings: []Finding{}, Facts: x.facts()}
	for _, c := range checks {
		for _, f := range c.find(x) {
			f.Check = c.name
			concerned := x.opts.Profile == "" || f.Profile == "" || x.config.examined[f.Profile]
			if f = bounded(f); concerned && !slices.Contains(r.Findings, f) {
				r.Findings = append(r.Findings, f)
			}
		}
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Compare(a.Severity, b.Severity) // "error" before "warning"
	})
	return r
}
