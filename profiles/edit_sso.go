package profiles

import (
	"strings"

	"aws-credproc/internal/diag"
)

// AddSSOSession adds an [sso-session] section at the end of the config file.
func (e *Editor) AddSSOSession(name string, settings ...Setting) error {
	header := "sso-session " + name
	if quoted, ok := sectionName(name); !ok || quoted != name {
		header = "sso-session '" + name + "'"
	}
	if kind, parsed := parseHeader(ConfigFile, header); kind != ssoSessionSection || parsed != name ||
		strings.ContainsAny(name, "]\r\n\x00") {
		return &diag.Error{
			Profile: "sso-session " + name, Problem: "invalid name of an SSO session",
			Hint: "use letters, digits, - and _",
		}
	}
	lines := []string{"[" + header + "]"}
	for _, s := range settings {
		if err := checkSetting("sso-session "+name, s.Key, s.Value); err != nil {
			return err
		}
		lines = append(lines, s.Key+" = "+s.Value)
	}
	return e.spliceSections(ConfigFile, 1, e.now.config.appendSection(lines))
}
