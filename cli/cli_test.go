package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/pflag"

	"aws-credproc/internal/ststest"
	"aws-credproc/profiles"
)

// programs are what the test binary is when it is started by one of these names.
var programs = map[string]func(){"aws-credproc": func() { os.Exit(Main(os.Args[1:])) }}

func TestMain(m *testing.M) { testscript.Main(m, programs) }

const (
	testAccount = "123456789012"
	testRole    = "arn:aws:iam::123456789012:role/Dev"
	testRole2   = "arn:aws:iam::210987654321:role/path/Ops"
)

// TestScripts runs testdata/script. Each script has a home of its own, the file store, and an STS of its own that
// knows the user jill and two roles: Dev, which jill may assume, and Ops, which Dev may. Its own commands are
//
//	keys FILE PROFILE       writes jill's access key into a credentials file
//	newkey FILE PROFILE     gives jill a new access key and writes that, in the place of the old one
//	calls ACTION N          checks how many calls STS has had
//	fault KIND [TIMES]      lets the next call of STS go wrong
//	role ARN [ID]           lets jill assume one more role, with an external ID if one is named
//	deny                    takes jill's policy away
//	allow                   gives it back
//	corrupt GLOB TEXT       overwrites files
//	append FILE MORE        adds what is in one file to another
//	empty FOLDER            checks that there is nothing in it
//	exits CODE ARGS...      runs the program, which must end with this code
func TestScripts(t *testing.T) {
	servers := sync.Map{} // by work directory
	server := func(ts *testscript.TestScript) *ststest.Server {
		s, _ := servers.Load(ts.Getenv("WORK"))
		return s.(*ststest.Server)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "../testdata/script",
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") == "1",
		Setup: func(env *testscript.Env) error {
			s, err := newTestSTS()
			if err != nil {
				return err
			}
			env.Defer(func() {
				if err := s.Close(); err != nil {
					env.T().Fatal(err)
				}
			})
			servers.Store(env.WorkDir, s)
			home := filepath.Join(env.WorkDir, "home")
			env.Setenv("HOME", home)
			env.Setenv("USERPROFILE", home)
			env.Setenv("AWS_CONFIG_FILE", filepath.Join(env.WorkDir, "config"))
			env.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(env.WorkDir, "credentials"))
			env.Setenv("AWS_CREDPROC_STATE_DIR", filepath.Join(env.WorkDir, "state"))
			env.Setenv("AWS_CREDPROC_STORE", "file")
			env.Setenv("AWS_CREDPROC_PROMPT", "none") // whoever runs this may have a terminal or a display
			env.Setenv("AWS_ENDPOINT_URL_STS", s.URL)
			env.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			// The first folder of testscript's PATH holds the program.
			bin := filepath.SplitList(env.Getenv("PATH"))[0]
			env.Setenv("BIN", bin)
			env.Setenv("PROGRAM", filepath.Join(bin, "aws-credproc"+env.Getenv("exe")))
			return os.Mkdir(home, 0o700)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"keys": func(ts *testscript.TestScript, _ bool, args []string) {
				writeKey(ts, args, jill.Key(server(ts)))
			},
			"newkey": func(ts *testscript.TestScript, _ bool, args []string) {
				key, err := server(ts).AddAccessKey(jillARN)
				ts.Check(err)
				writeKey(ts, args, key)
			},
			"calls": func(ts *testscript.TestScript, _ bool, args []string) {
				want, err := strconv.Atoi(args[1])
				ts.Check(err)
				if got := server(ts).Calls(args[0]); got != want {
					ts.Fatalf("%d calls of %s, want %d", got, args[0], want)
				}
			},
			"fault": func(ts *testscript.TestScript, _ bool, args []string) {
				f, ok := faults[args[0]]
				if !ok {
					ts.Fatalf("no fault %q", args[0])
				}
				if len(args) > 1 {
					n, err := strconv.Atoi(args[1])
					ts.Check(err)
					f.Times = n
				}
				server(ts).ClearFaults()
				server(ts).Fault(f)
			},
			"role": func(ts *testscript.TestScript, _ bool, args []string) {
				var conditions []ststest.Condition
				if len(args) > 1 {
					conditions = append(conditions, ststest.Condition{Operator: "StringEquals", Key: "sts:ExternalId", Values: args[1:]})
				}
				ts.Check(server(ts).AddRole(ststest.Role{ARN: args[0], Trust: ststest.TrustPolicy(jillARN, conditions...)}))
				ts.Check(server(ts).SetUserPolicy(jillARN, ststest.AllowAssume("*")))
			},
			"deny": func(ts *testscript.TestScript, _ bool, _ []string) {
				ts.Check(server(ts).SetUserPolicy(jillARN))
			},
			"allow": func(ts *testscript.TestScript, _ bool, _ []string) {
				ts.Check(server(ts).SetUserPolicy(jillARN, ststest.AllowAssume("*")))
			},
			"corrupt": func(ts *testscript.TestScript, _ bool, args []string) {
				paths, err := filepath.Glob(ts.MkAbs(args[0]))
				ts.Check(err)
				if len(paths) == 0 {
					ts.Fatalf("no file %s", args[0])
				}
				for _, path := range paths {
					ts.Check(os.WriteFile(path, []byte(args[1]), 0o600))
				}
			},
			"append": func(ts *testscript.TestScript, _ bool, args []string) {
				text := ts.ReadFile(args[0]) + ts.ReadFile(args[1])
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
			},
			"empty": func(ts *testscript.TestScript, _ bool, args []string) {
				entries, err := os.ReadDir(ts.MkAbs(args[0]))
				ts.Check(err)
				if len(entries) > 0 {
					ts.Fatalf("%s is left in %s", entries[0].Name(), args[0])
				}
			},
			"exits": func(ts *testscript.TestScript, _ bool, args []string) {
				want, err := strconv.Atoi(args[0])
				ts.Check(err)
				code := 0
				if err := ts.Exec("aws-credproc", args[1:]...); err != nil {
					exit := (*exec.ExitError)(nil)
					if !errors.As(err, &exit) {
						ts.Fatalf("%v", err)
					}
					code = exit.ExitCode()
				}
				if code != want {
					ts.Fatalf("exit code %d, want %d", code, want)
				}
			},
		},
	})
}

