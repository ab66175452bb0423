package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"aws-credproc/internal/ststest"
)

// These tests start many processes at once, like a build with hundreds of jobs. STORM_ROUNDS is the
// number of rounds of the tests that kill processes, and STORM_SEED the seed of their random
// numbers.

func TestStorm(t *testing.T) {
	program := buildProgram(t)
	start := func(t *testing.T) *keyringTest {
		k := newKeyringTest(t, program)
		k.home = k.with("AWS_CREDPROC_STORE=file")
		return k
	}
	t.Run("200 processes make one call", func(t *testing.T) { start(t).coldStorm(t, 200) })

	t.Run("200 processes share a denial", func(t *testing.T) {
		k := start(t)
		k.delaySTS(100 * time.Millisecond)
		if err := k.sts.SetUserPolicy(k.user.ARN); err != nil {
			t.Fatal(err)
		}
		results, took := k.storm(t, program, profilesOf(200, "dev-role"), nil)
		first := 0
		for _, r := range results {
			r.failed(t, 1, "AccessDenied", roleARN("Dev"))
			if !strings.Contains(r.stderr, " ago; next attempt in ") {
				first++
			}
		}
		calls := k.sts.Calls("AssumeRole")
		// A denial is cached for 5 seconds. A slow machine may need longer.
		if most := 1 + int(took/(5*time.Second)); calls < 1 || calls > most || first != calls {
			t.Errorf("%d calls, want 1 (at most %d in %s); %d errors without age", calls, most, took, first)
		}
	})

	t.Run("two roles share an intermediate role", func(t *testing.T) {
		k := start(t)
		k.delaySTS(100 * time.Millisecond)
		config := k.config("eu-west-1", "role/Dev", "", k.sts.URL)
		config = strings.Replace(config, "dev-role", "hub", 1)
		calls := map[string]int{roleARN("Dev"): 1}
		for _, name := range []string{"A", "B"} {
			role := ststest.Role{ARN: roleARN(name), Trust: trust(roleARN("Dev"), "")}
			if err := k.sts.AddRole(role); err != nil {
				t.Fatal(err)
			}
			config += "[profile " + name + "]\nrole_arn = " + roleARN(name) + "\nsource_profile = hub\n" +
				"endpoint_url = " + k.sts.URL + "\n"
			calls[roleARN(name)] = 1
		}
		hub := ststest.Role{
			ARN: roleARN("Dev"), Trust: trust(k.user.ARN, ""), Policy: allow("sts:AssumeRole", "*"),
		}
		if err := k.sts.AddRole(hub); err != nil {
			t.Fatal(err)
		}
		k.write(t, "config", config)
		results, _ := k.storm(t, program, profilesOf(100, "A", "B"), nil)
		for i, name := range []string{"A", "B"} {
			out := results[i].credentials(t, 0)
			if arn := k.identity(t, out); !strings.Contains(arn, ":assumed-role/"+name+"/") {
				t.Errorf("profile %s is %s", name, arn)
			}
		}
		for i, r := range results {
			if r.credentials(t, 0) != results[i%2].credentials(t, 0) {
				t.Errorf("process %d printed credentials that differ from those of the first of its profile", i)
			}
		}
		for _, r := range k.sts.Requests() {
			if r.Action == "AssumeRole" {
				calls[r.Params["RoleArn"]]--
			}
		}
		for arn, n := range calls {
			if n != 0 {
				t.Errorf("%s: %d calls, want 1", arn, 1-n)
			}
		}
	})

	t.Run("killed processes", func(t *testing.T) {
		k := start(t)
		k.killRounds(t, roundsOr(t, 150), func() int {
			paths, err := filepath.Glob(filepath.Join(k.dir, "state", "sessions", "[0-9a-f]*"))
			if err != nil {
				t.Fatal(err)
			}
			return len(paths)
		})
		k.checkLeftovers(t)
	})
}

func TestE2EStorm(t *testing.T) {
	service := startSecretService(t)
	program := buildProgram(t)
	start := func(t *testing.T) *keyringTest {
		k := newKeyringTest(t, program, service.env...)
		t.Cleanup(func() {
			k.ok(t, program, "clear", "--all")
			if n := k.items(t); n != 0 {
				t.Errorf("%d items after clear --all, want none", n)
			}
		})
		return k
	}
	t.Run("200 processes make one call, 200 more make none", func(t *testing.T) {
		k := start(t)
		want := k.coldStorm(t, 200)
		results, took := k.storm(t, program, profilesOf(200, "dev-role"), nil)
		for _, r := range results {
			if r.credentials(t, 0) != want {
				t.Fatal("credentials differ")
			}
		}
		t.Logf("200 processes with a cached session: %s, slowest %s", took, slowest(results))
		k.called(t, 0)
	})
	t.Run("killed processes", func(t *testing.T) {
		k := start(t)
		k.killRounds(t, roundsOr(t, 100), func() int { return k.items(t) })
		k.checkLeftovers(t)
	})
}

