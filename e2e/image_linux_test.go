package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// image is what the last stage of packaging/Dockerfile makes.
type image struct {
	copies map[string]string // from the path in the stage build
	env    []string
	user   string
	entry  string
}

// readDockerfile reads packaging/Dockerfile. It fails for an instruction that it does not know.
func readDockerfile(t *testing.T) image {
	t.Helper()
	text, err := os.ReadFile(repoPath(t, "packaging", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	_, last, ok := strings.Cut(string(text), "\nFROM scratch\n")
	if !ok {
		t.Fatal("the last stage is not FROM scratch")
	}
	i := image{copies: map[string]string{}}
	for line := range strings.Lines(last) {
		instruction, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch words := strings.Fields(rest); {
		case instruction == "COPY" && len(words) == 3 && words[0] == "--from=build":
			i.copies[words[1]] = words[2]
		case instruction == "ENV":
			i.env = words
		case instruction == "USER":
			i.user = rest
		case instruction == "ENTRYPOINT":
			i.entry = strings.Trim(rest, `["]`)
		default:
			t.Fatalf("unknown instruction %q", line)
		}
	}
	return i
}

// TestE2EServeImage runs the files of the container image as its user, without any other file, as
// the compose file does. Docker is not needed.
func TestE2EServeImage(t *testing.T) {
	n := newNetworks(t)
	needCommands(t, "chroot", "curl")
	i := readDockerfile(t)
	if !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(i.user) {
		t.Errorf("the user %q is root, or has a name, which an empty image cannot resolve", i.user)
	}
	s, h := newDev(t)
	forward(t, n.creds, strings.TrimPrefix(s.URL, "http://"))
	root := t.TempDir()
	for from, to := range i.copies {
		switch from {
		case "/out/aws-credproc":
			from = buildProgram(t)
		case "/etc/ssl/certs/ca-certificates.crt":
			need(t, exists(from), "ca-certificates")
		default:
			t.Fatalf("unknown file %s", from)
		}
		copyInto(t, root, from, to, 0o755)
	}
	const token = "0123456789abcdef0123456789abcdef"
	secret := filepath.Join(h.dir, "creds-token")
	if err := os.WriteFile(secret, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	copyInto(t, root, h.path("config"), "/aws/config", 0o644)
	copyInto(t, root, h.path("credentials"), "/aws/credentials", 0o644)
	copyInto(t, root, secret, "/run/secrets/creds-token", 0o444)
	makeStateDir(t, root, i.user)

	compose, err := os.ReadFile(repoPath(t, "packaging", "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	setting := func(name string) string {
		m := regexp.MustCompile(`(?m)^ +` + name + `: (.*)$`).FindSubmatch(compose)
		if m == nil {
			t.Fatalf("the compose file has no %s", name)
		}
		return string(m[1])
	}
	command := strings.Fields(setting("command"))
	if command[0] != "serve" || command[1] != "dev" {
		t.Fatalf("the command is %q", command)
	}
	in := &home{dir: h.dir, env: append([]string{"PATH=" + os.Getenv("PATH"),
		"AWS_ENDPOINT_URL_STS=" + s.URL, "AWS_CONFIG_FILE=" + setting("AWS_CONFIG_FILE"),
		"AWS_SHARED_CREDENTIALS_FILE=" + setting("AWS_SHARED_CREDENTIALS_FILE")}, i.env...)}
	inImage := []string{"chroot", "--userspec=" + i.user, root, i.entry}
	e := in.startIn(t, n.creds, append(inImage, command...))
	if e.url != setting("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
		t.Errorf("the URL is %s", e.url)
	}
	out := h.ok(t, "ip", "netns", "exec", n.creds, "setpriv", "--reuid", "1", "--clear-groups",
		"curl", "-sS", "-m", "30", "-H", "Authorization: "+token, e.url)
	if !strings.Contains(out, `"AccessKeyId":"ASIA`) {
		t.Errorf("a response of %d bytes without credentials", len(out))
	}
	healthy := append(append([]string{}, inImage...), "status", "--quiet", "dev")
	if r := in.run(t, healthy[0], healthy[1:]...); r.code != 0 {
		t.Errorf("the health check: exit %d: %s", r.code, r.stderr)
	}
	e.stop(t)
	if e.stderr.Len() > 0 {
		t.Errorf("stderr %s", e.stderr.String())
	}
}

// copyInto copies a file to a path of another root directory.
func copyInto(t *testing.T, root, from, to string, mode os.FileMode) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(root+to), 0o755)
	}
	if err == nil {
		err = os.WriteFile(root+to, b, mode)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// makeStateDir makes the directory that the compose file mounts as a tmpfs.
func makeStateDir(t *testing.T, root, user string) {
	t.Helper()
	dir := root + "/run/credproc"
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for path := root; path != "/tmp"; path = filepath.Dir(path) { // t.TempDir is private
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("chown", user, dir).CombinedOutput(); err != nil {
		t.Fatalf("chown: %v\n%s", err, out)
	}
}
