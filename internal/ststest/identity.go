package ststest

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"
)

// AccessKey is a long-term access key of an IAM user. Formatting it shows no secret.
type AccessKey struct {
	ID     string // "AKIA..."
	Secret string
}

// String returns the access key ID.
func (k AccessKey) String() string { return k.ID }

// GoString returns the access key ID.
func (k AccessKey) GoString() string { return k.ID }

// User is an IAM user as added. Formatting it shows no secret.
type User struct {
	ARN     string // "arn:aws:iam::123456789012:user/path/jill"
	ID      string // unique identifier, "AIDA..."
	Account string // 12 digits
	Name    string // without the path
	Key     AccessKey
}

// Role is an IAM role.
type Role struct {
	ARN string
	// Trust is the role's trust policy, a JSON document.
	Trust string
	// Policy is the role's own identity policy, a JSON document; "" allows nothing. It decides what a session of the
	// role may assume in its turn.
	Policy string
	// MaxSessionDuration is between one hour and 12; 0 means one hour.
	MaxSessionDuration time.Duration
	// Tags of the role: aws:PrincipalTag/ of its sessions, aws:ResourceTag/ where it is assumed.
	Tags map[string]string
}

type user struct {
	arn      arn
	id       string
	policies []*document
	tags     map[string]string
}

type userKey struct {
	secret string
	user   *user
	active bool
}

type role struct {
	arn      arn
	id       string
	trust    *document
	policies []*document
	max      time.Duration
	tags     map[string]string
}

// session is what GetSessionToken (user is set) or assuming a role (role is set) made.
type session struct {
	secret, token string
	expires       time.Time
	user          *user
	role          *role

	name           string            // role session name
	policies       []*document       // session policies; nil: none were passed
	tags           map[string]string // session tags
	transitive     []string          // those of their keys that the next session inherits
	sourceIdentity string
	mfa            time.Time // when a code was checked; zero: never
}

// caller is who sent a request.
type caller struct {
	user    *user // an IAM user, be it by long-term keys or by a session; or
	role    *role // a role
	session *session
	region  string
}

// AddUser adds an IAM user with one access key. name may have a path: "team/jill". The policies are JSON documents.
func (s *Server) AddUser(account, name string, policies ...string) (*User, error) {
	return s.AddUserARN("arn:aws:iam::"+account+":user/"+name, policies...)
}

