package ststest

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	iamVersion   = "2010-05-08"
	iamNamespace = "https://iam.amazonaws.com/doc/2010-05-08/"
	iamRegion    = "us-east-1" // of signatures
	maxUserKeys  = 2
)

// iamAction returns the action of IAM with a name, or nil. See
// https://docs.aws.amazon.com/IAM/latest/APIReference/.
func iamAction(name string) func(*call) (*result, *apiError) {
	switch name {
	case "ListAccessKeys":
		return (*call).listAccessKeys
	case "CreateAccessKey":
		return (*call).createAccessKey
	case "UpdateAccessKey":
		return (*call).updateAccessKey
	case "DeleteAccessKey":
		return (*call).deleteAccessKey
	case "GetAccessKeyLastUsed":
		return (*call).getAccessKeyLastUsed
	}
	return nil
}

var (
	userName    = constraint{1, 128, isNameChar, `[\w+=,.@-]+`}
	accessKeyID = constraint{16, 128, isNameChar, `[\w]+`}
	keyStatus   = constraint{6, 8, nil, ""}
)

type keyMetadata struct {
	UserName    string
	AccessKeyID string `xml:"AccessKeyId"`
	Status      string
	CreateDate  string
}

type createdKey struct {
	keyMetadata
	SecretAccessKey string
}

// keyUse is the last use of an access key.
type keyUse struct {
	at              time.Time
	service, region string
}

type keyUseXML struct {
	LastUsedDate string `xml:",omitempty"`
	ServiceName  string
	Region       string
}

// SetKeyDelay sets how long an access key that CreateAccessKey returns does not work yet.
func (s *Server) SetKeyDelay(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.iam.keyDelay = d
}

// AccessKeys returns the IDs of a user's access keys, and whether each is active.
func (s *Server) AccessKeys(userARN string) map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := map[string]bool{}
	for id, k := range s.iam.keys {
		if k.user == s.iam.users[userARN] {
			keys[id] = !k.inactive
		}
	}
	return keys
}

// authenticateIAM is authenticate for IAM, which does not accept a session of GetSessionToken
// without MFA.
func (c *call) authenticateIAM(r *http.Request, body []byte) *apiError {
	if err := c.authenticate(r, body, "iam"); err != nil {
		return err
	}
	if s := c.caller.session; s != nil && s.user != nil && s.mfa.IsZero() {
		return fail(http.StatusForbidden, "InvalidClientTokenId",
			"The security token included in the request is invalid")
	}
	return nil
}

// target takes UserName, which only a long-term key may leave out, and checks the permission. The
// other parameters must have been taken.
func (c *call) target(action string) (*user, *apiError) {
	name := c.params.text("UserName", userName)
	if err := c.params.err(); err != nil {
		return nil, err
	}
	u := c.caller.user
	if name == "" && (u == nil || c.caller.session != nil) {
		return nil, invalid("Must specify userName when calling with non-User credentials")
	}
	resource := "arn:aws:iam::" + c.caller.account() + ":user/" + name
	if name == "" || u != nil && u.arn.name() == name {
		resource = u.arn.String()
	}
	if !c.caller.may(&access{
		action: "iam:" + action, resource: resource, context: c.caller.context(c.now),
	}) {
		return nil, denied("User: " + c.caller.arn() + " is not authorized to perform: iam:" + action +
			" on resource: user " + name + " because no identity-based policy allows the iam:" + action +
			" action")
	}
	if name == "" {
		return u, nil
	}
	for _, u := range c.users {
		if u.arn.account == c.caller.account() && u.arn.name() == name {
			return u, nil
		}
	}
	return nil, noSuchEntity("The user with name " + name + " cannot be found.")
}

func noSuchEntity(message string) *apiError {
	return fail(http.StatusNotFound, "NoSuchEntity", message)
}

// keysOf returns the IDs of a user's access keys.
func (c *call) keysOf(u *user) []string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(c.keys)) {
		if c.keys[id].user == u {
			ids = append(ids, id)
		}
	}
	return ids
}

func (k *userKey) metadata(id string) keyMetadata {
	status := "Active"
	if k.inactive {
		status = "Inactive"
	}
	return keyMetadata{k.user.arn.name(), id, status, k.created.UTC().Format(timeFormat)}
}

func (c *call) listAccessKeys() (*result, *apiError) {
	u, err := c.target("ListAccessKeys")
	if err != nil {
		return nil, err
	}
	out := &result{}
	for _, id := range c.keysOf(u) {
		out.Keys = append(out.Keys, c.keys[id].metadata(id))
	}
	return out, nil
}

func (c *call) createAccessKey() (*result, *apiError) {
	u, err := c.target("CreateAccessKey")
	if err != nil {
		return nil, err
	}
	if len(c.keysOf(u)) >= maxUserKeys {
		return nil, fail(http.StatusConflict, "LimitExceeded",
			"Cannot exceed quota for AccessKeysPerUser: 2")
	}
	key := c.addKey(u, c.now)
	stored := c.keys[key.ID]
	stored.works = c.now.Add(c.keyDelay)
	return &result{Key: &createdKey{stored.metadata(key.ID), key.Secret}}, nil
}

// changed returns the key that a request names. The parameters must include it.
func (c *call) changed(action string) (id string, k *userKey, _ *apiError) {
	id = c.params.required("AccessKeyId", accessKeyID)
	u, err := c.target(action)
	if err != nil {
		return "", nil, err
	}
	k, ok := c.keys[id]
	if !ok || k.user != u {
		return "", nil, noSuchEntity("The Access Key with id " + id + " cannot be found.")
	}
	return id, k, nil
}

func (c *call) updateAccessKey() (*result, *apiError) {
	status := c.params.required("Status", keyStatus)
	_, k, err := c.changed("UpdateAccessKey")
	if err != nil {
		return nil, err
	}
	if status != "Active" && status != "Inactive" {
		return nil, invalid("Value at 'status' failed to satisfy constraint: Member must satisfy " +
			"enum value set: [Active, Inactive]")
	}
	k.inactive = status == "Inactive"
	return nil, nil
}

func (c *call) deleteAccessKey() (*result, *apiError) {
	id, _, err := c.changed("DeleteAccessKey")
	if err != nil {
		return nil, err
	}
	delete(c.keys, id)
	return nil, nil
}

func (c *call) getAccessKeyLastUsed() (*result, *apiError) {
	id := c.params.required("AccessKeyId", accessKeyID)
	if err := c.params.err(); err != nil {
		return nil, err
	}
	k, ok := c.keys[id]
	if !ok || !c.caller.may(&access{
		action: "iam:GetAccessKeyLastUsed", resource: k.user.arn.String(),
		context: c.caller.context(c.now),
	}) {
		return nil, denied("User: " + c.caller.arn() +
			" is not authorized to perform: iam:GetAccessKeyLastUsed on resource: access key " + id)
	}
	used := &keyUseXML{ServiceName: "N/A", Region: "N/A"}
	if !k.used.at.IsZero() {
		used = &keyUseXML{k.used.at.UTC().Format(timeFormat), k.used.service, k.used.region}
	}
	return &result{UserName: k.user.arn.name(), LastUsed: used}, nil
}

// AllowOwnKeys returns a policy that allows users to replace their access keys. With mfa, it
// requires a session with MFA.
func AllowOwnKeys(userARN string, mfa bool) string {
	condition := ""
	if mfa {
		condition = `, "Condition": {"Bool": {"` + keyMFAPresent + `": "true"}}`
	}
	return `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["iam:*AccessKey*"], ` +
		`"Resource": "` + strings.ReplaceAll(userARN, `"`, "") + `"` + condition + `}}`
}
