package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"os"
	"strconv"
	"strings"

	"aws-credproc/cache"
	"aws-credproc/internal/files"
	"aws-credproc/internal/ospath"
	"aws-credproc/profiles"
)

// The variables that tell a container where its credentials are.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
const (
	ContainerRelativeURI = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
	ContainerFullURI     = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
	ContainerTokenFile   = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
)

// setKeys sets the cache key of each link: a hash of everything that decides what STS answers, and
// of nothing else. An edited config or a rotated source key leads to a new session immediately. The
// profile names are not part of it, so profiles with the same chain share a session. Neither is the
// region: a session is valid in every region.
func (p Plan) setKeys(getenv func(string) string) {
	links, c, e := p.Links, p.Chain, p.Endpoint
	k := keyHash{sha256.New()}
	k.add("aws-credproc session", "1")
	k.add("partition", Partition(c))
	k.add("endpoint", e.URL)
	k.add("global", strconv.FormatBool(e.Global))
	for _, s := range p.Services {
		k.add("service", s.ID, s.URL)
	}
	k.addCABundles(c, getenv)
	source := c.Source.Type
	if source == profiles.Keyring {
		source = profiles.Static // importing a key must not cost a call or an MFA code
	}
	k.add(append([]string{"source", string(source)}, sourceIdentity(c.Source, getenv)...)...)
	links[0].key = k.key()
	for i := range links[1:] {
		l := &links[i+1]
		if l.IsSessionToken() {
			k.add(l.Type, c.MFA.Serial, c.MFA.Session.String())
		} else {
			k.addRole(l.Type, *l.Role)
		}
		l.key = k.key()
	}
}

// sourceIdentity returns what distinguishes a source from others. It is read for every get, so it
// must be cheap.
func sourceIdentity(s profiles.Source, getenv func(string) string) []string {
	switch s.Type {
	case profiles.Environment:
		return []string{getenv("AWS_ACCESS_KEY_ID")}
	case profiles.SSO:
		return []string{s.SSOSession, s.SSOStartURL, s.SSOAccountID, s.SSORoleName}
	case profiles.Login:
		return []string{s.LoginSession}
	case profiles.Process:
		return commandIdentity(s.Command, getenv)
	case profiles.WebIdentity:
		return append([]string{
			s.RoleARN, s.RoleSessionName, s.Policy, strings.Join(s.PolicyARNs, ","),
			files.Abs(s.WebIdentityTokenFile),
		}, commandIdentity(s.WebIdentityTokenProcess, getenv)...)
	case profiles.EC2Metadata:
		return []string{
			cmp.Or(getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT"), s.MetadataEndpoint),
			cmp.Or(getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"), s.MetadataEndpointMode),
			BootID(),
		}
	case profiles.ECSMetadata:
		host, err := os.Hostname() // containers of one machine share its boot ID, perhaps a home too
		if err != nil {
			host = ""
		}
		return []string{
			getenv(ContainerRelativeURI), getenv(ContainerFullURI), getenv(ContainerTokenFile),
			BootID(), host,
		}
	}
	return []string{s.AccessKeyID}
}

// commandIdentity returns what distinguishes a command from others. It includes AWS's files and the
// variables that name endpoints, because the same command returns other credentials with others. It
// includes the working directory only if the command may depend on it, or each directory would have
// a session, and an MFA prompt.
func commandIdentity(command string, getenv func(string) string) []string {
	if command == "" {
		return nil
	}
	directory := ""
	if namesRelativeFile(command) {
		directory = files.Abs(".")
	}
	config, credentials := profiles.Paths(getenv)
	return append([]string{command, directory, files.Abs(config), files.Abs(credentials)},
		endpointVariables(getenv)...)
}

// namesRelativeFile reports whether a word of a command line is the path of a file relative to the
// working directory. A word without a slash may be the name of anything: it counts if the file
// exists and the word is not the command, which a shell looks for on the PATH.
func namesRelativeFile(command string) bool {
	isCommand := true
	for _, word := range strings.Fields(ospath.ToSlash(command)) {
		name, value, isAssignment := strings.Cut(word, "=")
		if isAssignment { // a variable before the command, or the value of an option
			word = value
		}
		word = strings.Trim(word, "\"'")
		isPath := strings.Contains(word, "/")
		if word != "" && !ospath.IsAbs(word) && !strings.ContainsAny(word[:1], "/~$%-") &&
			(isPath || !isCommand) {
			if _, err := os.Stat(word); err == nil || isCommand && isPath {
				return true
			}
		}
		isCommand = isCommand && isAssignment && !strings.HasPrefix(name, "-")
	}
	return false
}

// keyHash hashes lists of strings, unambiguously.
type keyHash struct{ hash.Hash }

func (k keyHash) add(fields ...string) {
	var length [8]byte
	put := func(n int) {
		binary.BigEndian.PutUint64(length[:], uint64(n))
		k.Write(length[:]) // a hash's Write never fails
	}
	put(len(fields))
	for _, f := range fields {
		put(len(f))
		k.Write([]byte(f))
	}
}

func (k keyHash) addRole(linkType string, h profiles.Hop) {
	k.add(linkType, h.RoleARN, h.RoleSessionName, h.ExternalID, h.Duration.String(), h.MFASerial,
		h.SourceIdentity, h.Policy)
	for _, t := range h.SessionTags {
		k.add("tag", t.Key, t.Value)
	}
	k.add(append([]string{"transitive"}, h.TransitiveTagKeys...)...)
	k.add(append([]string{"policies"}, h.PolicyARNs...)...)
}

// key returns the key of what has been added so far.
func (k keyHash) key() cache.Key { return cache.Key(k.Sum(nil)) }
