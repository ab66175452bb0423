// Package signin signs in to IAM Identity Center and out again, and lists the accounts and roles of
// a sign-in. It keeps tokens where the AWS CLI and the SDKs do, so that all of them share one
// sign-in.
package signin

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"aws-credproc/credproc/plan"
	"aws-credproc/internal/printable"
	"aws-credproc/profiles"
)

// Session is what a user signs in to: an [sso-session] section, or the settings of a profile in the
// older form.
type Session struct {
	Name     string // of the section; "" for the older form
	Profile  string // with the settings of the older form; "" for a section
	StartURL string
	Region   string
	Scopes   []string
	file     string // the token file, if neither the name nor the start URL decides it
}

// defaultScope gives access to accounts and roles. The AWS CLI requests it too.
const defaultScope = "sso:account:access"

// FromSection returns the session of an [sso-session] section.
func FromSection(s profiles.Section) (Session, error) {
	session := Session{
		Name: s.Name, StartURL: s.Get("sso_start_url"), Region: s.Get("sso_region"),
		Scopes: []string{defaultScope},
	}
	if list := strings.FieldsFunc(s.Get("sso_registration_scopes"), isSeparator); len(list) > 0 {
		session.Scopes = list
	}
	return session, session.check()
}

func isSeparator(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' }

// FromSource returns the session of a profile in the older form. Its tokens cannot be renewed.
func FromSource(s profiles.Source) (Session, error) {
	session := Session{Profile: s.Profile, StartURL: s.SSOStartURL, Region: s.SSORegion}
	return session, session.check()
}

// check returns what is wrong with the settings. The region becomes part of a host name.
func (s Session) check() error {
	u, err := url.Parse(s.StartURL)
	switch {
	case s.StartURL == "":
		return errors.New("no sso_start_url")
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("sso_start_url is not a URL such as https://example.awsapps.com/start")
	case s.Region == "":
		return errors.New("no sso_region")
	case !plan.IsRegion(s.Region):
		return fmt.Errorf("sso_region: %q is not a region", printable.Clean(s.Region, 40))
	}
	return nil
}

// Key returns the text whose SHA-1 sum is the name of the token file.
func (s Session) Key() string {
	if s.Name != "" {
		return s.Name
	}
	return s.StartURL
}

// String returns the name for messages.
func (s Session) String() string {
	if s.Name != "" {
		return s.Name
	}
	return s.StartURL
}

// Command returns the command that signs in.
func (s Session) Command() string {
	if s.Name != "" || s.Profile == "" {
		return "aws-credproc login --sso-session " + printable.ShellWord(s.Name)
	}
	return "aws-credproc login " + profiles.Argument(s.Profile)
}