// coldStorm starts n processes without a cached session. They must make one call and print one
// session.
func (k *keyringTest) coldStorm(t *testing.T, n int) processOutput {
	t.Helper()
	k.delaySTS(100 * time.Millisecond)
	results, took := k.storm(t, k.program, profilesOf(n, "dev-role"), nil)
	want := results[0].credentials(t, 0)
	for i, r := range results {
		if r.credentials(t, 0) != want {
			t.Errorf("process %d printed other credentials than the first one", i)
		}
	}
	if arn := k.identity(t, want); !strings.Contains(arn, ":assumed-role/Dev/") {
		t.Errorf("the credentials are those of %s", arn)
	}
	k.called(t, 1)
	t.Logf("%d processes without a cached session: %s, slowest %s", n, took, slowest(results))
	return want
}

// killRounds starts rounds of 20 processes and kills one of them, or in every second round all of
// them, each at a random time. Most rounds start without a session. stored returns the number of
// stored sessions.
//
// All processes must print the same session, and those that are not killed must succeed. There is
// at most one STS call, and one more for each killed process. If a process is killed before it has
// stored the session, the session is lost. A session that was stored or printed must be available
// to the next process, without an STS call and without waiting for a lock.
func (k *keyringTest) killRounds(t *testing.T, rounds int, stored func() int) {
	const processes = 20
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("STORM_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("STORM_SEED: %v", err)
		}
	}
	t.Logf("STORM_SEED=%d STORM_ROUNDS=%d", seed, rounds)
	random := rand.New(rand.NewPCG(seed, 0))

	const delay = 20 * time.Millisecond
	var (
		usual   time.Duration // duration of a round in which not all processes were killed
		name    string        // role session name, from which the session can be identified
		session processOutput // the session of that name; zero if there is none
		kept    int           // number of stored sessions

		killed, again, lost int
	)
	for round := range rounds {
		isNew := session == processOutput{} || random.IntN(5) > 0
		if isNew {
			name, session = fmt.Sprintf("round-%d", round), processOutput{}
			config := k.config("eu-west-1", "role/Dev", "", k.sts.URL)
			k.write(t, "config", config+"role_session_name = "+name+"\n")
		}
		victims := map[int]time.Duration{}
		if usual > 0 {
			moment := func() time.Duration { return time.Duration(random.Int64N(int64(usual))) }
			if round%2 == 0 {
				for i := range processes {
					victims[i] = moment()
				}
			} else {
				victims[random.IntN(processes)] = moment()
			}
		}

		k.delaySTS(delay)
		k.calls = k.sts.Calls("AssumeRole")
		results, took := k.storm(t, k.program, profilesOf(processes, "dev-role"), victims)
		if len(victims) < processes {
			usual = took
		}
		silent := 0
		for i, r := range results {
			if _, ok := victims[i]; ok && r.stderr == "" {
				if r.stdout == "" {
					silent++
					continue
				}
				r.code = 0 // killed after it had printed the session
			}
			out := r.credentials(t, 0)
			if (session == processOutput{}) {
				session = out
			}
			if out != session {
				t.Fatalf("round %d: process %d printed other credentials", round, i)
			}
		}
		killed += silent
		calls := k.sts.Calls("AssumeRole") - k.calls
		if most := 1 + silent; calls > most || calls > 0 && !isNew {
			t.Fatalf("round %d: %d calls, want at most %d, or none for a stored session (new: %v)",
				round, calls, most, isNew)
		}
		again += max(calls-1, 0)

		k.sts.ClearFaults()
		k.sts.Fault(ststest.Fault{
			Kind: ststest.Fail, Status: 403, Code: "AccessDenied", Times: ststest.Always,
		})
		next := k.run(t, k.program, "get", "dev-role")
		k.sts.ClearFaults()
		if (session == processOutput{}) && stored() == kept { // neither printed nor stored
			next.failed(t, 1, "AccessDenied")
			lost++
			continue
		}
		out := next.credentials(t, 0)
		if (session != processOutput{}) && out != session {
			t.Fatalf("round %d: a session that was printed is lost", round)
		}
		if isNew {
			kept++
		}
		session = out
		if arn := k.identity(t, out); !strings.HasSuffix(arn, ":assumed-role/Dev/"+name) {
			t.Fatalf("round %d: the session is that of %s", round, arn)
		}
	}
	if n := stored(); n != kept {
		t.Errorf("%d sessions are stored, want %d", n, kept)
	}
	t.Logf("%d processes were killed, %d calls were repeated, %d rounds stored no session; "+
		"a round takes %s", killed, again, lost, usual)
}

