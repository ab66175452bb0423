package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"aws-credproc/internal/ststest"
)

// TestE2ESecretsOutliveTheService kills each Secret Service at random times around "import", "mfa
// add" and "rotate", SERVICE_KILLS times. After a restart, the key must be in the keyring, in the
// credentials file or in its copy, and a seed must be in the keyring, unless the command has
// reported that it may be lost. A key that is rotated must work.
func TestE2ESecretsOutliveTheService(t *testing.T) {
	program := buildProgram(t)
	kills := 6
	if text := os.Getenv("SERVICE_KILLS"); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range services() {
		if s.name == asks { // which stores no secret
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			m := newMatrix(t, program, s)
			stored := 0
			for n := range kills {
				switch {
				case n%3 == 0:
					stored += m.killImport(t)
				case n%3 == 1:
					stored += m.killAdd(t)
				case s.name != "KeePassXC":
					stored += m.killRotate(t)
				}
			}
			t.Logf("%d kills: after %d, the secret was in the keyring", kills, stored)
		})
	}
}

// interrupt runs the program, kills the service meanwhile, and starts it again. It returns the
// output.
func (m *matrix) interrupt(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hangLimit)
	defer cancel()
	var output bytes.Buffer
	cmd := exec.CommandContext(ctx, m.program, args...)
	cmd.Dir, cmd.Env, cmd.Stdin = m.dir, m.env, strings.NewReader(stdin)
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(rand.N(80 * time.Millisecond)) // a command takes half of that
	m.d.kill(m.daemon.cmd)
	_ = cmd.Wait() // it fails if it needed the service
	m.daemon.cmd = m.daemon.start()
	if ctx.Err() != nil {
		t.Fatalf("%s: %s", args[0], output.String())
	}
	return output.String()
}

// killImport returns 1 if the key is in the keyring then.
func (m *matrix) killImport(t *testing.T) int {
	t.Helper()
	credentials := m.path("credentials")
	m.write(t, "credentials", accessKey{m.user.Key.ID, m.user.Key.Secret}.section("base"))
	m.write(t, "config", m.config("eu-west-1", "role/Dev", "", m.sts.URL))
	output := m.interrupt(t, "", "import", "base", "--yes")
	copies, err := filepath.Glob(credentials + "*")
	if err != nil {
		t.Fatal(err)
	}
	isInFile := false
	for _, path := range copies {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		isInFile = isInFile || strings.Contains(string(text), m.user.Key.Secret)
		_ = os.Remove(path)
	}
	r := m.run(t, m.program, "get", "base")
	isStored := strings.Contains(r.stdout, m.user.Key.Secret)
	if !isInFile && !isStored {
		t.Errorf("import lost the key: %s%s", output, r.stderr)
	}
	return btoi(isStored)
}

// killAdd returns 1 if the seed is in the keyring then.
func (m *matrix) killAdd(t *testing.T) int {
	t.Helper()
	m.write(t, "config", "[profile mfa]\nmfa_serial = "+mfaSerial+"\n")
	output := m.interrupt(t, seedText, "mfa", "add", mfaSerial, "--timeout", "1s")
	isStored := strings.Contains(m.ok(t, m.program, "mfa", "list", "--json"), `"seed": true`)
	// The device cannot be registered without the second code.
	isDone := strings.Contains(output, "second code: ") || strings.Contains(output, "no second code")
	if isDone && !isStored && !strings.Contains(output, "to disk yet") {
		t.Errorf("mfa add lost the seed: %s", output)
	}
	m.ok(t, m.program, "mfa", "remove", mfaSerial) // an item without its seed may be left
	return btoi(isStored)
}

// killRotate returns 1 if the keyring has the new key then. It must have one that works. The next
// rotation must leave the user no other. With KeePassXC, which does not report when it writes, the
// old key stays active: see TestRotationKeepsOldKeyUntilNewOneIsOnDisk.
func (m *matrix) killRotate(t *testing.T) int {
	t.Helper()
	if err := m.sts.SetUserPolicy(m.user.ARN, ststest.AllowOwnKeys(m.user.ARN, false)); err != nil {
		t.Fatal(err)
	}
	before := m.home
	m.home = m.with("AWS_ENDPOINT_URL=" + m.sts.URL)
	defer func() { m.home = before }()
	m.write(t, "config", m.config("eu-west-1", "role/Dev", "", m.sts.URL))
	if r := m.run(t, m.program, "whoami", "base"); r.code != 0 {
		m.write(t, "credentials", accessKey{m.user.Key.ID, m.user.Key.Secret}.section("base"))
		m.ok(t, m.program, "import", "base", "--yes")
	}
	output := m.interrupt(t, "", "rotate", "base", "--yes")
	get := func() accessKey {
		t.Helper()
		var key accessKey
		if err := json.Unmarshal([]byte(m.ok(t, m.program, "get", "base")), &key); err != nil {
			t.Fatal(err)
		}
		return key
	}
	key := get()
	if active := m.sts.AccessKeys(m.user.ARN)[key.ID]; !active {
		t.Fatalf("the key in the keyring does not work: %s", output)
	}
	isStored := key.ID != m.user.Key.ID
	m.ok(t, m.program, "rotate", "base", "--yes")
	key = get()
	m.user.Key = ststest.AccessKey{ID: key.ID, Secret: key.Secret}
	if keys := m.sts.AccessKeys(m.user.ARN); len(keys) != 1 || !keys[key.ID] {
		t.Errorf("keys %v, want %s", keys, key.ID)
	}
	return btoi(isStored)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
