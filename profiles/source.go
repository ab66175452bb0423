package profiles

import (
	"fmt"
	"strings"

	"aws-credproc/internal/diag"
	"aws-credproc/internal/nearest"
)

// settings reads the settings of one profile and checks them.
type settings struct {
	Section
	files *Files
}

func (f *Files) settings(p Section) settings { return settings{p, f} }

// fail returns an error of the profile. Its place is that of the key or, if key is "", that of the
// profile.
func (p settings) fail(key, problem, hint string) *diag.Error {
	e := &diag.Error{Profile: p.Name, Setting: key, Problem: problem, Hint: hint}
	if property, ok := p.Properties[key]; ok {
		e.Where = p.files.Place(property)
	} else {
		e.Where = p.files.sectionPlace(p.Name)
	}
	return e
}

// leafType returns the type of the credentials that a profile has itself, or "" for none. If there
// are several, the order is that of the AWS CLI.
func leafType(p Section, hasKeys bool) SourceType {
	switch {
	case webIdentityKey(p) != "":
		return WebIdentity
	case p.hasAny("sso_account_id", "sso_role_name"):
		return SSO
	case hasKeys && p.Properties["aws_access_key_id"].File == CredentialsFile:
		return Static
	case p.Get("login_session") != "":
		return Login
	case p.Get("credential_process") != "":
		return Process
	case hasKeys:
		return Static
	case p.hasAny("sso_session", "sso_start_url"):
		return SSO
	}
	return ""
}

// source returns the credentials that the profile has itself. Half a key pair is an error if the AWS
// CLI would use it.
func (p settings) source() (Source, error) {
	switch t := leafType(p.Section, p.hasKey()); t {
	case WebIdentity:
		return p.webIdentity()
	case SSO:
		return p.sso()
	case Static:
		if _, err := p.hasKeys(); err != nil {
			return Source{}, err
		}
		return p.static(), nil
	case Login:
		return Source{Type: t, Profile: p.Name, LoginSession: p.Get("login_session")}, nil
	case Process:
		return Source{Type: t, Profile: p.Name, Command: p.command()}, nil
	}
	if p.Get("source_profile") != "" {
		return Source{}, p.failMissing("source_profile", "source_profile without role_arn",
			"add the role_arn to assume, or remove source_profile", "role_arn")
	}
	e := p.failMissing("", "no credentials and no role",
		"add aws_access_key_id and aws_secret_access_key, or role_arn and source_profile",
		credentialNames[:]...)
	if p.Get("granted_sso_start_url") != "" {
		p.pointToTranslation(e, "granted_sso_start_url", "granted")
	}
	return Source{}, e
}

// pointToTranslation changes the hint of an error for a profile whose setting only another program
// reads.
func (p settings) pointToTranslation(e *diag.Error, key, program string) {
	e.Where = p.files.Place(p.Properties[key])
	command := "doctor"
	if _, ok, err := p.files.Translation(p.Name); ok && err == nil {
		if _, isTarget := p.files.wiredBy(p.Name); !isTarget {
			command = "setup"
		}
	}
	e.Hint = "only " + program + " reads " + key + "; aws-credproc " + command + " " +
		Argument(p.Name) + " translates it"
}

// command returns credential_process on one line. In a value of several lines, the AWS CLI splits
// arguments at a line end too; a shell would start another command there.
func (p settings) command() string {
	return strings.ReplaceAll(p.Get("credential_process"), "\n", " ")
}

// hasEmpty reports whether the profile has the key without a value.
func (p settings) hasEmpty(key string) bool {
	property, ok := p.Properties[key]
	return ok && property.Value == ""
}

// credentialSource returns the source that credential_source names.
func (p settings) credentialSource() (Source, error) {
	s := Source{Profile: p.Name}
	switch value := p.Get("credential_source"); value {
	case "Environment":
		s.Type = Environment
	case "EcsContainer":
		s.Type = ECSMetadata
	case "Ec2InstanceMetadata":
		s.Type = EC2Metadata
		s.MetadataEndpoint = p.Get("ec2_metadata_service_endpoint")
		s.MetadataEndpointMode = p.Get("ec2_metadata_service_endpoint_mode")
	default:
		return Source{}, p.fail("credential_source",
			fmt.Sprintf("unknown credential_source %q", shorten(value, 40)),
			hintForValue(value, "use Environment, Ec2InstanceMetadata or EcsContainer"))
	}
	return s, nil
}

// hasKey reports whether the profile has an access key or a half of one.
func (p settings) hasKey() bool { return p.hasAny(keyNames...) }

// hasKeys reports whether the profile has an access key. Half a pair is an error.
func (p settings) hasKeys() (bool, error) {
	id, secret := p.Get("aws_access_key_id") != "", p.Get("aws_secret_access_key") != ""
	switch {
	case id && !secret:
		return false, p.failMissing("aws_access_key_id",
			"aws_access_key_id without aws_secret_access_key",
			"add aws_secret_access_key, or remove this line", "aws_secret_access_key")
	case secret && !id:
		return false, p.failMissing("aws_secret_access_key",
			"aws_secret_access_key without aws_access_key_id",
			"add aws_access_key_id, or remove this line", "aws_access_key_id")
	}
	return id, nil
}

