package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"aws-credproc/internal/ststest"
)

const (
	account = "123456789012"
	roleARN = "arn:aws:iam::" + account + ":role/Dev"
	trust   = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
		"Principal": {"AWS": "` + account + `"}, "Action": "sts:AssumeRole"}]}`
	policy = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
		"Action": "sts:AssumeRole", "Resource": "` + roleARN + `"}]}`
)

// bench has an STS, and the home directory of a user who may assume a role.
type bench struct {
	runs int
	bin  string // the directory with the programs
	dir  string // the home directory
	env  []string
	sts  *ststest.Server

	stores []string // the stores that work, see findStores
	notes  []string // printed below the table
}

func newBench(bin string, runs int) (*bench, error) {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	b := &bench{runs: runs, bin: bin, dir: dir}
	if b.sts, err = ststest.Start(); err == nil {
		err = b.writeHome()
	}
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

func (b *bench) close() error {
	err := os.RemoveAll(b.dir)
	if b.sts != nil {
		err = errors.Join(err, b.sts.Close())
	}
	return err
}

// writeHome writes the shared config files, with a profile and session for each store, and sets the
// environment of all programs.
func (b *bench) writeHome() error {
	user, err := b.sts.AddUser(account, "jill", policy)
	if err != nil {
		return err
	}
	if err := b.sts.AddRole(ststest.Role{ARN: roleARN, Trust: trust}); err != nil {
		return err
	}
	var config strings.Builder
	config.WriteString("[profile base]\nregion = eu-west-1\n")
	for _, name := range profiles() {
		fmt.Fprintf(&config, "[profile %s]\nrole_arn = %s\nsource_profile = base\n"+
			"role_session_name = %[1]s\nregion = eu-west-1\n", name, roleARN)
	}
	credentials := fmt.Sprintf("[base]\naws_access_key_id = %s\naws_secret_access_key = %s\n",
		user.Key.ID, user.Key.Secret)
	files := map[string]string{"config": config.String(), "credentials": credentials}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	b.env = []string{
		"HOME=" + b.dir,
		"AWS_CONFIG_FILE=" + filepath.Join(b.dir, "config"),
		"AWS_SHARED_CREDENTIALS_FILE=" + filepath.Join(b.dir, "credentials"),
		"AWS_CREDPROC_STATE_DIR=" + filepath.Join(b.dir, "state"),
		"AWS_ENDPOINT_URL_STS=" + b.sts.URL,
		"HTTPS_PROXY=http://127.0.0.1:9", // no proxy: programs that ignore the endpoint fail
	}
	for _, name := range []string{"PATH", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"} {
		b.env = append(b.env, name+"="+os.Getenv(name))
	}
	return nil
}

// manyProfiles writes a config file with n profiles before those of the benchmark. It returns the
// file's path and size.
func (b *bench) manyProfiles(n int) (path string, size int, err error) {
	var config strings.Builder
	for i := range n {
		fmt.Fprintf(&config, "# team %[1]d\n[profile team-%[1]d]\n"+
			"role_arn = arn:aws:iam::%012[1]d:role/Developer # the usual one\n"+
			"source_profile = base\nregion = eu-west-1\n"+
			"s3 =\n  max_concurrent_requests = 20\n  addressing_style = path\n\n", i)
	}
	own, err := os.ReadFile(filepath.Join(b.dir, "config"))
	if err != nil {
		return "", 0, err
	}
	config.Write(own)
	path = filepath.Join(b.dir, fmt.Sprintf("config-%d", n))
	return path, config.Len(), os.WriteFile(path, []byte(config.String()), 0o600)
}

// cacheKey returns the cache key of a profile, which is the user name of its keyring item.
func (b *bench) cacheKey(profile string) (string, error) {
	out, err := b.credproc("explain", "--json", profile).output()
	if err != nil {
		return "", err
	}
	var explained struct {
		Key string `json:"cache_key"`
	}
	if err := json.Unmarshal(out, &explained); err != nil {
		return "", fmt.Errorf("explain: %w", err)
	}
	return explained.Key, nil
}
