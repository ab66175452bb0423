package profiles

import (
	"aws-credproc/internal/diag"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Chain is what a profile stands for: the source of the first credentials, and the roles assumed from there on.
type Chain struct {
	// Profile is the selected profile. Where the one asked for is wired to this helper, it is the profile that it is
	// wired to. Its settings, not those of the source, say which region and endpoint of STS are used.
	Profile Section
	// Services is the section that the selected profile's `services` names.
	Services Section
	Source   Source
	Hops     []Hop // the first is made with the source's credentials, each further one with those of the one before
	MFA      MFA   // of the first hop's profile; where there is no hop, of the selected profile
	// ConfigPath and CredentialsPath are the files that the chain was read from.
	ConfigPath, CredentialsPath string
}

// SourceType says where a chain's first credentials come from. Its values stand in the output of `explain --json`.
type SourceType string

const (
	Static      SourceType = "static"
	Environment SourceType = "environment"
	EC2Metadata SourceType = "ec2_instance_metadata"
	ECSMetadata SourceType = "ecs_container"
	WebIdentity SourceType = "web_identity"
	SSO         SourceType = "sso"
	Login       SourceType = "login"
	Process     SourceType = "process"
	Keyring     SourceType = "keyring" // long-term keys that were imported into the operating system's keyring
)

// Source is where a chain's first credentials come from. Which fields are set depends on the type.
type Source struct {
	Type    SourceType
	Profile string // in which it is written

	// Static. A source of type Keyring has the access key ID and the account.
	AccessKeyID     string
	SecretAccessKey Secret
	SessionToken    Secret
	AccountID       string
	Location        string // "credentials file" or "config file"

	// Process.
	Command string

	// WebIdentity: the token comes from the file or from the command, and RoleARN is assumed with it.
	RoleARN                 string
	WebIdentityTokenFile    string
	WebIdentityTokenProcess string
	RoleSessionName         string
	Policy                  string   // as in Hop
	PolicyARNs              []string // as in Hop

	// EC2Metadata: what the profile says of the instance metadata service.
	MetadataEndpoint, MetadataEndpointMode string

	// SSO.
	SSOAccountID, SSORoleName, SSORegion, SSOStartURL, SSOSession string

	// Login.
	LoginSession string
}

// RunsCommand reports whether obtaining the credentials starts a command that the config names. Such a command may lead
// back to this helper.
func (s Source) RunsCommand() bool { return s.Type == Process || s.WebIdentityTokenProcess != "" }

// IsTemporary reports whether the credentials may expire, so that they are worth caching and a session of theirs ends.
func (s Source) IsTemporary() bool {
	return s.Type != Static && s.Type != Environment && s.Type != Keyring
}

// Hop is one AssumeRole call.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
type Hop struct {
	Profile         string // in which it is written
	RoleARN         string
	RoleSessionName string        // "" for the default
	ExternalID      string        // "" for none
	Duration        time.Duration // 0 for what STS does when told nothing, an hour
	MFASerial       string        // "" for none

	SourceIdentity    string   // "" for none
	SessionTags       []Tag    // in the order in which they are written
	TransitiveTagKeys []string // keys of SessionTags
	// Policy bounds the session: the JSON itself, or file://PATH, see [PolicyFile]. "" for none.
	Policy     string
	PolicyARNs []string // managed policies that bound the session
}

// MFA is what a profile says of the MFA device of the user whose keys the chain starts with.
type MFA struct {
	Serial  string // the device's ARN, or what is printed on it; "" for none
	Process string // a command that prints a code, from mfa_process; "" for none
	// Session is the lifetime of the session that a code is turned into, by GetSessionToken, so that it serves every
	// role of the user. 0: there is to be none, and the code goes to AssumeRole itself.
	Session time.Duration
}

// Tag is a session tag.
type Tag struct{ Key, Value string }

// Chain resolves a profile. It is pure: it looks at the two files only, and at what f.Imported tells.
func (f *Files) Chain(name string) (Chain, error) {
	r := resolver{files: f, selected: name}
	c, err := r.chain(name, true)
	var e *diag.Error
	if errors.As(err, &e) && e.Profile != name {
		if e.Profile != "" {
			e.Problem = "profile " + e.Profile + ": " + e.Problem
			e.Origin = e.Profile
		}
		e.Profile = name
	}
	return c, err
}

// maxDepth bounds a chain. Each link is a call of STS that somebody waits for.
const maxDepth = 100

// resolver follows a profile to its source.
type resolver struct {
	files    *Files
	selected string
	path     []string // the profiles on the way, to find cycles
}

func (r *resolver) chain(name string, selected bool) (Chain, error) {
	if i := slices.Index(r.path, name); i >= 0 {
		path := append(r.path, name)
		hint := "let one of them name a source_profile that has credentials"
		if i == len(r.path)-1 {
			hint += "; if its keys were imported, aws-credproc import " + Argument(name) + " finds them"
		}
		return Chain{}, &diag.Error{Problem: "its source profiles go round in a circle: " + strings.Join(path, " -> "), Hint: hint, Err: Cycle(path[i:])}
	}
	if len(r.path) == maxDepth {
		return Chain{}, &diag.Error{Problem: fmt.Sprintf("its chain of source profiles is longer than %d", maxDepth), Hint: "shorten it"}
	}
	r.path = append(r.path, name)
	p, err := r.profile(name)
	if err != nil {
		return Chain{}, err
	}
	var c Chain
	wiredTo, wired := Wired(p)
	id, imported := r.files.imported(p)
	switch {
	case imported:
		c.Source = Source{Type: Keyring, Profile: p.Name, AccessKeyID: id, AccountID: p.Get("aws_account_id")}
	case wired:
		return r.chain(wiredTo, selected)
	default:
		c, err = r.resolve(p, selected)
	}
	if err != nil || !selected {
		return c, err
	}
	if len(c.Hops) == 0 && (c.Source.Type == Static || c.Source.Type == Keyring) {
		if c.MFA, err = r.mfa(p, p); err != nil {
			return Chain{}, err
		}
	}
	c.Profile = p
	c.ConfigPath, c.CredentialsPath = r.files.config.path, r.files.credentials.path
	c.Services, err = r.services(p)
	return c, err
}

// profile gives a profile that a chain leads to.
func (r *resolver) profile(name string) (Section, error) {
	p, err := r.files.Profile(name)
	var e *diag.Error
	if len(r.path) > 1 && errors.As(err, &e) && e.Err == ErrNoProfile {
		e.Profile = r.path[len(r.path)-2]
		e.Problem = fmt.Sprintf("it leads to the profile %s, but %s", name, e.Problem)
		e.Err = ErrNoSource // the profile that was asked for is there
	}
	return p, err
}

func (r *resolver) resolve(p Section, selected bool) (Chain, error) {
	hasKeys, err := r.hasKeys(p)
	if err != nil {
		return Chain{}, err
	}
	_, hasRole := p.Properties["role_arn"]
	switch {
	case !hasRole && webIdentityKey(p) != "":
		key := webIdentityKey(p)
		return Chain{}, r.fail(p, key, "it has a "+key+" but no role_arn", "add the role_arn that the token is for")
	case hasRole && webIdentityKey(p) == "" && (selected || !hasKeys):
		// Static keys end a chain: the role of an intermediate profile that has them is not assumed. The selected
		// profile's own role is.
		return r.role(p, hasKeys)
	}
	return r.leaf(p, hasKeys)
}

// leaf resolves a profile to credentials of its own.
func (r *resolver) leaf(p Section, hasKeys bool) (Chain, error) {
	switch t := leafType(p, hasKeys); t {
	case WebIdentity:
		return r.webIdentity(p)
	case SSO:
		return r.sso(p)
	case Static:
		return Chain{Source: r.static(p)}, nil
	case Login:
		return Chain{Source: Source{Type: t, Profile: p.Name, LoginSession: p.Get("login_session")}}, nil
	case Process:
		return Chain{Source: Source{Type: t, Profile: p.Name, Command: p.Get("credential_process")}}, nil
	}
	if p.Get("source_profile") != "" {
		return Chain{}, r.fail(p, "source_profile", "it has a source_profile but no role_arn", "add the role_arn to assume, or remove source_profile")
	}
	return Chain{}, r.fail(p, "", "it holds no credentials and no role", "give it aws_access_key_id and aws_secret_access_key, or role_arn and source_profile")
}

// leafType says which credentials of its own a profile has, "" for none. Where it has several kinds of them, the order
// is the AWS CLI's.
func leafType(p Section, hasKeys bool) SourceType {
	switch {
	case webIdentityKey(p) != "":
		return WebIdentity
	case hasAny(p, "sso_account_id", "sso_role_name"):
		return SSO
	case hasKeys && p.Properties["aws_access_key_id"].File == "credentials":
		return Static
	case p.Get("login_session") != "":
		return Login
	case p.Get("credential_process") != "":
		return Process
	case hasKeys:
		return Static
	case hasAny(p, "sso_session", "sso_start_url"):
		return SSO
	}
	return ""
}

// role resolves a profile that has a role_arn.
func (r *resolver) role(p Section, hasKeys bool) (Chain, error) {
	hop, err := r.hop(p)
	if err != nil {
		return Chain{}, err
	}
	source, credentialSource := p.Get("source_profile"), p.Get("credential_source")
	var c Chain
	switch {
	case source != "" && credentialSource != "":
		return Chain{}, r.fail(p, "credential_source", "it has both source_profile and credential_source", "keep one of them")
	case credentialSource != "":
		if c.Source, err = r.credentialSource(p, credentialSource); err != nil {
			return Chain{}, err
		}
	case source == "":
		e := r.fail(p, "role_arn", "it has a role_arn but nothing to assume it with", "add source_profile = NAME (or credential_source)")
		e.Err = ErrNoSource
		return Chain{}, e
	case source == p.Name && hasKeys:
		if c, err = r.leaf(p, hasKeys); err != nil {
			return Chain{}, err
		}
	default:
		if c, err = r.chain(source, false); err != nil {
			var e *diag.Error
			if errors.As(err, &e) && e.Where == "" {
				e.Where = r.files.where(p.Properties["source_profile"])
			}
			return Chain{}, err
		}
	}
	chained := len(c.Hops) > 0 || c.Source.Type == WebIdentity
	if chained && hop.Duration > maxChainedDuration {
		return Chain{}, r.fail(p, "duration_seconds", fmt.Sprintf("duration_seconds is %d, but AWS allows a role that is assumed by another role an hour at most", int(hop.Duration.Seconds())),
			"set duration_seconds = 3600 or less, or remove it")
	}
	if len(c.Hops) == 0 {
		base := p
		if credentialSource == "" {
			if base, err = r.files.Profile(c.Source.Profile); err != nil {
				return Chain{}, err
			}
		}
		if c.MFA, err = r.mfa(p, base); err != nil {
			return Chain{}, err
		}
	}
	c.Hops = append(c.Hops, hop)
	return c, nil
}

func (r *resolver) credentialSource(p Section, value string) (Source, error) {
	types := map[string]SourceType{"Environment": Environment, "Ec2InstanceMetadata": EC2Metadata, "EcsContainer": ECSMetadata}
	t, ok := types[value]
	if !ok {
		return Source{}, r.fail(p, "credential_source", fmt.Sprintf("credential_source is %q, which is none of those there are", shorten(value, 40)),
			"write Environment, Ec2InstanceMetadata or EcsContainer")
	}
	s := Source{Type: t, Profile: p.Name}
	if t == EC2Metadata {
		s.MetadataEndpoint, s.MetadataEndpointMode = p.Get("ec2_metadata_service_endpoint"), p.Get("ec2_metadata_service_endpoint_mode")
	}
	return s, nil
}

// hasKeys reports whether a profile has an access key. Half of one is an error.
func (r *resolver) hasKeys(p Section) (bool, error) {
	id, secret := p.Get("aws_access_key_id") != "", p.Get("aws_secret_access_key") != ""
	switch {
	case id && !secret:
		return false, r.fail(p, "aws_access_key_id", "it has aws_access_key_id but no aws_secret_access_key", "add the other half, or remove this one")
	case secret && !id:
		return false, r.fail(p, "aws_secret_access_key", "it has aws_secret_access_key but no aws_access_key_id", "add the other half, or remove this one")
	}
	return id, nil
}

func (r *resolver) static(p Section) Source {
	id, secret, token := p.Properties["aws_access_key_id"], p.Properties["aws_secret_access_key"], p.Properties["aws_session_token"]
	if id.File == "credentials" && secret.File == "credentials" && token.File == "config" {
		// The files merge key by key, but the token of a session is none of a key's in the other file. The AWS CLI takes
		// the pair without it.
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

// webIdentityKey gives the key by which a profile names its web identity token, or "".
func webIdentityKey(p Section) string {
	for _, key := range []string{"web_identity_token_file", "web_identity_token_process"} {
		if p.Get(key) != "" {
			return key
		}
	}
	return ""
}

// webIdentity resolves a profile whose role is assumed with a token. It is a source, since it needs no credentials.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
func (r *resolver) webIdentity(p Section) (Chain, error) {
	if p.Get("web_identity_token_file") != "" && p.Get("web_identity_token_process") != "" {
		return Chain{}, r.fail(p, "web_identity_token_process", "it has both web_identity_token_file and web_identity_token_process", "keep one of them")
	}
	for _, key := range []string{"source_identity", "session_tags", "transitive_session_tags"} {
		if p.Get(key) != "" {
			return Chain{}, r.fail(p, key, "it has "+key+", which a role that is assumed with a web identity token takes from the token", "remove it, and let the token carry it")
		}
	}
	if err := r.checkARN(p, "role_arn"); err != nil {
		return Chain{}, err
	}
	if err := r.checkTexts(p, "role_session_name"); err != nil {
		return Chain{}, err
	}
	arns, err := r.policies(p)
	if err != nil {
		return Chain{}, err
	}
	return Chain{Source: Source{
		Type: WebIdentity, Profile: p.Name, RoleARN: p.Get("role_arn"), RoleSessionName: p.Get("role_session_name"),
		WebIdentityTokenFile: p.Get("web_identity_token_file"), WebIdentityTokenProcess: p.Get("web_identity_token_process"),
		Policy: p.Get("policy"), PolicyARNs: arns,
	}}, nil
}

// sso resolves a profile that signs in through IAM Identity Center, by an [sso-session] section or in the older form.
func (r *resolver) sso(p Section) (Chain, error) {
	s := Source{
		Type: SSO, Profile: p.Name,
		SSOAccountID: p.Get("sso_account_id"), SSORoleName: p.Get("sso_role_name"),
		SSORegion: p.Get("sso_region"), SSOStartURL: p.Get("sso_start_url"), SSOSession: p.Get("sso_session"),
	}
	if s.SSOSession != "" {
		session, ok, err := r.files.SSOSession(s.SSOSession)
		if err != nil {
			return Chain{}, err
		}
		if !ok {
			return Chain{}, r.fail(p, "sso_session", fmt.Sprintf("it names the SSO session %s, and there is no [sso-session %s]", s.SSOSession, s.SSOSession), "add that section, or correct the name")
		}
		for _, key := range []string{"sso_region", "sso_start_url"} {
			if session.Get(key) == "" {
				return Chain{}, r.fail(p, "sso_session", fmt.Sprintf("its [sso-session %s] has no %s", s.SSOSession, key), "add it there")
			}
			if own := p.Get(key); own != "" && own != session.Get(key) {
				return Chain{}, r.fail(p, key, fmt.Sprintf("its %s is not that of [sso-session %s]", key, s.SSOSession), "remove it from the profile")
			}
		}
		s.SSORegion, s.SSOStartURL = session.Get("sso_region"), session.Get("sso_start_url")
		if s.SSOAccountID == "" && s.SSORoleName == "" {
			return Chain{Source: s}, nil
		}
	}
	for _, key := range []string{"sso_account_id", "sso_role_name"} {
		if p.Get(key) == "" {
			return Chain{}, r.fail(p, "", "it signs in through SSO but has no "+key, "add it; sso_account_id and sso_role_name go together")
		}
	}
	if s.SSORegion == "" || s.SSOStartURL == "" {
		return Chain{}, r.fail(p, "sso_account_id", "it signs in through SSO but has no sso_session, or else sso_region and sso_start_url", "add sso_session = NAME (aws configure sso writes it)")
	}
	return Chain{Source: s}, nil
}

// services gives the [services] section that a profile names.
func (r *resolver) services(p Section) (Section, error) {
	name := p.Get("services")
	if name == "" {
		return Section{}, nil
	}
	s, ok, err := r.files.section(servicesSection, name)
	if err == nil && !ok {
		err = r.fail(p, "services", fmt.Sprintf("it names the services %s, and there is no [services %s]", name, name), "add that section, or correct the name")
	}
	return s, err
}

// fail says what is wrong with a profile; the place is that of the key, if one is named.
func (r *resolver) fail(p Section, key, problem, hint string) *diag.Error {
	e := &diag.Error{Profile: p.Name, Setting: key, Problem: problem, Hint: hint}
	if property, ok := p.Properties[key]; ok {
		e.Where = r.files.where(property)
	}
	return e
}

// where gives a property's place as file:line.
func (f *Files) where(p Property) string {
	path := f.config.path
	if p.File == "credentials" {
		path = f.credentials.path
	}
	return fmt.Sprintf("%s:%d", path, p.Line)
}

func hasAny(p Section, keys ...string) bool {
	return slices.ContainsFunc(keys, func(key string) bool { return p.Get(key) != "" })
}
