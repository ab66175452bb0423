package e2e_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"aws-credproc/internal/ststest"
	"aws-credproc/internal/terminal/ptytest"
)

// importTest is a home whose credentials file has CRLF line ends, an access key in [base] and other
// profiles around it.
type importTest struct {
	*keyringTest
	config, credentials string // before import
	key                 ststest.AccessKey
}

func newImportTest(t *testing.T, program string, env ...string) *importTest {
	k := newKeyringTest(t, program, env...)
	i := &importTest{keyringTest: k, key: k.user.Key}
	i.credentials = strings.ReplaceAll("# mine\n"+
		"[other]\naws_access_key_id=AKIAOTHER\naws_secret_access_key=foo\n\n"+
		"[base] \n# why\naws_access_key_id = "+i.key.ID+"\noutput = json\n"+
		"aws_secret_access_key = "+i.key.Secret+"\nregion = eu-west-1\n\n"+
		"[last]\naws_access_key_id=AKIALAST\naws_secret_access_key=bar", "\n", "\r\n")
	i.config = strings.TrimSuffix(k.config("eu-west-1", "role/Dev", "", k.sts.URL), "\n")
	i.write(t, "credentials", i.credentials)
	i.write(t, "config", i.config)
	t.Cleanup(func() {
		k.ok(t, program, "clear", "--all")
		_ = k.run(t, "secret-tool", "clear", "service", keysService)
	})
	return i
}

// keysService is the service of the keyring items of imported keys.
const keysService = "aws-credproc-keys"

// keysItem returns the user name of the keyring item of the imported keys of base.
func (i *importTest) keysItem() string { return "base in " + i.path("config") }

// importItems returns the user names of the keyring items of imported keys.
func (i *importTest) importItems(t *testing.T) (users []string) {
	t.Helper()
	r := i.run(t, "secret-tool", "search", "--all", "service", keysService)
	for line := range strings.Lines(r.stdout + r.stderr) {
		user, ok := strings.CutPrefix(line, "attribute.username = ")
		if ok && strings.Contains(user, i.dir) {
			users = append(users, strings.TrimSpace(user))
		}
	}
	return users
}

// inKeyring reports whether the keyring has this secret for base.
func (i *importTest) inKeyring(t *testing.T, secret string) bool {
	t.Helper()
	r := i.run(t, "secret-tool", "lookup", "service", keysService, "username", i.keysItem())
	return strings.Contains(r.stdout, `"secret_access_key":`+quoted(secret))
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // cannot happen for a string
	}
	return string(b)
}

