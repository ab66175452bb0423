package doctor

import (
	"cmp"
	"fmt"
	"strings"

	"aws-credproc/profiles"
)

// misnamedSection is a section whose header does not name the profile or SSO session that it is
// meant for.
type misnamedSection struct {
	where     string
	severity  Severity
	profile   string // that it is meant for; empty if it is for an SSO session
	session   string
	odd       string // a name that not all tools read
	corrected string // the header as it should be; empty if the name is not valid
	what, why string
}

// misname returns what is wrong with a header in the config or the credentials file, if anything.
func misname(l profiles.RawLine, which string) (m misnamedSection, ok bool) {
	if !l.IsHeader || which == "" {
		return m, false
	}
	m.where, m.severity = l.Where, Error
	switch {
	case l.Profile != "":
		ok = m.isOddName(l) || m.hasExtraSpace(l, which)
	case which == profiles.CredentialsFile:
		ok = m.notInCredentials(l)
	default:
		ok = m.notInConfig(l)
	}
	if m.profile != "" && profiles.IsName(m.profile) {
		m.corrected = "[" + m.profile + "]"
		if which == profiles.ConfigFile && m.profile != "default" {
			m.corrected = "[profile " + m.profile + "]"
		}
	}
	return m, ok
}

// isOddName looks at a header whose name not all tools read.
func (m *misnamedSection) isOddName(l profiles.RawLine) bool {
	isPlain := profiles.IsName(l.Profile)
	switch {
	case isPlain && strings.ContainsAny(l.Header, `"'\\`):
		m.profile = l.Profile
		m.what = fmt.Sprintf("the profile name in [%s] is in quotes", shorten(l.Header))
		m.why = "the AWS CLI and boto3 remove the quotes; other SDKs ignore the section"
	case !isPlain:
		m.what = fmt.Sprintf("some tools do not find the profile of [%s]", shorten(l.Header))
		m.why = "the AWS CLI, boto3 and aws-credproc read the name; the SDK for JavaScript and others do not"
		if strings.ContainsAny(l.Header, `"'\\`) {
			m.why = "the AWS CLI, boto3 and aws-credproc read the name; the SDKs for Go and JavaScript " +
				"and others do not"
		}
		m.severity, m.odd = Warning, l.Profile
	default:
		return false
	}
	return true
}

// hasExtraSpace looks at a header that aws-credproc reads as one of a profile.
func (m *misnamedSection) hasExtraSpace(l profiles.RawLine, which string) bool {
	want := l.Profile
	if which == profiles.ConfigFile && strings.TrimSpace(l.Header) != "default" {
		want = "profile " + l.Profile
	}
	if strings.ReplaceAll(l.Header, "\t", " ") == want {
		return false
	}
	m.profile = l.Profile
	m.what = fmt.Sprintf("extra white space in [%s]", shorten(l.Header))
	m.why = "some tools do not find the profile: the AWS CLI takes white space at the ends as part " +
		"of the name, and JavaScript accepts one space only"
	return true
}

// notInCredentials looks at a header that no tool accepts in the credentials file.
func (m *misnamedSection) notInCredentials(l profiles.RawLine) bool {
	header := strings.TrimSpace(l.Header)
	word, rest, _ := strings.Cut(header, " ")
	rest = strings.TrimSpace(rest)
	switch {
	case header == "DEFAULT":
		return false
	case word == "profile" && profiles.IsName(rest):
		m.profile = rest
		m.what = fmt.Sprintf("the section is [%s], but in the credentials file it must be [%s]",
			shorten(l.Header), rest)
		m.why = "no tool finds the keys in it"
	default:
		m.profile = header
		m.invalidName(l)
	}
	return true
}

// notInConfig looks at a header that tools ignore in the config file, some of them rightly.
func (m *misnamedSection) notInConfig(l profiles.RawLine) bool {
	header := strings.TrimSpace(l.Header)
	word, rest, _ := strings.Cut(header, " ")
	rest = strings.TrimSpace(rest)
	isProfile := strings.EqualFold(word, "profile")
	isSession := strings.EqualFold(strings.ReplaceAll(word, "_", "-"), "sso-session")
	const must = "the section is [%s], but in the config file it must be [%s]"
	switch {
	case header == "DEFAULT" || header == "plugins" || header == "preview": // the AWS CLI's own
		return false
	case strings.EqualFold(header, "default"):
		m.profile = "default"
		m.what = fmt.Sprintf(must, shorten(l.Header), "default")
		m.why = "the SDKs ignore it"
	case profiles.IsName(header):
		m.profile = header
		m.what = fmt.Sprintf(must, shorten(l.Header), "profile "+header)
		m.why = "the SDKs ignore it"
	case isSession && word != "sso-session" && profiles.IsName(rest):
		m.session, m.corrected = rest, "[sso-session "+rest+"]"
		m.what = fmt.Sprintf("the section is [%s], but it must be %s", shorten(l.Header), m.corrected)
		m.why = "no tool finds the SSO session"
	case isProfile && profiles.IsName(rest):
		m.profile = rest
		m.what = fmt.Sprintf("the section is [%s], but 'profile' must be in lower case",
			shorten(l.Header))
		m.why = "the SDKs ignore it"
	case isProfile:
		m.profile = rest
		m.invalidName(l)
	default:
		return false
	}
	return true
}

func (m *misnamedSection) invalidName(l profiles.RawLine) {
	m.what = fmt.Sprintf("[%s] is not a valid profile name", shorten(l.Header))
	m.why = "most SDKs ignore the section"
}

// isMisnamed reports whether there is a misnamed section at a place.
func (c *config) isMisnamed(where string) bool {
	for _, m := range c.misnamed {
		if m.where == where {
			return true
		}
	}
	return false
}

// isMisnamedProfile reports whether a section is meant to be a profile of this name.
func (c *config) isMisnamedProfile(name string) bool {
	for _, m := range c.misnamed {
		if m.profile == name && name != "" {
			return true
		}
	}
	return false
}

// isMisnamedSession reports whether a section is meant to be an SSO session of this name.
func (c *config) isMisnamedSession(name string) bool {
	for _, m := range c.misnamed {
		if m.session == name && name != "" {
			return true
		}
	}
	return false
}

// sectionName finds headers that do not name the profile or SSO session that they are meant for.
func sectionName(x *examination) (found []Finding) {
	for _, m := range x.config.misnamed {
		fix := "rename the profile, here and wherever it is used; " +
			"a name can contain letters, digits and _-/.%@:+"
		if m.corrected != "" {
			fix = write("change the line to", m.corrected)
		}
		found = append(found, Finding{Severity: m.severity, Profile: cmp.Or(m.profile, m.odd), Where: m.where,
			What: m.what, Why: m.why, Fix: fix})
	}
	return found
}

// defaultSection finds [DEFAULT], which has a meaning for Python's parser but not for AWS.
func defaultSection(x *examination) (found []Finding) {
	for _, r := range x.config.raw {
		for _, l := range r.headerLines() {
			if l.Header == "DEFAULT" {
				found = append(found, Finding{
					Severity: Error, Where: l.Where,
					What: "the section is named [DEFAULT]",
					Why: "the AWS CLI and boto3 copy its settings, and keys, into every profile of " +
						"the file; other SDKs ignore it",
					Fix: write("move its settings to the profiles that need them; "+
						"or, if the default profile is meant, change the line to", "[default]"),
				})
			}
		}
	}
	return found
}
