package e2e_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestE2ESecretsOutliveTheService kills each Secret Service at random times around "import" and "mfa
// add", SERVICE_KILLS times. After a restart, the key must be in the keyring, in the credentials file
// or in its copy, and a seed must be in the keyring, unless the command has reported that it may be
// lost.
func TestE2ESecretsOutliveTheService(t *testing.T) {
	program := buildProgram(t)
	kills := 4
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
				if n%2 == 0 {
					stored += m.killImport(t)
				} else {
					stored += m.killAdd(t)
				}
			}
			t.Logf("%d kills: after %d, the secret was in the keyring", kills, stored)
		})
	}
}

// interrupt runs the program, kills the service meanwhile, and starts it again. It returns the output.
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
	if isDone && !isStored && !strings.Contains(output, "to disk later") {
		t.Errorf("mfa add lost the seed: %s", output)
	}
	m.ok(t, m.program, "mfa", "remove", mfaSerial) // an item without its seed may be left
	return btoi(isStored)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