func (h *home) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(h.path(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// unchanged checks that both files are unchanged and that there are no other files.
func (i *importTest) unchanged(t *testing.T) {
	t.Helper()
	if i.read(t, "config") != i.config || i.read(t, "credentials") != i.credentials {
		t.Fatal("the files have changed")
	}
	i.noOtherFiles(t)
}

// noOtherFiles checks that no other files are left in ~/.aws.
func (i *importTest) noOtherFiles(t *testing.T) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(i.dir, ".aws"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if n := e.Name(); n != "config" && n != "credentials" && n != "config.aws-credproc.lock" {
			t.Errorf("%s is left", n)
		}
	}
}

// filesWith returns the files in the home that contain a text.
func (h *home) filesWith(t *testing.T, text string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			var b []byte
			if b, err = os.ReadFile(path); strings.Contains(string(b), text) {
				found = append(found, path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// importOK runs import, which must succeed without warnings and without printing a secret.
func (i *importTest) importOK(t *testing.T, args ...string) string {
	t.Helper()
	r := i.run(t, i.program, append([]string{"import", "base", "--yes"}, args...)...)
	if r.code != 0 || r.stderr != "" || strings.Contains(r.stdout, i.key.Secret) ||
		strings.Contains(r.stdout, "foo") {
		t.Fatalf("exit code %d\n%s\n%s", r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// printsKey checks that "get base" prints the long-term key.
func (i *importTest) printsKey(t *testing.T, key ststest.AccessKey) {
	t.Helper()
	var got processOutput
	out := i.ok(t, i.program, "get", "base")
	if err := json.Unmarshal([]byte(out), &got); err != nil || got.AccessKeyId != key.ID ||
		got.SecretAccessKey != key.Secret || strings.Contains(out, "Expiration") ||
		strings.Contains(out, "SessionToken") {
		t.Errorf("get base printed the key %q, %v", got.AccessKeyId, err)
	}
}

// doctorFinds checks that doctor finds one error, which is about the imported keys.
func (i *importTest) doctorFinds(t *testing.T, problem, fix string) {
	t.Helper()
	r := i.run(t, i.program, "doctor")
	shown := strings.Join(strings.Fields(r.stdout), " ")
	if r.code != 1 || r.stderr != "" || !strings.Contains(shown, "error[imported-keys]: "+problem) ||
		!strings.Contains(shown, fix) || !strings.Contains(shown, " 1 error") {
		t.Errorf("doctor: exit code %d\n%s\n%s", r.code, r.stdout, r.stderr)
	}
}

func TestE2EImport(t *testing.T) {
	service := startSecretService(t)
	program := buildProgram(t)
	start := func(t *testing.T) *importTest { return newImportTest(t, program, service.env...) }

	t.Run("clients and roles", func(t *testing.T) {
		i := start(t)
		i.get(t, 0, 1)
		dry := i.ok(t, program, "import", "base", "--dry-run")
		i.unchanged(t)
		out := i.importOK(t)
		if !strings.HasPrefix(out, dry) ||
			!strings.HasSuffix(out, "\nbase: moved access key "+i.key.ID+" to the keyring\n") ||
			!strings.Contains(out, "\n-aws_secret_access_key = ***\n") {
			t.Errorf("printed\n%s", out)
		}
		if found := i.filesWith(t, i.key.Secret); len(found) > 0 {
			t.Errorf("the secret is in %q", found)
		}
		i.noOtherFiles(t)
		i.get(t, 0, 0) // the cached session is still used
		i.printsKey(t, i.key)

		imported := i.read(t, "config")
		i.ok(t, program, "setup", "dev-role", "--yes")
		i.get(t, 0, 0)
		i.ok(t, program, "setup", "dev-role", "--yes", "--undo")
		if i.read(t, "config") != imported {
			t.Error("setup and setup --undo have changed the config file")
		}
		i.ok(t, program, "setup", "base")
		i.ok(t, program, "doctor")
		i.run(t, program, "setup", "--undo", "base").failed(t, 1, "hint: aws-credproc import --undo base")

		whoami := func(profile, want string) {
			for _, c := range clients[:3] {
				h := i.with("AWS_ENDPOINT_URL_STS="+i.sts.URL, "AWS_PROFILE="+profile)
				args := c.whoami(t, i.sts.URL)
				if c.name == "boto3" {
					args[len(args)-1] = profile
				}
				if out := h.ok(t, c.find(t), args...); !strings.Contains(out, want) {
					t.Errorf("%s, %s: %s", c.name, profile, out)
				}
			}
		}
		i.write(t, "config", i.read(t, "config")+"\n\n"+
			"[profile dev]\nregion = eu-west-1\ncredential_process = "+program+" get dev-role\n")
		whoami("base", userARN("jill"))
		i.calls = i.sts.Calls("AssumeRole")
		i.ok(t, program, "clear", "dev-role")
		whoami("dev", "assumed-role/Dev/")
		i.called(t, 1)

		var x struct{ Chain []json.RawMessage }
		if err := json.Unmarshal([]byte(i.ok(t, program, "explain", "dev", "--json")), &x); err != nil {
			t.Fatal(err)
		}
		got := strings.Join(strings.Fields(string(x.Chain[0])), "")
		if got != `{"type":"keyring","profile":"base","access_key_id":"`+i.key.ID+`"}` {
			t.Errorf("explained as %s", got)
		}
		row := regexp.MustCompile(`(?m)^base +- +- +key in keyring +eu-west-1$`)
		if out := i.ok(t, program, "list"); !row.MatchString(out) {
			t.Errorf("listed as\n%s", out)
		}

		// With a cached session the item of the keys is not needed.
		i.ok(t, "secret-tool", "clear", "service", keysService, "username", i.keysItem())
		i.get(t, 0, 0)
		i.run(t, program, "get", "base").
			failed(t, 1, "no long-term keys of this profile are in the keyring",
				"run aws-credproc import base")
		i.doctorFinds(t, "base: the imported keys are no longer in the keyring",
			"add the keys to the credentials file as [base], then run aws-credproc import base")
		i.run(t, program, "import", "base").
			failed(t, 1, "its keys are neither in the keyring nor in the files")
		i.run(t, program, "import", "--undo", "base").
			failed(t, 1, "its keys are neither in the keyring nor in the files")
	})

	t.Run("stdin", func(t *testing.T) { testImportStdin(t, start(t)) })

	t.Run("undo restores the files", func(t *testing.T) {
		i := start(t)
		i.importOK(t)
		i.importOK(t) // does nothing
		if out := i.importOK(t, "--undo"); strings.Contains(out, i.key.Secret) {
			t.Error("the secret was printed")
		}
		i.unchanged(t)
		if items := i.importItems(t); len(items) > 0 {
			t.Errorf("keyring items: %q, want none", items)
		}
		if found := i.filesWith(t, i.key.ID); len(found) != 1 {
			t.Errorf("the access key ID is in %q", found)
		}
		i.get(t, 0, 1)
		if out := i.importOK(t, "--undo"); out != "base: no keys in the keyring, nothing to undo\n" {
			t.Errorf("printed\n%s", out)
		}
	})

	t.Run("a new key replaces the old one", func(t *testing.T) {
		i := start(t)
		i.importOK(t)
		i.get(t, 0, 1)
		key, err := i.sts.AddAccessKey(i.user.ARN)
		if err != nil {
			t.Fatal(err)
		}
		old := i.key
		i.key = key
		i.write(t, "credentials",
			i.read(t, "credentials")+"\n"+accessKey{key.ID, "hush"}.section("unused"))
		i.get(t, 0, 0)
		i.write(t, "credentials", strings.Replace(i.read(t, "credentials"), "[base]",
			"[was]\n"+strings.TrimSpace(accessKey{key.ID, key.Secret}.section("base")), 1))
		i.run(t, program, "import", "--undo", "base", "--yes").
			failed(t, 1, "the access key is not the one in the keyring")
		want := "moved access key " + key.ID + " to the keyring, replacing " + old.ID
		if out := i.importOK(t); !strings.Contains(out, want) {
			t.Errorf("printed\n%s", out)
		}
		if items := i.importItems(t); len(items) != 1 {
			t.Errorf("keyring items: %q", items)
		}
		i.printsKey(t, key)
		i.get(t, 0, 1)
		i.importOK(t, "--undo")
		if text := i.read(t, "config"); text != i.config {
			t.Errorf("the config file is\n%s", text)
		}
	})

	t.Run("several profiles", func(t *testing.T) {
		i := start(t)
		second := "[profile second]\r\naws_access_key_id = AKIASECOND\r\n" +
			"aws_secret_access_key = second\r\n# end\r\n"
		i.config = second + i.config
		i.write(t, "config", i.config)
		i.importOK(t)
		for _, name := range []string{"second", "other", "last"} {
			i.ok(t, program, "import", name, "--yes")
		}
		if items := i.importItems(t); len(items) != 4 {
			t.Errorf("keyring items: %q", items)
		}
		for name, id := range map[string]string{
			"second": "AKIASECOND", "other": "AKIAOTHER", "last": "AKIALAST", "base": i.key.ID,
		} {
			if out := i.ok(t, program, "get", name); !strings.Contains(out, `"`+id+`"`) {
				t.Errorf("get %s prints a wrong key", name)
			}
		}
		for _, name := range []string{"other", "last", "base", "second"} {
			i.ok(t, program, "import", name, "--undo", "--yes")
		}
		// The sections are removed in another order than they were added.
		if i.read(t, "credentials") != i.credentials ||
			strings.TrimSpace(i.read(t, "config")) != strings.TrimSpace(i.config) {
			t.Error("the files have changed")
		}
	})

	t.Run("interrupted between the two files", func(t *testing.T) {
		i := start(t)
		// The keys in the config file are not used, because the credentials file has some too.
		i.config = accessKey{"AKIAOLD", "old"}.section("profile base") + i.config
		i.write(t, "config", i.config)
		i.importOK(t)
		i.write(t, "credentials", i.credentials)
		i.printsKey(t, i.key)
		i.importOK(t)
		i.importOK(t, "--undo")
		i.unchanged(t)
	})

	t.Run("MFA", func(t *testing.T) {
		i := start(t)
		const seed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
		if err := i.sts.AddMFADevice(i.user.ARN, mfaSerial, seed); err != nil {
			t.Fatal(err)
		}
		code, err := totp.GenerateCode(seed, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		i.write(t, "config", i.config+"\nmfa_serial = "+mfaSerial+"\nmfa_process = echo "+code+"\n")
		i.importOK(t)
		i.get(t, 0, 1)
		if n := i.sts.Calls("GetSessionToken"); n != 1 {
			t.Errorf("%d GetSessionToken calls", n)
		}
	})

	t.Run("state directory deleted", func(t *testing.T) {
		i := start(t)
		i.importOK(t)
		if err := os.RemoveAll(filepath.Join(i.dir, "state")); err != nil {
			t.Fatal(err)
		}
		i.run(t, program, "get", "base").failed(t, 1, "aws-credproc import base finds them")
		r := i.run(t, program, "doctor")
		const fix = "fix: if its keys were imported, find them again with: aws-credproc import base else "
		if r.code != 1 || !strings.Contains(strings.Join(strings.Fields(r.stdout), " "), fix) {
			t.Errorf("doctor: exit code %d\n%s\n%s", r.code, r.stdout, r.stderr)
		}
		if out := i.importOK(t); out != "base: access key "+i.key.ID+" is already in the keyring\n" {
			t.Errorf("printed\n%s", out)
		}
		i.printsKey(t, i.key)
	})

	t.Run("keyring locked", func(t *testing.T) {
		i := start(t)
		service.lock(t)
		unlock := func() {
			if service.locked(t) {
				service.unlock(t)
			}
		}
		t.Cleanup(unlock)
		i.run(t, program, "import", "base", "--yes").failed(t, 3, "base: import: keyring: locked\n"+
			"aws-credproc: hint: unlock the keyring, then run aws-credproc import base")
		i.unchanged(t)
		unlock()
		i.importOK(t)
		i.get(t, 0, 1)
		service.lock(t)
		i.run(t, program, "get", "base").
			failed(t, 3, "keyring: locked\naws-credproc: hint: unlock the keyring")
		i.doctorFinds(t, "base: the imported keys are in the keyring, which is locked",
			"unlock the keyring, then run aws-credproc refresh base")
		config := i.read(t, "config")
		_, devRole, _ := strings.Cut(config, "[profile dev-role]")
		devRole, _, _ = strings.Cut(devRole, "[profile base]")
		i.write(t, "config",
			config+"\n[profile two]"+devRole+"region = eu-west-2\nexternal_id = two\n")
		r := i.run(t, program, "refresh", "--all")
		const locked = "dev-role: profile base: keyring: locked\naws-credproc: hint: "
		if r.code != 3 || !strings.Contains(r.stderr, locked) ||
			!strings.HasSuffix(r.stderr, "\naws-credproc: two: the same: keyring: locked\n") {
			t.Errorf("exit code %d\n%s", r.code, r.stderr)
		}
		i.write(t, "config", config)
		i.run(t, program, "import", "base", "--undo", "--yes").
			failed(t, 3, "then run aws-credproc import --undo base")
		unlock()
		i.get(t, 0, 0)
		i.printsKey(t, i.key)
	})

	t.Run("invalid keyring item", func(t *testing.T) {
		i := start(t)
		i.importOK(t)
		for item, want := range map[string][2]string{
			"{": {"cannot be read from the keyring: corrupt",
				"add the keys to the credentials file as [base], then run aws-credproc import base"},
			"": {"are no longer in the keyring", // as KWallet leaves it after a crash
				"add the keys to the credentials file as [base], then run aws-credproc import base"},
			`{"v":9}`: {"cannot be read from the keyring: written by a newer version",
				"use the newer version of aws-credproc everywhere"},
		} {
			i.runInput(t, item, "secret-tool", "store", "--label", "x",
				"service", keysService, "username", i.keysItem())
			i.doctorFinds(t, "base: the imported keys "+want[0], want[1])
		}
	})

	t.Run("no keyring", func(t *testing.T) {
		i := start(t)
		none := i.with("DBUS_SESSION_BUS_ADDRESS=unix:path=" + filepath.Join(t.TempDir(), "bus"))
		none.run(t, program, "import", "base", "--yes").failed(t, 1, "import needs a keyring")
		i.unchanged(t)
		i.importOK(t)
		(&importTest{keyringTest: &keyringTest{home: none, program: program}}).doctorFinds(t,
			"base: the imported keys cannot be read, because there is no keyring: not available",
			"use it in your desktop session, or run aws-credproc import --undo base there")
		none.run(t, program, "get", "base").
			failed(t, 1, "base: keyring: not available", "the keys of profile base are in the keyring")
	})

	t.Run("read-only files", func(t *testing.T) {
		i := start(t)
		for _, name := range []string{"credentials", "config"} {
			if err := os.Chmod(i.path(name), 0o400); err != nil {
				t.Fatal(err)
			}
			i.run(t, program, "import", "base", "--yes").failed(t, 1,
				name+": cannot be written: read-only\naws-credproc: hint: chmod u+w "+i.path(name))
			i.unchanged(t)
			if err := os.Chmod(i.path(name), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		state := filepath.Join(i.dir, "state")
		if err := os.MkdirAll(state, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(state, 0o777); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(state, 0o700) }) // for the other cleanups
		i.run(t, program, "import", "base", "--yes").failed(t, 1, "state directory")
		i.unchanged(t)
		if items := i.importItems(t); len(items) > 0 {
			t.Errorf("keyring items: %q", items)
		}
	})

	t.Run("backups", func(t *testing.T) {
		i := start(t)
		i.write(t, "credentials.aws-credproc.bak", i.credentials)
		r := i.run(t, program, "import", "base", "--yes", "--keep-backup")
		if r.code != 0 || strings.Count(r.stderr, "\n") != 3 ||
			!strings.Contains(r.stderr, "delete "+i.path("credentials.aws-credproc.bak")) {
			t.Errorf("exit code %d\n%s", r.code, r.stderr)
		}
		found := i.filesWith(t, i.key.Secret)
		if len(found) != 2 {
			t.Fatalf("the secret is in %q", found)
		}
		for _, path := range found {
			if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v", path, err)
			}
		}
	})

	t.Run("other copies of the key", func(t *testing.T) {
		i := start(t)
		text := i.credentials + "\r\n# aws_secret_access_key=" + i.key.Secret + "\r\n" +
			"[same]\r\naws_access_key_id = " + i.key.ID + "\r\n" +
			"aws_secret_access_key = " + i.key.Secret + "\r\n"
		i.write(t, "credentials", text)
		last := strings.Count(text, "\n") - 4 // the line of [same], without the two lines of the key
		kept := i.path("credentials.aws-credproc.20240102T030405.000.bak")
		i.write(t, filepath.Base(kept), i.credentials)
		if err := os.Link(i.path("credentials"), filepath.Join(i.dir, "other")); err != nil {
			t.Fatal(err)
		}
		r := i.run(t, program, "import", "base", "--yes")
		if r.code != 0 || strings.Count(r.stderr, "\n") != 4 || strings.Contains(r.stderr, i.key.Secret) {
			t.Errorf("exit code %d\n%s", r.code, r.stderr)
		}
		for _, want := range []string{
			"credentials had other hard links (1), which still lead to the old file with the key",
			fmt.Sprintf("%s:%d also has the key: delete that line\n", i.path("credentials"), last-1),
			fmt.Sprintf("profile same also has the key, in %s:%d: import that profile too",
				i.path("credentials"), last+2),
			"a backup also has the key: delete " + kept + " when",
		} {
			if !strings.Contains(r.stderr, want) {
				t.Errorf("stderr does not contain %q:\n%s", want, r.stderr)
			}
		}
	})

	t.Run("confirmation", func(t *testing.T) {
		i := start(t)
		i.run(t, "setsid", "-w", program, "import", "base").
			failed(t, 3, "cannot ask for confirmation", "hint: aws-credproc import --yes base")
		i.unchanged(t)
		for _, answer := range []string{"n", "y"} {
			pty := ptytest.New(t)
			cmd := exec.CommandContext(t.Context(), program, "import", "base")
			cmd.Dir, cmd.Env = i.dir, i.env
			cmd.Stdin, cmd.Stdout, cmd.Stderr = pty.TTY, pty.TTY, pty.TTY
			pty.Start(cmd)
			pty.Await("Write these changes? [y/N] ")
			if answer == "n" {
				i.unchanged(t)
			}
			pty.Type(answer + "\n")
			if err := cmd.Wait(); (err == nil) != (answer == "y") {
				t.Errorf("%s: %v; screen %q", answer, err, pty.Shown())
			}
			if strings.Contains(pty.Shown(), i.key.Secret) {
				t.Error("the secret is on the screen")
			}
		}
		if found := i.filesWith(t, i.key.Secret); len(found) > 0 {
			t.Errorf("the secret is in %q", found)
		}
		i.printsKey(t, i.key)
	})
}

// TestE2EImportKilled kills import and import --undo at random moments. The complete key must then
// be in the keyring or in the file, and running the command again must complete it.
func TestE2EImportKilled(t *testing.T) {
	service := startSecretService(t)
	program := buildProgram(t)
	i := newImportTest(t, program, service.env...)
	i.config = "[profile base]\nregion = x\n" +
		"aws_access_key_id = AKIAOLD\naws_secret_access_key = old\n" + i.config // keys in both files
	i.write(t, "config", i.config)
	start := time.Now()
	i.importOK(t)
	took := time.Since(start)
	i.importOK(t, "--undo")
	i.unchanged(t)

	states := map[string]int{}
	for n := range 80 {
		undo := n%2 == 1
		args := []string{"import", "base", "--yes", fmt.Sprintf("--undo=%v", undo)}
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Dir, cmd.Env = i.dir, i.env
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.Int64N(int64(took + took/4))))
		_ = cmd.Process.Kill() // fails if it has ended
		_ = cmd.Wait()

		credentials, config := i.read(t, "credentials"), i.read(t, "config")
		inFile := strings.Contains(credentials, "aws_access_key_id = "+i.key.ID+"\r\n") &&
			strings.Contains(credentials, "aws_secret_access_key = "+i.key.Secret+"\r\n")
		inKeyring := i.inKeyring(t, i.key.Secret)
		if !inFile && !inKeyring {
			t.Fatalf("undo %v: the key is lost", undo)
		}
		if !inFile && !undo {
			i.printsKey(t, i.key)
		}
		states[fmt.Sprintf("undo %v: in the file %v, in the keyring %v, wired %v, done %v",
			undo, inFile, inKeyring, strings.Contains(config, "get base"),
			cmd.ProcessState.Success())]++

		i.importOK(t, args[3])
		i.noOtherFiles(t)
		if undo {
			i.unchanged(t)
			if items := i.importItems(t); len(items) > 0 {
				t.Fatalf("keyring items: %q, want none", items)
			}
			continue
		}
		found := append(i.filesWith(t, i.key.Secret), i.filesWith(t, "= old")...)
		if len(found) > 0 {
			t.Fatalf("a secret is in %q", found)
		}
	}
	for state, n := range states {
		t.Logf("%3d  %s", n, state)
	}
	if len(states) < 4 {
		t.Error("too few different states: this test is not meaningful")
	}
}

// testImportStdin moves the key of an aws-vault user without a file.
func testImportStdin(t *testing.T, i *importTest) {
	const vault = "credential_process = aws-vault export --format=json --no-session jill\n"
	i.config += "\n\n[profile jill]\n" + vault + "region = eu-west-1\n"
	i.write(t, "config", i.config)
	text := `{"Version": 1, "AccessKeyId": ` + quoted(i.key.ID) + `, "SecretAccessKey": ` +
		quoted(i.key.Secret) + "}\n"
	i.credentials = "[other]\n" // no file has the key
	i.write(t, "credentials", i.credentials)
	i.runInput(t, text, i.program, "import", "jill", "--stdin").
		failed(t, 3, "hint: aws-credproc import --yes --stdin jill")
	i.runInput(t, strings.Replace(text, "}", `, "SessionToken": "t"}`, 1), i.program, "import", "jill",
		"--stdin", "--yes").failed(t, 1, "temporary credentials")
	i.unchanged(t)
	lines := "aws_access_key_id = AKIANEW\naws_secret_access_key = new\n"
	for _, step := range []struct{ profile, text, printed string }{
		{"jill", text, "jill: stored access key " + i.key.ID + " in the keyring\n"},
		{"jill", text, "jill: access key " + i.key.ID + " is already in the keyring\n"},
		{"fresh", text, "fresh: stored access key " + i.key.ID + " in the keyring\n"},
		{"fresh", lines, "fresh: stored access key AKIANEW in the keyring, replacing " + i.key.ID + "\n"},
	} {
		r := i.runInput(t, step.text, i.program, "import", step.profile, "--stdin", "--yes")
		if r.code != 0 || r.stderr != "" || !strings.HasSuffix(r.stdout, step.printed) {
			t.Errorf("%s: exit code %d\n%s%s", step.profile, r.code, r.stdout, r.stderr)
		}
	}
	if found := i.filesWith(t, i.key.Secret); len(found) > 0 {
		t.Errorf("the secret is in %q", found)
	}
	if got := i.run(t, i.program, "get", "jill"); !strings.Contains(got.stdout, quoted(i.key.Secret)) {
		t.Errorf("get jill: exit code %d: %s", got.code, got.stderr)
	}
	if got := i.run(t, i.program, "get", "fresh"); !strings.Contains(got.stdout, `"AKIANEW"`) {
		t.Errorf("get fresh: exit code %d: %s", got.code, got.stderr)
	}
	// A new key replaces one that is nowhere else only if the user agrees.
	i.runInput(t, text, i.program, "import", "fresh", "--stdin").failed(t, 3, "no terminal")
	i.ok(t, i.program, "import", "fresh", "--undo", "--yes")
	i.ok(t, i.program, "import", "jill", "--undo", "--yes")
	if got := i.read(t, "config"); got != strings.Replace(i.config, vault, "# before import: "+vault, 1) {
		t.Errorf("config after undo:\n%s", got)
	}
	want := "[other]\n\n[fresh]\n" + lines + "\n[jill]\naws_access_key_id = " + i.key.ID +
		"\naws_secret_access_key = " + i.key.Secret + "\n"
	if i.read(t, "credentials") != want {
		t.Error("the credentials file has other content after undo")
	}
}
