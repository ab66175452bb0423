package plan

import (
	"crypto/sha256"

	"aws-credproc/internal/files"
	"aws-credproc/profiles"
)

// MaxCABundle is the size limit, in bytes, of a CA bundle. A bundle of all public authorities has
// about 250 KB.
const MaxCABundle = 16 << 20

// CABundle returns the path of the CA bundle that is configured for the connections of a profile,
// and the variable or setting that names it. It returns "" if there is none.
func CABundle(p profiles.Section, getenv func(string) string) (path, from string) {
	const variable, key = "AWS_CA_BUNDLE", "ca_bundle"
	if path := getenv(variable); path != "" {
		return path, variable
	}
	return p.Get(key), key
}

// addCABundles adds the content of the CA bundles of a chain's connections. So a session that was
// obtained through a proxy with its own CA is returned only while that CA is configured. If no CA
// bundle is configured, it adds nothing and reads no file.
func (k keyHash) addCABundles(c profiles.Chain, getenv func(string) string) {
	path, _ := CABundle(c.Profile, getenv)
	sourcePath := ""
	if c.Source.CallsService() {
		sourcePath, _ = CABundle(c.SourceProfile, getenv)
	}
	if path == "" && sourcePath == "" {
		return
	}
	id := fileID(path)
	sourceID := id
	if sourcePath != path {
		sourceID = fileID(sourcePath)
	}
	k.add("CA bundle", id, sourceID)
}

// fileID returns a hash of the content of a file. It returns no error for a file that cannot be
// read: the connection then fails and reports it.
func fileID(path string) string {
	if path == "" {
		return ""
	}
	hash := sha256.New()
	if err := files.Copy(hash, path, MaxCABundle); err != nil {
		return "unreadable: " + path
	}
	return string(hash.Sum(nil))
}
