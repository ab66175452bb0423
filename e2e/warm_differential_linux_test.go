package e2e_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
)

// warmStates is the number of states in which TestE2EWarmGetDiffersInNothing compares two programs.
const warmStates = 500

// A warmState is what a get finds.
type warmState struct {
	session, stored, config, variables, directory string
}

// The values of each field of a warmState.
var (
	warmSessions = map[string]func(s *cache.Session){
		"fresh":           func(*cache.Session) {},
		"due":             func(s *cache.Session) { age(s, 38*time.Minute) },
		"short":           func(s *cache.Session) { age(s, 52*time.Minute) },
		"expired":         func(s *cache.Session) { age(s, 61*time.Minute) },
		"from the future": func(s *cache.Session) { age(s, -20*time.Minute) },
		"another account": func(s *cache.Session) { s.AccountID = "210987654321" },
		"no account":      func(s *cache.Session) { s.AccountID = "" },
	}
	warmStores  = map[string]bool{"file": true, "kernel": true}
	warmConfigs = map[string]func(config string) string{
		"good":            func(c string) string { return c },
		"fault elsewhere": func(c string) string { return c + "\n[profile x]\nstray line\n" },
		"fault":           func(c string) string { return strings.Replace(c, "region", "stray\nregion", 1) },
		"no source":       func(c string) string { return strings.Replace(c, "= base", "= nobody", 1) },
		"no profile":      func(c string) string { return strings.Replace(c, "profile dev", "profile e", 1) },
		"twice":           func(c string) string { return c + "\n[profile dev]\nregion = eu-west-2\n" },
		"bad region":      func(c string) string { return strings.ReplaceAll(c, "eu-west-1", "<x>") },
		"session policy":  func(c string) string { return c + "\n[profile dev]\npolicy = file:///no\n" },
		"process": func(c string) string {
			return strings.Replace(c, "[profile base]", "[profile base]\ncredential_process = false", 1)
		},
		"MFA": func(c string) string {
			return c + "\n[profile dev]\nmfa_serial = arn:aws:iam::123456789012:mfa/ann\n"
		},
	}
	warmVariables = map[string][]string{
		"none":         nil,
		"auto":         {"AWS_CREDPROC_STORE=auto"},
		"kernel":       {"AWS_CREDPROC_STORE=kernel"},
		"keyring":      {"AWS_CREDPROC_STORE=keyring"},
		"no store":     {"AWS_CREDPROC_STORE=none"},
		"bad store":    {"AWS_CREDPROC_STORE=disk"},
		"verbose":      {"AWS_CREDPROC_VERBOSE=1"},
		"bad verbose":  {"AWS_CREDPROC_VERBOSE=maybe"},
		"timeout":      {"AWS_CREDPROC_TIMEOUT=20"},
		"bad timeout":  {"AWS_CREDPROC_TIMEOUT=never"},
		"prompt":       {"AWS_CREDPROC_PROMPT=none"},
		"AWS_PROFILE":  {"AWS_PROFILE=dev"},
		"other config": {"AWS_CONFIG_FILE=/nowhere/config"},
		"in a chain":   {"_AWS_CREDPROC_PROFILE_CHAIN=00000000:dev"},
	}
	warmDirectories = map[string]func(t *testing.T, dir string){
		"good":           func(*testing.T, string) {},
		"missing":        func(t *testing.T, dir string) { mustDo(t, os.RemoveAll(dir)) },
		"open to others": func(t *testing.T, dir string) { mustDo(t, os.Chmod(dir, 0o777)) },
		"bad facts":      func(t *testing.T, dir string) { overwrite(t, dir, "facts", "{") },
		"newer facts":    func(t *testing.T, dir string) { overwrite(t, dir, "facts", `{"v":2}`) },
		"bad session":    func(t *testing.T, dir string) { overwrite(t, dir, "sessions", "x") },
	}
)

func age(s *cache.Session, d time.Duration) {
	s.Issued, s.Expiration = s.Issued.Add(-d), s.Expiration.Add(-d)
}

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// overwrite replaces the content of the files in a directory of the state directory. It has none if
// the session had expired when it was stored.
func overwrite(t *testing.T, dir, name, text string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, name, "*"))
	mustDo(t, err)
	for _, path := range paths {
		mustDo(t, os.WriteFile(path, []byte(text), 0o600))
	}
}

