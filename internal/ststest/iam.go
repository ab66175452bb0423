package ststest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

// AccessKey is a long-term access key of an IAM user. Formatting it prints only the ID.
type AccessKey struct {
	ID     string // "AKIA..."
	Secret string
}

// String returns the access key ID.
func (k AccessKey) String() string { return k.ID }

// GoString returns the access key ID.
func (k AccessKey) GoString() string { return k.ID }

// User is an IAM user.
type User struct {
	ARN string // "arn:aws:iam::123456789012:user/path/jill"
	Key AccessKey
}

// Role is an IAM role.
type Role struct {
	ARN    string
	Trust  string // trust policy, a JSON document
	Policy string // identity policy of the role's sessions, a JSON document; "" allows nothing

	MaxSessionDuration time.Duration // 1 to 12 hours; 0 means 1 hour
}

// iam is the state of STS and IAM. The server's mutex guards it.
type iam struct {
	users     map[string]*user    // by ARN
	roles     map[string]*role    // by ARN
	keys      map[string]*userKey // by access key ID
	sessions  map[string]*session // by access key ID
	devices   map[string]*device  // by serial number
	providers map[string]OIDCProvider
	managed   map[string]policy // by ARN
	keyDelay  time.Duration     // after which a new access key works
}

func newIAM() iam {
	return iam{
		users:     map[string]*user{},
		roles:     map[string]*role{},
		keys:      map[string]*userKey{},
		sessions:  map[string]*session{},
		devices:   map[string]*device{},
		providers: map[string]OIDCProvider{},
		managed:   map[string]policy{},
	}
}

type user struct {
	arn    arn
	id     string
	policy policy // all statements of all its policies
}

type userKey struct {
	secret   string
	user     *user
	created  time.Time
	works    time.Time // from then on
	inactive bool
	used     keyUse
}

type role struct {
	arn    arn
	id     string
	trust  policy
	policy policy
	max    time.Duration
}

func (r *role) sessionARN(name string) string {
	return "arn:" + r.arn.partition + ":sts::" + r.arn.account + ":assumed-role/" +
		r.arn.name() + "/" + name
}

// session is the result of GetSessionToken (with user) or of assuming a role (with role).
type session struct {
	secret, token string
	expires       time.Time
	user          *user
	role          *role

	name           string            // role session name
	policy         policy            // session policies; nil if there are none
	tags           map[string]string // session tags
	transitive     []string          // keys of tags that the next session inherits
	sourceIdentity string
	mfa            time.Time // when an MFA code was accepted; zero if never
}