func (p settings) static() Source {
	id, secret := p.Properties["aws_access_key_id"], p.Properties["aws_secret_access_key"]
	token := p.Properties["aws_session_token"]
	if id.File == CredentialsFile && secret.File == CredentialsFile && token.File == ConfigFile {
		// The files merge by key, but a token in the config file does not belong to a pair in the
		// credentials file. The AWS CLI uses the pair without it.
		token.Value = ""
	}
	return Source{
		Type:            Static,
		Profile:         p.Name,
		AccessKeyID:     id.Value,
		SecretAccessKey: Secret(secret.Value),
		SessionToken:    Secret(token.Value),
		AccountID:       p.Get("aws_account_id"),
		Location:        id.File + " file",
	}
}

// webIdentityKey returns the key that names a profile's web identity token, or "".
func webIdentityKey(p Section) string {
	for _, key := range []string{"web_identity_token_file", "web_identity_token_process"} {
		if p.Get(key) != "" {
			return key
		}
	}
	return ""
}

// webIdentity returns the role that is assumed with a web identity token. It is a source, since it
// needs no credentials.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
func (p settings) webIdentity() (Source, error) {
	if p.Get("web_identity_token_file") != "" && p.Get("web_identity_token_process") != "" {
		return Source{}, p.fail("web_identity_token_process",
			"both web_identity_token_file and web_identity_token_process", "remove one of them")
	}
	for _, key := range []string{"source_identity", "session_tags", "transitive_session_tags"} {
		if p.Get(key) != "" {
			return Source{}, p.fail(key,
				key+" is not possible with a web identity token, which carries its own", "remove "+key)
		}
	}
	if err := p.checkARN("role_arn"); err != nil {
		return Source{}, err
	}
	if err := p.checkTexts("role_session_name"); err != nil {
		return Source{}, err
	}
	arns, err := p.policies()
	if err != nil {
		return Source{}, err
	}
	return Source{
		Type:                    WebIdentity,
		Profile:                 p.Name,
		RoleARN:                 p.Get("role_arn"),
		RoleSessionName:         p.Get("role_session_name"),
		WebIdentityTokenFile:    p.Get("web_identity_token_file"),
		WebIdentityTokenProcess: p.Get("web_identity_token_process"),
		Policy:                  p.Get("policy"),
		PolicyARNs:              arns,
	}, nil
}

// sso returns the source of a profile that signs in with IAM Identity Center, by an [sso-session]
// section or by its own settings (the legacy form).
func (p settings) sso() (Source, error) {
	s := Source{
		Type:         SSO,
		Profile:      p.Name,
		SSOAccountID: p.Get("sso_account_id"),
		SSORoleName:  p.Get("sso_role_name"),
		SSORegion:    p.Get("sso_region"),
		SSOStartURL:  p.Get("sso_start_url"),
		SSOSession:   p.Get("sso_session"),
	}
	if s.SSOSession != "" {
		session, err := p.ssoSession()
		if err != nil {
			return Source{}, err
		}
		s.SSORegion, s.SSOStartURL = session.Get("sso_region"), session.Get("sso_start_url")
		if s.SSOAccountID == "" && s.SSORoleName == "" {
			return s, nil
		}
	}
	for _, key := range []string{"sso_account_id", "sso_role_name"} {
		if p.Get(key) == "" {
			return Source{}, p.failMissing("", "SSO profile without "+key,
				"add it; an SSO profile needs sso_account_id and sso_role_name", key)
		}
	}
	if s.SSORegion == "" || s.SSOStartURL == "" {
		return Source{}, p.failMissing("sso_account_id", "SSO profile without sso_session",
			"add sso_session, or sso_region and sso_start_url",
			"sso_session", "sso_region", "sso_start_url")
	}
	return s, nil
}

// ssoSession returns the [sso-session] section that the profile names.
func (p settings) ssoSession() (Section, error) {
	name := p.Get("sso_session")
	session, ok, err := p.files.SSOSession(name)
	if err != nil {
		return Section{}, err
	}
	if !ok {
		return Section{}, p.fail("sso_session",
			fmt.Sprintf("no [sso-session %s] in %s", name, p.files.config.path), p.ssoSessionHint(name))
	}
	for _, key := range []string{"sso_region", "sso_start_url"} {
		if session.Get(key) == "" {
			e := p.fail("sso_session",
				fmt.Sprintf("[sso-session %s] has no %s", name, key), "add it to the section")
			if typed, meant := Mistyped(session, key); typed != "" {
				e.Where = p.files.Place(session.Properties[typed])
				e.Hint = fmt.Sprintf("did you mean %s instead of %s?", meant, typed)
			}
			return Section{}, e
		}
		if own := p.Get(key); own != "" && own != session.Get(key) {
			return Section{}, p.fail(key,
				fmt.Sprintf("%s differs from that of [sso-session %s]", key, name),
				"remove it from the profile")
		}
	}
	return session, nil
}

// ssoSessionHint returns the hint for a missing [sso-session] section.
func (p settings) ssoSessionHint(name string) string {
	if IsQuoted(name) {
		return removeQuotes
	}
	if near := nearest.Name(name, p.files.SSOSessionNames()); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	return "add the section, or correct sso_session"
}

// services returns the [services] section that the profile names.
func (p settings) services() (Section, error) {
	name := p.Get("services")
	if name == "" {
		return Section{}, nil
	}
	s, ok, err := p.files.section(servicesSection, name)
	if err == nil && !ok {
		err = p.fail("services", fmt.Sprintf("no [services %s] in %s", name, p.files.config.path),
			"add the section, or remove services")
	}
	return s, err
}