// TestE2EWarmGetDiffersInNothing compares the program with one that has no warm path, in random
// states: stdout, the exit code and stderr are the same.
func TestE2EWarmGetDiffersInNothing(t *testing.T) {
	withWarm := buildProgram(t)
	without := buildWithoutWarm(t)
	sts, h := newDev(t)
	mustDo(t, sts.SetUserPolicy(userARN("ann"))) // STS denies everything
	printed := 0
	r := rand.New(rand.NewPCG(1, 2))
	for range warmStates {
		state := warmState{
			session: pick(r, warmSessions, "fresh"), stored: pick(r, warmStores, "file"),
			config: pick(r, warmConfigs, "good"), variables: pick(r, warmVariables, "none"),
			directory: pick(r, warmDirectories, "good"),
		}
		issued := time.Now().UTC().Truncate(time.Second)
		got, want := runInState(t, h, withWarm, state, issued), runInState(t, h, without, state, issued)
		if got.stdout != "" {
			printed++
		}
		got.took, want.took = 0, 0
		if got != want {
			t.Errorf("%+v:\n%+v\nwithout the warm path:\n%+v", state, got, want)
		}
	}
	t.Logf("%d of %d states printed credentials", printed, warmStates)
	if printed < warmStates/10 {
		t.Errorf("only %d states printed credentials", printed)
	}
}

// buildWithoutWarm builds the program without its warm path.
func buildWithoutWarm(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "aws-credproc")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-tags", "nowarm", "-o",
		program, "aws-credproc")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return program
}

// pick returns the usual value in two thirds of the calls, else a random one.
func pick[V any](r *rand.Rand, m map[string]V, usual string) string {
	if r.IntN(3) > 0 {
		return usual
	}
	return slices.Sorted(maps.Keys(m))[r.IntN(len(m))]
}

var milliseconds = regexp.MustCompile(` +[0-9.]+ ms  |took [0-9]+ms`)

// runInState runs get in a new home with the state. The home's path and times in milliseconds are
// replaced in the result.
func runInState(
	t *testing.T, from *home, program string, state warmState, issued time.Time,
) result {
	t.Helper()
	h := newHome(t, "AWS_ENDPOINT_URL_STS="+variable(from.env, "AWS_ENDPOINT_URL_STS"),
		"XDG_RUNTIME_DIR="+t.TempDir(), "AWS_CREDPROC_STORE="+state.stored)
	config, err := os.ReadFile(from.path("config"))
	mustDo(t, err)
	credentials, err := os.ReadFile(from.path("credentials"))
	mustDo(t, err)
	h.write(t, "config", string(config))
	h.write(t, "credentials", string(credentials))
	s := cache.Session{
		AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "hush", SessionToken: "hush",
		AccountID: motoAccount, Issued: issued, Expiration: issued.Add(time.Hour),
	}
	warmSessions[state.session](&s)
	putSession(t, h, s, cache.Choice(state.stored))
	h.write(t, "config", warmConfigs[state.config](string(config)))
	dir := variable(h.env, "AWS_CREDPROC_STATE_DIR")
	defer func() { forgetKernelKey(t, h) }()
	warmDirectories[state.directory](t, dir)
	got := h.with(warmVariables[state.variables]...).run(t, program, "get", "dev")
	got.stderr = milliseconds.ReplaceAllString(strings.ReplaceAll(got.stderr, h.dir, "HOME"), " ")
	return got
}

// variable returns the value of a variable in the form of os.Environ.
func variable(env []string, name string) (value string) {
	for _, v := range env {
		if rest, ok := strings.CutPrefix(v, name+"="); ok {
			value = rest
		}
	}
	return value
}

// putSession stores a session of the profile dev.
func putSession(t *testing.T, h *home, s cache.Session, store cache.Choice) {
	t.Helper()
	getenv := func(name string) string { return variable(h.env, name) }
	files, err := plan.Files(getenv, plan.StateDir(getenv), t.Errorf)
	mustDo(t, err)
	chain, err := files.Chain("dev")
	mustDo(t, err)
	p, err := plan.New(chain, getenv)
	mustDo(t, err)
	c, err := cache.Open(cache.Options{Dir: plan.StateDir(getenv), Choice: store, Warnf: t.Errorf})
	mustDo(t, err)
	name, err := c.Put(t.Context(), p.Key(p.Last()), s, p.Facts(p.Last()))
	if err != nil || name != store {
		t.Fatal(fmt.Errorf("stored in %s: %w", name, err))
	}
}
