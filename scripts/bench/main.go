// Bench measures the whole-process time of a warm "aws-credproc get" beside the least that a Go program can do.
//
// The programs run in turns, so that whatever else the machine does hits all of them alike, and the medians are
// compared. Its argument is the directory with the programs; it needs a Secret Service to itself (scripts/bench.sh sees
// to both). BENCH_RUNS is how often each program runs.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"aws-credproc/credproc/ststest"
)

const (
	account = "123456789012"
	roleARN = "arn:aws:iam::" + account + ":role/Dev"
	trust   = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
		"Principal": {"AWS": "` + account + `"}, "Action": "sts:AssumeRole"}]}`
	policy = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
		"Action": "sts:AssumeRole", "Resource": "` + roleARN + `"}]}`
)

// defaultRuns is how often each program runs.
const defaultRuns = 300

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// A program is one row of the table.
type program struct {
	name  string
	path  string
	args  []string
	env   []string
	times []time.Duration
}

func run() error {
	if len(os.Args) != 2 {
		return errors.New("usage: bench DIR")
	}
	runs := defaultRuns
	if s := os.Getenv("BENCH_RUNS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return fmt.Errorf("BENCH_RUNS=%q is not a number of runs", s)
		}
		runs = n
	}
	bin, err := filepath.Abs(os.Args[1])
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	sts, err := ststest.Start()
	if err != nil {
		return err
	}
	defer func() { _ = sts.Close() }()
	env, err := writeHome(dir, sts)
	if err != nil {
		return err
	}

	credproc := filepath.Join(bin, "aws-credproc")
	withStore := func(store string) []string { // with a state directory of its own: a session is kept in one store
		return append(slices.Clone(env), "AWS_CREDPROC_STORE="+store, "AWS_CREDPROC_STATE_DIR="+filepath.Join(dir, store))
	}
	key, err := cacheKey(credproc, withStore("keyring"))
	if err != nil {
		return err
	}
	hello := &program{name: "hello world in Go", path: filepath.Join(bin, "hello"), env: env}
	// It reads the very item that get reads.
	lone := &program{name: "a Go program with one go-keyring `Get`", path: filepath.Join(bin, "keyringget"),
		args: []string{"aws-credproc", key}, env: env}
	keyring := &program{name: "`aws-credproc get`, keyring store", path: credproc,
		args: []string{"get", "dev-role"}, env: withStore("keyring")}
	file := &program{name: "`aws-credproc get`, file store", path: credproc,
		args: []string{"get", "dev-role"}, env: withStore("file")}

	// The file store again, with ever more profiles in the config file: the same chain, so the same session.
	var scaled []*program
	for _, profiles := range []int{10, 500, 5000} {
		config, err := manyProfiles(dir, profiles)
		if err != nil {
			return err
		}
		scaled = append(scaled, &program{name: fmt.Sprintf("`aws-credproc get`, file store, %d profiles", profiles), path: credproc,
			args: []string{"get", "dev-role"}, env: append(withStore("file"), "AWS_CONFIG_FILE="+config)})
	}

	// The first run of get fills its store; the first of the others comes after that.
	programs := append([]*program{keyring, file, lone, hello}, scaled...)
	for round := range runs + 1 {
		for _, p := range programs {
			took, err := p.run()
			if err != nil {
				return err
			}
			if round > 0 {
				p.times = append(p.times, took)
			}
		}
	}
	if n := sts.Calls("AssumeRole"); n != 2 {
		return fmt.Errorf("%d calls of AssumeRole, want one a store: get was not warm", n)
	}

	fmt.Printf("Whole-process times, medians of %d runs of each in turns (%s, %s/%s, %d CPUs):\n\n",
		runs, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	fmt.Println("| | median | beside hello world | beside one go-keyring `Get` |")
	fmt.Println("|---|---|---|---|")
	for _, p := range append([]*program{hello, lone, keyring, file}, scaled...) {
		fmt.Printf("| %s | %.2f ms | %.2f | %.2f |\n", p.name, milliseconds(p.median()),
			milliseconds(p.median())/milliseconds(hello.median()), milliseconds(p.median())/milliseconds(lone.median()))
	}
	fewest, most := scaled[0], scaled[len(scaled)-1]
	fmt.Printf("\nFrom 10 to 5,000 profiles (%.1f MB) a get takes %.2f ms more (aim: at most 3 ms).\n",
		float64(fileSize(most.env))/1e6, milliseconds(most.median()-fewest.median()))
	return nil
}

// manyProfiles writes a config file with this many profiles beside that of the bench, and returns its path.
func manyProfiles(dir string, n int) (string, error) {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "# team %[1]d\n[profile team-%[1]d]\nrole_arn = arn:aws:iam::%012[1]d:role/Developer # the usual one\n"+
			"source_profile = base\nregion = eu-west-1\ns3 =\n  max_concurrent_requests = 20\n  addressing_style = path\n\n", i)
	}
	own, err := os.ReadFile(filepath.Join(dir, "config"))
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, fmt.Sprintf("config-%d", n))
	return path, os.WriteFile(path, append([]byte(b.String()), own...), 0o600)
}

// fileSize returns the size of the config file that an environment names last.
func fileSize(env []string) int64 {
	path, _ := strings.CutPrefix(env[len(env)-1], "AWS_CONFIG_FILE=")
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// run runs the program once and returns how long that took.
func (p *program) run() (time.Duration, error) {
	cmd := exec.Command(p.path, p.args...)
	cmd.Env = p.env
	// Files, not pipes: no goroutine of ours is in the way. Standard output is /dev/null, standard error ours.
	cmd.Stderr = os.Stderr
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", p.name, err)
	}
	return took, nil
}

func (p *program) median() time.Duration {
	slices.Sort(p.times)
	return p.times[len(p.times)/2]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// writeHome writes the shared config files of a user who may assume a role, and returns the environment for them.
func writeHome(dir string, sts *ststest.Server) (env []string, err error) {
	user, err := sts.AddUser(account, "jill", policy)
	if err != nil {
		return nil, err
	}
	if err := sts.AddRole(ststest.Role{ARN: roleARN, Trust: trust}); err != nil {
		return nil, err
	}
	config, credentials := filepath.Join(dir, "config"), filepath.Join(dir, "credentials")
	if err := os.WriteFile(config, []byte("[profile dev-role]\nrole_arn = "+roleARN+"\nsource_profile = base\nregion = eu-west-1\n"), 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(credentials, fmt.Appendf(nil, "[base]\naws_access_key_id = %s\naws_secret_access_key = %s\n",
		user.Key.ID, user.Key.Secret), 0o600); err != nil {
		return nil, err
	}
	env = []string{
		"HOME=" + dir,
		"AWS_CONFIG_FILE=" + config,
		"AWS_SHARED_CREDENTIALS_FILE=" + credentials,
		"AWS_ENDPOINT_URL_STS=" + sts.URL,
	}
	for _, name := range []string{"PATH", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"} {
		env = append(env, name+"="+os.Getenv(name))
	}
	return env, nil
}

// cacheKey returns the key of the session, which is the user name of its keyring item.
func cacheKey(credproc string, env []string) (string, error) {
	cmd := exec.Command(credproc, "explain", "dev-role", "--json")
	cmd.Env, cmd.Stderr = env, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("explain: %w", err)
	}
	var explained struct {
		Key string `json:"cache_key"`
	}
	if err := json.Unmarshal(out, &explained); err != nil {
		return "", fmt.Errorf("explain: %w", err)
	}
	return explained.Key, nil
}
