package profiles

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"aws-credproc/internal/diag"
)

// Chain is what a profile resolves to: the source of the first credentials, and the roles assumed
// with them one after another.
type Chain struct {
	// Profile is the selected profile or, if that is wired, the profile it is wired to. Its
	// settings, not those of the source, decide the STS region and endpoint.
	Profile Section
	// Services is the section that the profile's `services` names.
	Services Section
	Source   Source
	// SourceProfile is the profile that defines the source, and SourceServices the section that its
	// `services` names. They decide how the source is reached if that is a service other than STS.
	SourceProfile, SourceServices Section
	Hops                          []Hop // the first uses the source's credentials, each further one those of the hop before
	MFA                           MFA   // of the first hop's profile or, without hops, of the selected profile
	// ConfigPath and CredentialsPath are the files the chain was read from.
	ConfigPath, CredentialsPath string
}

// SourceType is where a chain's first credentials come from. `explain --json` prints its values.
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
	Keyring     SourceType = "keyring" // long-term keys imported into the keyring
)

// Source is where a chain's first credentials come from. The type decides which fields are set.
type Source struct {
	Type    SourceType
	Profile string // the profile that defines it

	// Static. Keyring has the access key ID and the account only.
	AccessKeyID     string
	SecretAccessKey Secret
	SessionToken    Secret
	AccountID       string
	Location        string // "credentials file" or "config file"

	// Process.
	Command string

	// WebIdentity: RoleARN is assumed with a token from the file or the command.
	RoleARN                 string
	WebIdentityTokenFile    string
	WebIdentityTokenProcess string
	RoleSessionName         string
	Policy                  string   // as in Hop
	PolicyARNs              []string // as in Hop

	// EC2Metadata: the instance metadata service that the profile configures.
	MetadataEndpoint, MetadataEndpointMode string

	// SSO.
	SSOAccountID, SSORoleName, SSORegion, SSOStartURL, SSOSession string

	// Login.
	LoginSession string
}

// RunsCommand reports whether the credentials come from a command that the config names. Such a
// command may start this program again.
func (s Source) RunsCommand() bool { return s.Type == Process || s.WebIdentityTokenProcess != "" }

// CallsService reports whether the credentials come from a service other than STS.
func (s Source) CallsService() bool {
	switch s.Type {
	case SSO, Login, EC2Metadata, ECSMetadata:
		return true
	}
	return false
}

// IsTemporary reports whether the credentials may expire.
func (s Source) IsTemporary() bool {
	return s.Type != Static && s.Type != Environment && s.Type != Keyring
}

// Hop is one AssumeRole call.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
type Hop struct {
	Profile         string // the profile that defines it
	RoleARN         string
	RoleSessionName string        // "" for the default
	ExternalID      string        // optional
	Duration        time.Duration // 0 for STS's default of an hour
	MFASerial       string        // optional

	SourceIdentity    string   // optional
	SessionTags       []Tag    // in the order of the setting
	TransitiveTagKeys []string // keys of SessionTags
	// Policy is an optional session policy: its JSON text, or file://PATH, see [PolicyFile].
	Policy     string
	PolicyARNs []string // managed session policies
}

// Tag is a session tag.
type Tag struct{ Key, Value string }

// MFA is the MFA device of the user whose keys the chain starts with.
type MFA struct {
	Serial  string // its ARN or the serial number printed on it; "" if there is none
	Process string // the command of mfa_process, which prints a code; optional
	// Session is the lifetime of the GetSessionToken session that serves all roles of the user. If
	// it is 0, the code is sent with AssumeRole. Without a device, it is 0, except for
	// [Chain.WithSession].
	Session time.Duration
}

// Chain resolves a profile. It uses only the two files and f.Imported. An error is or wraps a
// [*diag.Error] of the profile that has the fault.
func (f *Files) Chain(name string) (Chain, error) {
	r := resolver{files: f}
	c, err := r.chain(name, Property{}, true)
	return c, forProfile(name, err)
}

