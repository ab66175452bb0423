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

// Many processes at once, as a build with hundreds of jobs starts them. STORM_ROUNDS is how many rounds of killing there
// are in the tests that kill, STORM_SEED what decides who is killed when.

func TestStorm(t *testing.T) {
	program := buildProgram(t)
	start := func(t *testing.T) *keyringTest {
		k := newKeyringTest(t, program)
		k.home = k.with("AWS_CREDPROC_STORE=file")
		return k
	}
	t.Run("200 cold processes make one call", func(t *testing.T) { start(t).coldStorm(t, 200) })

	t.Run("a denial answers for 200", func(t *testing.T) {
		k := start(t)
		k.farSTS(100 * time.Millisecond)
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
		// A denial is good for five seconds, in which a slow machine may not be through.
		if most := 1 + int(took/(5*time.Second)); calls < 1 || calls > most || first != calls {
			t.Errorf("%d calls, want 1 (%d at most in %s); %d errors do not tell their age", calls, most, took, first)
		}
	})

	t.Run("a hop that two roles share is assumed once", func(t *testing.T) {
		k := start(t)
		k.farSTS(100 * time.Millisecond)
		config := k.config("eu-west-1", "role/Dev", "", k.sts.URL)
		config = strings.Replace(config, "dev-role", "hub", 1)
		calls := map[string]int{roleARN("Dev"): 1}
		for _, name := range []string{"A", "B"} {
			if err := k.sts.AddRole(ststest.Role{ARN: roleARN(name), Trust: trust(roleARN("Dev"), "")}); err != nil {
				t.Fatal(err)
			}
			config += "[profile " + name + "]\nrole_arn = " + roleARN(name) + "\nsource_profile = hub\nendpoint_url = " + k.sts.URL + "\n"
			calls[roleARN(name)] = 1
		}
		if err := k.sts.AddRole(ststest.Role{ARN: roleARN("Dev"), Trust: trust(k.user.ARN, ""), Policy: allow("sts:AssumeRole", "*")}); err != nil {
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
				t.Errorf("process %d printed other credentials than the first of its profile", i)
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

	t.Run("killed processes take nothing with them", func(t *testing.T) {
		k := start(t)
		k.killRounds(t, roundsOr(t, 150), func() int {
			paths, err := filepath.Glob(filepath.Join(k.dir, "state", "sessions", "[0-9a-f]*"))
			if err != nil {
				t.Fatal(err)
			}
			return len(paths)
		})
		k.leavesLittle(t)
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
	t.Run("200 cold processes make one call, and 200 warm ones none", func(t *testing.T) {
		k := start(t)
		want := k.coldStorm(t, 200)
		results, took := k.storm(t, program, profilesOf(200, "dev-role"), nil)
		for _, r := range results {
			if r.credentials(t, 0) != want {
				t.Fatal("other credentials")
			}
		}
		t.Logf("200 warm processes: %s, the slowest %s", took, slowest(results))
		k.called(t, 0)
	})
	t.Run("killed processes take nothing with them", func(t *testing.T) {
		k := start(t)
		k.killRounds(t, roundsOr(t, 100), func() int { return k.items(t) })
		k.leavesLittle(t)
	})
}

// coldStorm runs the program n times at once, with nothing cached, and checks that there is one call and one session.
func (k *keyringTest) coldStorm(t *testing.T, n int) processOutput {
	t.Helper()
	k.farSTS(100 * time.Millisecond)
	results, took := k.storm(t, k.program, profilesOf(n, "dev-role"), nil)
	want := results[0].credentials(t, 0)
	for i, r := range results {
		if r.credentials(t, 0) != want {
			t.Errorf("process %d printed other credentials than the first", i)
		}
	}
	if arn := k.identity(t, want); !strings.Contains(arn, ":assumed-role/Dev/") {
		t.Errorf("they are those of %s", arn)
	}
	k.called(t, 1)
	t.Logf("%d cold processes: %s, the slowest %s", n, took, slowest(results))
	return want
}

// killRounds runs the program in rounds of twenty at once, and kills one of them, or in every second round each, at a
// moment of its own in the time that a round takes. Most rounds begin without a session. stored counts those that a
// store holds.
//
// What it checks is what can be promised. Nobody prints anything but the session of the round, and nobody who is left
// alone fails. STS is called once, and once more for each process that was killed, at most. A process that is killed
// between STS's answer and the store takes the session with it; but what has come to be stored, and so all that
// anybody has printed, is there for the next process, which need not ask STS, and finds no lock.
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

	const far = 20 * time.Millisecond
	var (
		usual   time.Duration // what a round takes; the first one, with nobody killed, tells
		name    string        // of the role session, by which STS tells whose session it is
		session processOutput // of that name; the zero one if there is none
		kept    int           // sessions that are stored, as far as was seen

		killed, again, lost int
	)
	for round := range rounds {
		isNew := session == processOutput{} || random.IntN(5) > 0
		if isNew {
			name, session = fmt.Sprintf("round-%d", round), processOutput{}
			k.write(t, "config", k.config("eu-west-1", "role/Dev", "", k.sts.URL)+"role_session_name = "+name+"\n")
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

		k.farSTS(far)
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
				r.code = 0 // it may have been killed after it had printed
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
			t.Fatalf("round %d: %d calls, want %d at most, and none for a session that was there (this one was new: %v)", round, calls, most, isNew)
		}
		again += max(calls-1, 0)

		k.sts.ClearFaults()
		k.sts.Fault(ststest.Fault{Kind: ststest.Fail, Status: 403, Code: "AccessDenied", Times: ststest.Always})
		next := k.run(t, k.program, "get", "dev-role")
		k.sts.ClearFaults()
		if (session == processOutput{}) && stored() == kept { // nobody came so far as to print, nor to store
			next.failed(t, 1, "AccessDenied")
			lost++
			continue
		}
		out := next.credentials(t, 0)
		if (session != processOutput{}) && out != session {
			t.Fatalf("round %d: what was printed is lost", round)
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
	t.Logf("%d processes were killed, %d calls were made again, %d rounds stored no session; a round takes %s", killed, again, lost, usual)
}

// leavesLittle checks that nothing is left of processes that were killed but what the next ones clear away.
func (k *keyringTest) leavesLittle(t *testing.T) {
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline") // none but on Linux
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if line, err := os.ReadFile(path); err == nil && bytes.HasPrefix(line, []byte(k.program)) { // an error: it has ended
			t.Errorf("%s is left", path)
		}
	}
	var (
		state   = filepath.Join(k.dir, "state")
		lasting = regexp.MustCompile(`^(file\.key|locks/([0-9a-f]{64}(\.claim)?|file\.key|kernel\.id|keyring)\.lock)$`)
		ours    = regexp.MustCompile(`^(facts/[0-9a-f]{64}\.json|sessions/[0-9a-f]{64})$`)
		temp    = regexp.MustCompile(`^((facts|sessions)/)?\.tmp-[0-9A-Z]+$`)
	)
	// files calls do with each file that none of these expressions matches.
	files := func(do func(path, name string), but ...*regexp.Regexp) {
		err := filepath.WalkDir(state, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			name, err := filepath.Rel(state, path)
			if err != nil {
				return err
			}
			name = filepath.ToSlash(name)
			for _, re := range but {
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
		t.Logf("%s will be swept", name)
	}, lasting, ours)
	for range 100 { // each looks at so many files at most, beginning anywhere
		k.ok(t, k.program, "refresh", "dev-role")
		swept := true
		files(func(string, string) { swept = false }, lasting, ours)
		if swept {
			break
		}
	}
	files(left, lasting, ours)
	k.ok(t, k.program, "clear", "--all")
	files(left, lasting)
}

// storm runs "get" for all these profiles at once, each in a process of its own, and returns what each left behind and
// how long it took. victims says which processes are killed, and how long after the start of the storm.
func (h *home) storm(t *testing.T, program string, profiles []string, victims map[int]time.Duration) ([]result, time.Duration) {
	t.Helper()
	results := make([]result, len(profiles))
	var wg sync.WaitGroup
	start := time.Now()
	for i, profile := range profiles {
		wg.Go(func() {
			life, ok := victims[i]
			if !ok {
				life = hangLimit
			}
			results[i] = h.runUntil(t, start.Add(life), program, "get", profile)
		})
	}
	wg.Wait()
	return results, time.Since(start).Round(time.Millisecond)
}

// runUntil runs a command in h and kills it at a moment, if it has not ended by then.
func (h *home) runUntil(t *testing.T, moment time.Time, name string, args ...string) result {
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = h.dir, h.env, &stdout, &stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return result{code: -1}
	}
	kill := time.AfterFunc(time.Until(moment), func() { _ = cmd.Process.Kill() }) // an error: it has ended
	defer kill.Stop()
	if err, exit := cmd.Wait(), (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Error(err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode(), time.Since(start)}
}

// farSTS lets STS take so long to answer AssumeRole.
func (k *keyringTest) farSTS(delay time.Duration) {
	k.sts.ClearFaults()
	k.sts.Fault(ststest.Fault{Action: "AssumeRole", Kind: ststest.Slow, Delay: delay, Times: ststest.Always})
}

// identity asks STS whose credentials these are: an error for any that it has not issued, or that are over.
func (k *keyringTest) identity(t *testing.T, out processOutput) string {
	t.Helper()
	client := sts.New(sts.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(k.sts.URL),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: out.AccessKeyId, SecretAccessKey: out.SecretAccessKey, SessionToken: out.SessionToken}, nil
		}),
	})
	who, err := client.GetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(who.Arn)
}

// profilesOf repeats names until there are n.
func profilesOf(n int, names ...string) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = names[i%len(names)]
	}
	return all
}

func slowest(results []result) time.Duration {
	var most time.Duration
	for _, r := range results {
		most = max(most, r.took)
	}
	return most.Round(time.Millisecond)
}

// roundsOr is STORM_ROUNDS, or n where it is not set.
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