// checkLeftovers checks that killed processes leave only temporary files, which later processes
// delete.
func (k *keyringTest) checkLeftovers(t *testing.T) {
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline") // Linux only
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		line, err := os.ReadFile(path) // fails if the process has ended
		if err == nil && bytes.HasPrefix(line, []byte(k.program)) {
			t.Errorf("%s is still running", path)
		}
	}
	var (
		state     = filepath.Join(k.dir, "state")
		permanent = regexp.MustCompile(
			`^(file\.key|locks/([0-9a-f]{64}(\.claim)?|file\.key|kernel\.id|keyring)\.lock)$`)
		session = regexp.MustCompile(`^(facts/[0-9a-f]{64}\.json|sessions/[0-9a-f]{64})$`)
		temp    = regexp.MustCompile(`^((facts|sessions)/)?\.tmp-[0-9A-Z]+$`)
	)
	// files calls do for each file that matches none of the expected names.
	files := func(do func(path, name string), expected ...*regexp.Regexp) {
		err := filepath.WalkDir(state, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			name, err := filepath.Rel(state, path)
			if err != nil {
				return err
			}
			name = filepath.ToSlash(name)
			for _, re := range expected {
				if re.MatchString(name) {
					return nil
				}
			}
			do(path, name)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	left := func(_, name string) { t.Errorf("%s is left", name) }
	files(func(path, name string) {
		if !temp.MatchString(name) {
			left(path, name)
		}
		hours := time.Now().Add(-2 * time.Hour)
		if err := os.Chtimes(path, hours, hours); err != nil {
			t.Error(err)
		}
		t.Logf("%s must be swept", name)
	}, permanent, session)
	for range 100 { // each process checks only some of the files
		k.ok(t, k.program, "refresh", "dev-role")
		swept := true
		files(func(string, string) { swept = false }, permanent, session)
		if swept {
			break
		}
	}
	files(left, permanent, session)
	k.ok(t, k.program, "clear", "--all")
	files(left, permanent)
}

// storm runs "get" for all profiles at once and returns the results and the total time. victims are
// the processes to kill and when, after the start of the storm.
func (h *home) storm(
	t *testing.T, program string, profiles []string, victims map[int]time.Duration,
) ([]result, time.Duration) {
	t.Helper()
	results := make([]result, len(profiles))
	var wg sync.WaitGroup
	start := time.Now()
	for i, profile := range profiles {
		wg.Go(func() {
			limit, ok := victims[i]
			if !ok {
				limit = hangLimit
			}
			results[i] = h.runUntil(t, start.Add(limit), program, "get", profile)
		})
	}
	wg.Wait()
	return results, time.Since(start).Round(time.Millisecond)
}

// runUntil runs a command and kills it at a deadline.
func (h *home) runUntil(t *testing.T, deadline time.Time, name string, args ...string) result {
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = h.dir, h.env, &stdout, &stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return result{code: -1}
	}
	kill := time.AfterFunc(time.Until(deadline), func() {
		_ = cmd.Process.Kill() // fails if it has ended
	})
	defer kill.Stop()
	if err, exit := cmd.Wait(), (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Error(err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode(), time.Since(start)}
}

// delaySTS delays the responses to AssumeRole.
func (k *keyringTest) delaySTS(delay time.Duration) {
	k.sts.ClearFaults()
	k.sts.Fault(ststest.Fault{
		Action: "AssumeRole", Kind: ststest.Slow, Delay: delay, Times: ststest.Always,
	})
}

// identity returns the ARN of credentials. It fails the test if STS does not accept them.
func (k *keyringTest) identity(t *testing.T, out processOutput) string {
	t.Helper()
	client := sts.New(sts.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(k.sts.URL),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{
				AccessKeyID: out.AccessKeyId, SecretAccessKey: out.SecretAccessKey,
				SessionToken: out.SessionToken,
			}, nil
		}),
	})
	who, err := client.GetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(who.Arn)
}

// profilesOf returns n names, repeating these.
func profilesOf(n int, names ...string) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = names[i%len(names)]
	}
	return all
}

// slowest returns the longest time of a process.
func slowest(results []result) time.Duration {
	var most time.Duration
	for _, r := range results {
		most = max(most, r.took)
	}
	return most.Round(time.Millisecond)
}

// roundsOr returns STORM_ROUNDS, or n if it is not set.
func roundsOr(t *testing.T, n int) int {
	t.Helper()
	if text := os.Getenv("STORM_ROUNDS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 {
			t.Fatalf("STORM_ROUNDS=%q is not a number of rounds", text)
		}
	}
	return n
}