// forProfile wraps an error of another profile in one that starts with the profile's name.
func forProfile(name string, err error) error {
	var e *diag.Error
	if !errors.As(err, &e) || e.Profile == name {
		return err
	}
	if e.Profile == "" {
		e.Profile = name
		return err
	}
	return &diag.Error{Profile: name, Problem: "profile " + e.Error(), Hint: e.Hint, Err: e}
}

// maxDepth limits the length of a chain. Each link requires an STS call.
const maxDepth = 100

// resolver follows a profile to its source.
type resolver struct {
	files *Files
	path  []string // the profiles of the chain so far
}

// chain resolves the profile name. via is the property that leads to it. selected is true for the
// requested profile and those that it is wired to.
func (r *resolver) chain(name string, via Property, selected bool) (Chain, error) {
	if err := r.enter(name, via); err != nil {
		return Chain{}, err
	}
	s, err := r.profile(name, via)
	if err != nil {
		return Chain{}, err
	}
	p := r.files.settings(s)
	var c Chain
	wiredTo, wired := Wired(s)
	id, imported := r.files.imported(s)
	switch {
	case imported:
		c.Source = Source{
			Type: Keyring, Profile: p.Name, AccessKeyID: id, AccountID: p.Get("aws_account_id"),
		}
	case wired:
		return r.chain(wiredTo, p.Properties["credential_process"], selected)
	default:
		c, err = r.resolve(p, selected)
	}
	if err != nil || !selected {
		return c, err
	}
	if len(c.Hops) == 0 && (c.Source.Type == Static || c.Source.Type == Keyring) {
		if c.MFA, err = p.mfa(p); err != nil {
			return Chain{}, err
		}
	}
	c.Profile = s
	c.ConfigPath, c.CredentialsPath = r.files.config.path, r.files.credentials.path
	if c.Services, err = p.services(); err != nil && c.callsAWS() {
		return c, err
	}
	return c, r.setSourceProfile(&c)
}

// callsAWS reports whether a service of AWS is called for the chain, so that the settings of its
// endpoint matter.
func (c Chain) callsAWS() bool {
	local := []SourceType{Static, Keyring, Environment, Process}
	return len(c.Hops) > 0 || c.MFA.Serial != "" || !slices.Contains(local, c.Source.Type)
}

// setSourceProfile sets the settings of the profile that defines the source.
func (r *resolver) setSourceProfile(c *Chain) error {
	var err error
	if c.SourceProfile, _, err = r.files.section(profileSection, c.Source.Profile); err != nil {
		return err
	}
	if name := c.SourceProfile.Get("services"); name != "" && c.Source.CallsService() {
		c.SourceServices, _, err = r.files.section(servicesSection, name)
	}
	return err
}

// enter appends a profile to the path. It refuses loops and chains that are too long.
func (r *resolver) enter(name string, via Property) error {
	if i := slices.Index(r.path, name); i >= 0 {
		e := &diag.Error{
			Where:   r.files.Place(via),
			Problem: "source_profile loop: " + Cycle(append(r.path, name)).Error(),
			Hint:    "set source_profile of one of them to a profile with credentials",
			Err:     Cycle(append(slices.Clone(r.path[i:]), name)),
		}
		if wired, _ := isWiredToSelf(r.files, name); wired {
			e.Profile = name
			e.Problem = "credential_process gets the credentials of the profile itself"
			e.Hint = "if its keys were imported, aws-credproc import " + Argument(name) + " finds them"
		}
		return e
	}
	if len(r.path) == maxDepth {
		return &diag.Error{
			Where:   r.files.Place(via),
			Problem: fmt.Sprintf("more than %d source profiles in a row", maxDepth),
		}
	}
	r.path = append(r.path, name)
	return nil
}

// profile returns a profile of the chain. If it is missing, the fault is that of the profile that
// leads to it.
func (r *resolver) profile(name string, via Property) (Section, error) {
	s, ok, err := r.files.section(profileSection, name)
	if err != nil || ok {
		return s, err
	}
	e := r.files.noProfile(name)
	if len(r.path) > 1 {
		e.Profile = r.path[len(r.path)-2]
		e.Problem = fmt.Sprintf("profile %s: %s", name, e.Problem)
		e.Err = ErrNoSource
		if e.Where == "" {
			e.Where = r.files.Place(via)
		}
	}
	return Section{}, e
}

