package e2e_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// flood opens idle connections to a port, again and again. It creates the file "ready" after the
// first round.
const flood = `while :; do
	for i in {1..400}; do exec {fd}<>"/dev/tcp/127.0.0.1/$0" && open+=("$fd"); done 2>/dev/null
	: >ready
	for fd in "${open[@]}"; do exec {fd}>&-; done
	open=()
done`

// steal sends a request with the right token and prints the response.
const steal = `trap "" PIPE # the endpoint may close the connection before the request is sent
exec 3<>"/dev/tcp/127.0.0.1/$0"
printf 'GET /credentials HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nAuthorization: %s\r\nConnection: close\r\n\r\n' \
	"$0" "$1" >&3
timeout 30 cat <&3; exit 0`

// TestE2EServeAndAnotherUser: another user gets no credentials from the endpoint, not even with the
// token, cannot read the token's file, and cannot block the endpoint with idle connections.
func TestE2EServeAndAnotherUser(t *testing.T) {
	other := newOtherUser(t)
	program := buildProgram(t)
	_, h := newDev(t)
	cmd := exec.Command(program, "exec", "dev", "--serve", "--", "sh", "-c",
		`echo "$AWS_CONTAINER_CREDENTIALS_FULL_URI"; echo "$AWS_CONTAINER_AUTHORIZATION_TOKEN"
echo "$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
while read line; do curl -sS -m 30 -H "Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN" \
"$AWS_CONTAINER_CREDENTIALS_FULL_URI" | tr -d '\n'; echo; done`)
	needCommands(t, "curl", "bash")
	cmd.Env, cmd.Stderr = h.with("TMPDIR=/tmp").env, os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	line := func() string {
		lines.Scan()
		return lines.Text()
	}
	url, token, file := line(), line(), line()
	port := strings.TrimSuffix(url[strings.LastIndex(url, ":")+1:], "/credentials")

	ask := func() {
		t.Helper()
		if _, err := stdin.Write([]byte("\n")); err != nil {
			t.Fatal(err)
		}
		if got := line(); !strings.Contains(got, `"AccessKeyId":"ASIA`) {
			t.Errorf("a response of %d bytes without credentials", len(got))
		}
	}
	ask()
	if out := other.output(t, "bash", "-c", steal, port, token); strings.TrimSpace(out) != "" {
		t.Errorf("another user gets a response of %d bytes", len(out))
	}
	if out := other.output(t, "sh", "-c", `cat "$0" 2>/dev/null; ls "${0%/*}" 2>/dev/null; true`,
		file); out != "" {
		t.Errorf("another user can read the token's file")
	}
	other.start(t, nil, "", "bash", "-c", flood, port)
	eventually(t, "the flood", func() bool { return exists(filepath.Join(other.dir, "ready")) })
	begin := time.Now()
	for range 20 {
		ask()
	}
	if took := time.Since(begin); took > hangLimit {
		t.Errorf("20 requests took %s", took)
	}
	stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if exists(file) {
		t.Error("the token's file is left behind")
	}
}

// output runs a command as the other user and returns its stdout.
func (o otherUser) output(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := o.command(name, args...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(out)
}