// AddUser adds an IAM user with one access key. The name may have a path, such as "team/jill".
// The policies are JSON documents.
func (s *Server) AddUser(account, name string, policies ...string) (*User, error) {
	userARN := "arn:aws:iam::" + account + ":user/" + name
	a, err := parseARN(userARN, "user")
	if err != nil {
		return nil, err
	}
	p, err := parsePolicies(policies)
	if err != nil {
		return nil, fmt.Errorf("policy of %s: %w", userARN, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.iam.users[userARN]; ok {
		return nil, fmt.Errorf("user %s exists", userARN)
	}
	u := &user{arn: a, id: newID("AIDA"), policy: p}
	s.iam.users[userARN] = u
	return &User{ARN: userARN, Key: s.iam.addKey(u, s.now())}, nil
}

// SetUserPolicy replaces a user's policies. This affects existing sessions of the user too.
func (s *Server) SetUserPolicy(userARN string, policies ...string) error {
	p, err := parsePolicies(policies)
	if err != nil {
		return fmt.Errorf("policy of %s: %w", userARN, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.iam.users[userARN]
	if !ok {
		return fmt.Errorf("no user %s", userARN)
	}
	u.policy = p
	return nil
}

// AddAccessKey adds another access key of a user.
func (s *Server) AddAccessKey(userARN string) (AccessKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.iam.users[userARN]
	if !ok {
		return AccessKey{}, fmt.Errorf("no user %s", userARN)
	}
	return s.iam.addKey(u, s.now()), nil
}

func (i *iam) addKey(u *user, now time.Time) AccessKey {
	k := AccessKey{ID: newID("AKIA"), Secret: randomBase64(40)}
	i.keys[k.ID] = &userKey{secret: k.Secret, user: u, created: now}
	return k
}

// AddRole adds a role. If the role exists, AddRole replaces its policies and keeps its sessions.
func (s *Server) AddRole(r Role) error {
	a, err := parseARN(r.ARN, "role")
	if err != nil {
		return err
	}
	if r.MaxSessionDuration == 0 {
		r.MaxSessionDuration = time.Hour
	}
	if r.MaxSessionDuration < time.Hour || r.MaxSessionDuration > 12*time.Hour {
		return fmt.Errorf("role %s: MaxSessionDuration %v is not between 1h and 12h",
			r.ARN, r.MaxSessionDuration)
	}
	trust, err := parseTrustPolicy(r.Trust)
	if err != nil {
		return fmt.Errorf("trust policy of %s: %w", r.ARN, err)
	}
	var identity policy
	if r.Policy != "" {
		if identity, err = parsePolicy(r.Policy); err != nil {
			return fmt.Errorf("policy of %s: %w", r.ARN, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	kept, ok := s.iam.roles[r.ARN]
	if !ok {
		kept = &role{arn: a, id: newID("AROA")}
		s.iam.roles[r.ARN] = kept
	}
	kept.trust, kept.policy, kept.max = trust, identity, r.MaxSessionDuration
	return nil
}

// AddManagedPolicy adds a managed policy, a JSON document, for PolicyArns.
func (s *Server) AddManagedPolicy(policyARN, document string) error {
	p, err := parsePolicy(document)
	if err != nil {
		return fmt.Errorf("managed policy %s: %w", policyARN, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.iam.managed[policyARN] = p
	return nil
}

// AddMFADevice adds a virtual MFA device of a user with a base32 seed. The serial number is an ARN
// such as arn:aws:iam::123456789012:mfa/jill.
func (s *Server) AddMFADevice(userARN, serial, seed string) error {
	if _, err := hotp(seed, 0); err != nil {
		return fmt.Errorf("seed of MFA device %s: %w", serial, err)
	}
	if rule := serialNumber.violation(serial); rule != "" {
		return fmt.Errorf("serial number %s: %s", serial, rule)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.iam.users[userARN]
	if !ok {
		return fmt.Errorf("no user %s", userARN)
	}
	if _, ok := s.iam.devices[serial]; ok {
		return fmt.Errorf("MFA device %s exists", serial)
	}
	s.iam.devices[serial] = &device{owner: u, seed: seed, used: map[int64]bool{}}
	return nil
}

// device is a virtual MFA device.
type device struct {
	owner *user
	seed  string
	used  map[int64]bool // time steps of accepted codes
}

// accept accepts the code of the current time step, the previous one or the next one, once each.
func (d *device) accept(code string, now time.Time) bool {
	const period = 30 // seconds, the default of RFC 6238
	current := now.Unix() / period
	for step := current - 1; step <= current+1; step++ {
		if want, err := hotp(d.seed, step); err == nil && code == want && !d.used[step] {
			d.used[step] = true
			return true
		}
	}
	return false
}

// hotp returns the code of a counter (RFC 4226). The tests compare it with pquerna/otp, which is
// not used here because the program would link its encoder for QR codes.
func hotp(seed string, counter int64) (string, error) {
	key, err := base32.StdEncoding.DecodeString(strings.ToUpper(seed))
	if err != nil {
		return "", errors.New("not base32")
	}
	mac := hmac.New(sha1.New, key)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(counter)))
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0x0f
	n := binary.BigEndian.Uint32(sum[offset:]) & 0x7fffffff
	return fmt.Sprintf("%06d", n%1_000_000), nil
}

// newID returns an IAM identifier with a prefix such as "AKIA".
func newID(prefix string) string { return prefix + rand.Text()[:16] }

// randomBase64 returns n random characters.
func randomBase64(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return base64.StdEncoding.EncodeToString(b)[:n]
}