// resolve resolves a profile by its own settings.
func (r *resolver) resolve(p settings, selected bool) (Chain, error) {
	_, hasRole := p.Properties["role_arn"]
	key := webIdentityKey(p.Section)
	switch {
	case !hasRole && key != "":
		return Chain{}, p.failMissing(key, key+" without role_arn",
			"add the role_arn to assume with the token", "role_arn")
	case hasRole && key == "" && p.hasEmpty("web_identity_token_file"):
		// To the AWS CLI, the role is for the token and not for a source profile.
		if leafType(p.Section, p.hasKey()) == "" {
			return Chain{}, p.fail("web_identity_token_file", "web_identity_token_file is empty",
				"add the path of the token file, or remove the line")
		}
	case hasRole && key == "" && (selected || !p.hasKey()):
		// Static keys end a chain: the role of an intermediate profile with keys is not assumed.
		// The selected profile's own role is.
		return r.role(p)
	}
	source, err := p.source()
	return Chain{Source: source}, err
}

// role resolves a profile that has a role_arn.
func (r *resolver) role(p settings) (Chain, error) {
	hop, err := p.hop()
	if err != nil {
		return Chain{}, err
	}
	c, err := r.roleSource(p)
	if err != nil {
		return Chain{}, err
	}
	if len(c.Hops) == 0 {
		base := p
		if p.Get("credential_source") == "" {
			s, err := r.files.Profile(c.Source.Profile)
			if err != nil {
				return Chain{}, err
			}
			base = r.files.settings(s)
		}
		if c.MFA, err = p.mfa(base); err != nil {
			return Chain{}, err
		}
	}
	c.Hops = append(c.Hops, hop)
	return c, nil
}

// roleSource resolves the credentials that a profile's role is assumed with.
func (r *resolver) roleSource(p settings) (Chain, error) {
	source, credentialSource := p.Get("source_profile"), p.Get("credential_source")
	switch {
	case source != "" && credentialSource != "":
		return Chain{}, p.fail("credential_source",
			"both source_profile and credential_source", "remove one of them")
	case credentialSource != "":
		s, err := p.credentialSource()
		return Chain{Source: s}, err
	case source == "":
		e := p.failMissing("role_arn", "role_arn without source_profile or credential_source",
			"add one of them", "source_profile", "credential_source")
		if p.Get("include_profile") != "" {
			p.pointToTranslation(e, "include_profile", "aws-vault")
		}
		e.Err = ErrNoSource
		return Chain{}, e
	case source == p.Name && p.hasKey():
		s, err := p.source()
		return Chain{Source: s}, err
	}
	return r.chain(source, p.Properties["source_profile"], false)
}

// TooLong returns a role that another role of the chain assumes, and for which a session of more
// than [MaxChainedDuration] is requested. It returns nil if there is none.
func (c Chain) TooLong() *Hop {
	for i := range c.Hops {
		if (i > 0 || c.Source.Type == WebIdentity) && c.Hops[i].Duration > MaxChainedDuration {
			return &c.Hops[i]
		}
	}
	return nil
}

// WithDuration returns the chain with another duration of its last role's session. The duration
// must pass [CheckDuration]. The error is a [*diag.Error].
func (c Chain) WithDuration(d time.Duration) (Chain, error) {
	last := len(c.Hops) - 1
	if last < 0 && c.MFA.Session != 0 && c.MFA.Serial == "" {
		c.MFA.Session = d
		return c, nil
	}
	if last < 0 {
		return Chain{}, &diag.Error{
			Profile: c.Profile.Name,
			Problem: "a duration needs an AssumeRole call, and this profile makes none",
			Hint:    "leave the duration out",
		}
	}
	c.Hops = slices.Clone(c.Hops)
	c.Hops[last].Duration = d
	return c, nil
}

// WithSession returns the chain with a GetSessionToken session in the place of long-term keys. A
// chain whose credentials expire, and one with an MFA device, are returned as they are.
func (c Chain) WithSession() Chain {
	if len(c.Hops) == 0 && c.MFA.Serial == "" && !c.Source.IsTemporary() {
		c.MFA.Session = DefaultMFASession
	}
	return c
}