// AddUserARN is [Server.AddUser] for any partition.
func (s *Server) AddUserARN(userARN string, policies ...string) (*User, error) {
	a, err := parseARN(userARN)
	if err != nil {
		return nil, err
	}
	if a.service != "iam" || a.kind() != "user" || !isAccount(a.account) || a.name() == "" {
		return nil, fmt.Errorf("%q is not the ARN of an IAM user", userARN)
	}
	docs, err := parseAll(policies)
	if err != nil {
		return nil, fmt.Errorf("policy of %s: %w", userARN, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.users[userARN]; ok {
		return nil, fmt.Errorf("user %s exists", userARN)
	}
	u := &user{arn: a, id: newID("AIDA"), policies: docs}
	s.users[userARN] = u
	return &User{ARN: userARN, ID: u.id, Account: a.account, Name: a.name(), Key: s.newKey(u)}, nil
}

// DeleteUser removes a user with its keys, sessions and MFA devices.
func (s *Server) DeleteUser(userARN string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.user(userARN)
	if err != nil {
		return err
	}
	delete(s.users, userARN)
	maps.DeleteFunc(s.keys, func(_ string, k *userKey) bool { return k.user == u })
	maps.DeleteFunc(s.sessions, func(_ string, ses *session) bool { return ses.user == u })
	maps.DeleteFunc(s.devices, func(_ string, d *device) bool { return d.owner == u })
	return nil
}

// SetUserPolicy replaces a user's policies by these JSON documents; it counts for its sessions too, at once.
func (s *Server) SetUserPolicy(userARN string, policies ...string) error {
	docs, err := parseAll(policies)
	if err != nil {
		return fmt.Errorf("policy of %s: %w", userARN, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.user(userARN)
	if err != nil {
		return err
	}
	u.policies = docs
	return nil
}

// SetUserTags replaces a user's tags, which are aws:PrincipalTag/ in conditions.
func (s *Server) SetUserTags(userARN string, tags map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.user(userARN)
	if err != nil {
		return err
	}
	u.tags = maps.Clone(tags)
	return nil
}

// AddAccessKey gives a user another access key. IAM allows two.
func (s *Server) AddAccessKey(userARN string) (AccessKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.user(userARN)
	if err != nil {
		return AccessKey{}, err
	}
	n := 0
	for _, k := range s.keys {
		if k.user == u {
			n++
		}
	}
	if n >= 2 {
		return AccessKey{}, fmt.Errorf("user %s has two access keys already", userARN)
	}
	return s.newKey(u), nil
}

// DeleteAccessKey removes an access key. Sessions made with it live on, as in AWS.
func (s *Server) DeleteAccessKey(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.keys[id]; !ok {
		return fmt.Errorf("no access key %s", id)
	}
	delete(s.keys, id)
	return nil
}

// SetAccessKeyActive deactivates an access key or activates it again.
func (s *Server) SetAccessKeyActive(id string, active bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.keys[id]
	if !ok {
		return fmt.Errorf("no access key %s", id)
	}
	k.active = active
	return nil
}

// AddRole adds a role, or replaces the documents of the role with this ARN; sessions of it live on.
func (s *Server) AddRole(r Role) error {
	a, err := parseARN(r.ARN)
	if err != nil {
		return err
	}
	if a.service != "iam" || a.kind() != "role" || !isAccount(a.account) || a.name() == "" {
		return fmt.Errorf("%q is not the ARN of an IAM role", r.ARN)
	}
	if r.MaxSessionDuration == 0 {
		r.MaxSessionDuration = time.Hour
	}
	if r.MaxSessionDuration < time.Hour || r.MaxSessionDuration > 12*time.Hour {
		return fmt.Errorf("role %s: MaxSessionDuration %v is not between 1h and 12h", r.ARN, r.MaxSessionDuration)
	}
	trust, err := parsePolicy(r.Trust, trustPolicy)
	if err != nil {
		return fmt.Errorf("trust policy of %s: %w", r.ARN, err)
	}
	var policies []*document
	if r.Policy != "" {
		if policies, err = parseAll([]string{r.Policy}); err != nil {
			return fmt.Errorf("policy of %s: %w", r.ARN, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.roles[r.ARN]
	if !ok {
		for other, o := range s.roles {
			if o.arn.account == a.account && o.arn.partition == a.partition && strings.EqualFold(o.arn.name(), a.name()) {
				return fmt.Errorf("role %s exists as %s: names are unique in an account, whatever the path", r.ARN, other)
			}
		}
		old = &role{arn: a, id: newID("AROA")}
		s.roles[r.ARN] = old
	}
	old.trust, old.policies, old.max, old.tags = trust, policies, r.MaxSessionDuration, maps.Clone(r.Tags)
	return nil
}

// DeleteRole removes a role with its sessions.
func (s *Server) DeleteRole(roleARN string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.roles[roleARN]
	if !ok {
		return fmt.Errorf("no role %s", roleARN)
	}
	delete(s.roles, roleARN)
	maps.DeleteFunc(s.sessions, func(_ string, ses *session) bool { return ses.role == r })
	return nil
}

// AddManagedPolicy adds a managed policy, a JSON document, for PolicyArns.
func (s *Server) AddManagedPolicy(policyARN, policy string) error {
	a, err := parseARN(policyARN)
	if err != nil {
		return err
	}
	if a.service != "iam" || a.kind() != "policy" {
		return fmt.Errorf("%q is not the ARN of a managed policy", policyARN)
	}
	doc, err := parsePolicy(policy, identityPolicy)
	if err != nil {
		return fmt.Errorf("managed policy %s: %w", policyARN, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.managed[policyARN] = doc
	return nil
}

// AddMFADevice gives a user a virtual MFA device with this serial number (an ARN such as
// arn:aws:iam::123456789012:mfa/jill) and base32 seed. [TOTP] returns its codes.
func (s *Server) AddMFADevice(userARN, serial, seed string) error {
	secret, err := decodeSeed(seed)
	if err != nil {
		return err
	}
	if !serialNumber.fits(serial) {
		return fmt.Errorf("%q is not a serial number of an MFA device", serial)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.user(userARN)
	if err != nil {
		return err
	}
	if _, ok := s.devices[serial]; ok {
		return fmt.Errorf("MFA device %s exists", serial)
	}
	s.devices[serial] = &device{owner: u, secret: secret, used: map[int64]bool{}}
	return nil
}

func (s *Server) user(userARN string) (*user, error) {
	u, ok := s.users[userARN]
	if !ok {
		return nil, fmt.Errorf("no user %s", userARN)
	}
	return u, nil
}

func (s *Server) newKey(u *user) AccessKey {
	k := AccessKey{ID: newID("AKIA"), Secret: newSecret()}
	s.keys[k.ID] = &userKey{secret: k.Secret, user: u, active: true}
	return k
}

// lookUp finds the holder of an access key ID. A long-term key comes without a session token, a session's with its own.
func (s *Server) lookUp(keyID string, tokens []string) (*caller, string, *apiError) {
	if k, ok := s.keys[keyID]; ok && k.active && len(tokens) == 0 {
		return &caller{user: k.user}, k.secret, nil
	}
	if ses, ok := s.sessions[keyID]; ok && len(tokens) == 1 && hmac.Equal([]byte(tokens[0]), []byte(ses.token)) {
		return &caller{user: ses.user, role: ses.role, session: ses}, ses.secret, nil
	}
	return nil, "", fail(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
}

// issue completes a session, stores it and returns it as it is answered.
func (s *Server) issue(ses *session, now time.Time, lifetime time.Duration, f Fault) xmlCredentials {
	size := 356
	if f.Kind == LongToken && f.Size > 0 {
		size = f.Size
	}
	ses.secret, ses.token = newSecret(), newToken(size)
	ses.expires = now.Truncate(time.Second).Add(lifetime)
	if f.Kind == Expired {
		by := f.By
		if by == 0 {
			by = time.Minute
		}
		ses.expires = now.Truncate(time.Second).Add(-by)
	}
	id := newID("ASIA")
	s.sessions[id] = ses
	return xmlCredentials{
		AccessKeyID: id, SecretAccessKey: ses.secret, SessionToken: ses.token,
		Expiration: ses.expires.UTC().Format(timeFormat),
	}
}

func (c *caller) account() string {
	if c.role != nil {
		return c.role.arn.account
	}
	return c.user.arn.account
}

// arn is the caller's own ARN: for a role that of the session.
func (c *caller) arn() string {
	if c.role != nil {
		return c.role.sessionARN(c.session.name)
	}
	return c.user.arn.String()
}

func (c *caller) userID() string {
	if c.role != nil {
		return c.role.id + ":" + c.session.name
	}
	return c.user.id
}

// principalARN is aws:PrincipalArn: for a role session the role's.
func (c *caller) principalARN() string {
	if c.role != nil {
		return c.role.arn.String()
	}
	return c.user.arn.String()
}

func (c *caller) policies() []*document {
	if c.role != nil {
		return c.role.policies
	}
	return c.user.policies
}

// context returns the condition keys that the caller brings along.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
func (c *caller) context(now time.Time) conditionContext {
	ctx := conditionContext{
		"aws:principalarn":     {c.principalARN()},
		"aws:principalaccount": {c.account()},
		"aws:requestedregion":  {c.region},
		"aws:userid":           {c.userID()},
	}
	var tags map[string]string
	if c.role != nil {
		ctx["aws:principaltype"] = []string{"AssumedRole"}
		tags = c.role.tags
	} else {
		ctx["aws:principaltype"] = []string{"User"}
		ctx["aws:username"] = []string{c.user.arn.name()}
		tags = c.user.tags
	}
	for k, v := range tags {
		ctx["aws:principaltag/"+strings.ToLower(k)] = []string{v}
	}
	if c.session != nil {
		for k, v := range c.session.tags {
			ctx["aws:principaltag/"+strings.ToLower(k)] = []string{v}
		}
		if c.session.sourceIdentity != "" {
			ctx["aws:sourceidentity"] = []string{c.session.sourceIdentity}
		}
		// With long-term keys the key is absent, with any session present: the reason for BoolIfExists.
		ctx["aws:multifactorauthpresent"] = []string{"false"}
		if !c.session.mfa.IsZero() {
			ctx.setMFA(now.Sub(c.session.mfa))
		}
	}
	return ctx
}

func (r *role) sessionARN(name string) string {
	return "arn:" + r.arn.partition + ":sts::" + r.arn.account + ":assumed-role/" + r.arn.name() + "/" + name
}

// arn is an Amazon Resource Name cut at its colons.
type arn struct{ partition, service, region, account, resource string }

func parseARN(s string) (arn, error) {
	p := strings.SplitN(s, ":", 6)
	if len(p) != 6 || p[0] != "arn" || p[1] == "" || p[2] == "" || p[5] == "" {
		return arn{}, fmt.Errorf("%q is not an ARN", s)
	}
	return arn{p[1], p[2], p[3], p[4], p[5]}, nil
}

func (a arn) String() string {
	return "arn:" + a.partition + ":" + a.service + ":" + a.region + ":" + a.account + ":" + a.resource
}

// kind is what stands before the first slash of the resource, name what stands after the last.
func (a arn) kind() string { k, _, _ := strings.Cut(a.resource, "/"); return k }
func (a arn) name() string { return a.resource[strings.LastIndexByte(a.resource, '/')+1:] }

func isAccount(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) == 12
}

// newID returns an identifier of IAM's: the prefix and 16 characters of base32.
func newID(prefix string) string {
	var b [10]byte
	rand.Read(b[:])
	return prefix + base32.StdEncoding.EncodeToString(b[:])
}

func newSecret() string {
	var b [30]byte
	rand.Read(b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}

// newToken returns a session token of n bytes.
func newToken(n int) string {
	b := make([]byte, n) // of which base64 makes more than enough
	rand.Read(b)
	return base64.StdEncoding.EncodeToString(b)[:n]
}
