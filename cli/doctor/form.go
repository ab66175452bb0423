package doctor

import (
	"cmp"
	"errors"
	"os"
	"slices"
	"strings"

	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// What the tools do with malformed files was measured with botocore 1.44, aws-sdk-go-v2 config 1.33
// and the AWS SDK for JavaScript v3.

// setupSSO creates the profiles of an SSO session, and signs in.
const setupSSO = "aws-credproc setup --sso-session corp --sso-start-url URL --sso-region REGION"

// noConfig finds that there are no profiles, because the files do not exist or have no settings.
func noConfig(x *examination) []Finding {
	if !x.config.isEmpty() {
		return nil
	}
	f := Finding{
		Severity: Error,
		What:     "no profiles: " + x.config.emptyFiles(),
		Why:      "the AWS CLI, the SDKs and aws-credproc read accounts and roles from these files",
		Fix: write("create a profile for each account and role of IAM Identity Center", setupSSO) + "\n" +
			write("or store an access key, and create a profile for a role that it can assume",
				"aws configure --profile base",
				"aws-credproc setup dev --source-profile base --role-arn ROLE_ARN"),
	}
	if err := profiles.CheckHome(x.opts.ConfigPath, x.opts.CredentialsPath); err != nil {
		f.What, f.Fix = cause(err), diag.Hint(err)
	}
	return []Finding{f}
}

// isEmpty reports whether the files can be read and have no settings.
func (c *config) isEmpty() bool {
	for _, r := range c.raw {
		if r.err != nil || len(r.Lines) > 0 {
			return false
		}
	}
	return true
}

// emptyFiles describes the files of a config that is empty.
func (c *config) emptyFiles() string {
	var missing, empty []string
	for _, r := range c.raw {
		switch {
		case r.found:
			empty = append(empty, r.Path)
		case !slices.Contains(missing, r.Path):
			missing = append(missing, r.Path)
		}
	}
	var parts []string
	if len(missing) > 0 {
		parts = append(parts, join(missing)+" not found")
	}
	if len(empty) > 0 {
		parts = append(parts, "no settings in "+join(empty))
	}
	return strings.Join(parts, ", ")
}

// fileForm finds files that cannot be read, and lines that cannot be parsed.
func fileForm(x *examination) (found []Finding) {
	for _, r := range x.config.raw {
		at := map[string]bool{}
		add := func(err error, why, fix string) {
			if e := (*diag.Error)(nil); errors.As(err, &e) {
				at[e.Where] = true
				found = append(found, Finding{
					Severity: Error, Where: e.Where, What: e.What(),
					Why: why,
					Fix: cmp.Or(e.Hint, fix),
				})
			}
		}
		add(r.err, r.whyUnreadable(),
			"replace it with a UTF-8 text file that you can read, or remove it")
		found = append(found, r.conflictFindings()...)
		for _, l := range r.Lines {
			if r.isOutsideConflict(l) {
				add(l.Err, faultyLine, "correct the line, or comment it out with a # at its start")
			}
		}
		if r.NotUTF8 != "" && !at[r.NotUTF8] {
			found = append(found, Finding{
				Severity: Error, Where: r.NotUTF8,
				What: "the line is not valid UTF-8",
				Why:  wholeFile + ", even if the line is a comment",
				Fix:  "save the file as UTF-8",
			})
		}
	}
	return found
}

// wholeFile is why a fault matters that the parser of the AWS CLI and boto3 does not accept.
const wholeFile = "the AWS CLI and boto3 refuse the whole file, with every profile in it"

const (
	faultyLine = wholeFile + "; the SDKs for Go and JavaScript skip the line; " +
		"aws-credproc refuses the profiles that use this section"
	otherSDKsMerge = "; aws-credproc and the SDKs for Go and JavaScript merge the two"
)

// whyUnreadable returns what the tools do with a file that aws-credproc cannot read.
func (r *rawFile) whyUnreadable() string {
	info, err := os.Stat(r.Path)
	switch {
	case err == nil && info.Size() > profiles.MaxFileSize:
		return "aws-credproc refuses it, with every profile in it; the AWS CLI, boto3 and the SDKs " +
			"for Go and JavaScript read it, slowly"
	case err == nil && info.IsDir():
		return "the AWS CLI, boto3 and the SDK for JavaScript find no profile in it; " +
			"the Go SDK and aws-credproc refuse it"
	case err == nil && info.Mode().IsRegular() && isReadable(r.Path): // it has NUL bytes
		return wholeFile + ", and so does aws-credproc; in UTF-16, the SDKs for Go and JavaScript " +
			"find no profile in it"
	}
	return "no tool reads the profiles in it"
}

func isReadable(path string) bool {
	f, err := os.Open(path)
	if err == nil {
		_ = f.Close()
	}
	return err == nil
}

// byteOrderMark finds the mark that some editors on Windows write at the start of a file.
func byteOrderMark(x *examination) (found []Finding) {
	for _, r := range x.config.raw {
		if !r.ByteOrderMark {
			continue
		}
		fix := run(`perl -i -pe 's/^\xEF\xBB\xBF// if $. == 1' ` + x.sh.quote(r.Path))
		if x.sh.goos == "windows" {
			fix = "save the file in your editor as UTF-8 without a byte order mark (BOM)"
		}
		found = append(found, Finding{
			Severity: Error, Where: r.Path + ":1",
			What: "the file starts with a byte order mark (BOM)",
			Why:  wholeFile + ", and the Go SDK ignores its first section",
			Fix:  fix,
		})
	}
	return found
}