const jillARN = "arn:aws:iam::" + testAccount + ":user/jill"

// jill remembers the first access key of each server's user.
var jill userKeys

type userKeys struct{ keys sync.Map }

func (u *userKeys) Key(s *ststest.Server) ststest.AccessKey {
	key, _ := u.keys.Load(s)
	return key.(ststest.AccessKey)
}

// newTestSTS starts an STS that knows jill and the two roles.
func newTestSTS() (*ststest.Server, error) {
	s, err := ststest.Start()
	if err != nil {
		return nil, err
	}
	user, err := s.AddUser(testAccount, "jill", ststest.AllowAssume(testRole))
	if err != nil {
		return nil, err
	}
	jill.keys.Store(s, user.Key)
	if err := s.AddRole(ststest.Role{ARN: testRole, Trust: ststest.TrustPolicy(jillARN), Policy: ststest.AllowAssume(testRole2)}); err != nil {
		return nil, err
	}
	return s, s.AddRole(ststest.Role{ARN: testRole2, Trust: ststest.TrustPolicy(testRole)})
}

func writeKey(ts *testscript.TestScript, args []string, key ststest.AccessKey) {
	text := fmt.Sprintf("[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", args[1], key.ID, key.Secret)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

var faults = map[string]ststest.Fault{
	"none":      {Kind: ststest.Slow},
	"5xx":       {Kind: ststest.Fail, Status: 503, Times: ststest.Always},
	"throttle":  {Kind: ststest.Throttle, Times: ststest.Always},
	"drop":      {Kind: ststest.Drop, Times: ststest.Always},
	"swallow":   {Kind: ststest.Swallow, Times: ststest.Always},
	"truncate":  {Kind: ststest.Truncate, Times: ststest.Always},
	"bytes":     {Kind: ststest.GarbageBytes, Times: ststest.Always},
	"html":      {Kind: ststest.GarbageHTML, Times: ststest.Always},
	"xml":       {Kind: ststest.GarbageXML, Times: ststest.Always},
	"empty":     {Kind: ststest.GarbageEmpty, Times: ststest.Always},
	"huge":      {Kind: ststest.GarbageHuge, Times: ststest.Always},
	"escapes":   {Kind: ststest.GarbageEscapes, Times: ststest.Always},
	"c1":        {Kind: ststest.GarbageC1, Times: ststest.Always},
	"fields":    {Kind: ststest.GarbageFields, Times: ststest.Always},
	"expired":   {Kind: ststest.Expired, Times: ststest.Always},
	"longtoken": {Kind: ststest.LongToken, Size: 16 << 10},
}

// TestFlagsThatTakeAValueAreKnown: profiles must tell a flag's value from the profile's name in a wired command.
func TestFlagsThatTakeAValueAreKnown(t *testing.T) {
	var want []string
	(&app{}).rootCommand().PersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.NoOptDefVal == "" {
			want = append(want, "--"+f.Name)
		}
	})
	got := slices.Sorted(slices.Values(profiles.FlagsWithValue))
	if !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("profiles.FlagsWithValue is %v, want %v", got, want)
	}
}

// helper is this program with a config and an STS of its own, to be run as a process.
type helper struct {
	path, dir string
	env       []string
}

// newHelper gives the program with the profile dev, whose role jill may assume at s.
func newHelper(t *testing.T, s *ststest.Server) helper {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h := helper{dir: t.TempDir()}
	h.path = filepath.Join(h.dir, "aws-credproc") // by that name the test binary is the program, see TestMain
	link := os.Symlink
	if runtime.GOOS == "windows" { // a link takes a privilege
		h.path += ".exe"
		link = copyFile
	}
	if err := link(self, h.path); err != nil {
		t.Fatal(err)
	}
	key := jill.Key(s)
	for name, text := range map[string]string{
		"config":      "[profile dev]\nrole_arn = " + testRole + "\nsource_profile = base\n",
		"credentials": fmt.Sprintf("[base]\naws_access_key_id = %s\naws_secret_access_key = %s\n", key.ID, key.Secret),
	} {
		if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h.env = append(os.Environ(), "AWS_CONFIG_FILE="+filepath.Join(h.dir, "config"), "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(h.dir, "credentials"),
		"AWS_CREDPROC_STATE_DIR="+filepath.Join(h.dir, "state"), "AWS_CREDPROC_STORE=file", "AWS_ENDPOINT_URL_STS="+s.URL)
	return h
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o700)
}

func (h helper) command(t *testing.T, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), h.path, args...)
	cmd.Env = h.env
	return cmd
}
