package cli

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/pflag"

	"aws-credproc/internal/ststest"
	"aws-credproc/profiles"
)

func TestMain(m *testing.M) { testscript.Main(m, programs) }

// TestScripts runs testdata/script. Each script has its own home directory, the file store, and an
// STS server with the user jill and two roles: Dev, which jill may assume, and Ops, which Dev may
// assume. The additional commands are
//
//	keys FILE PROFILE       writes jill's access key to a credentials file
//	newkey FILE PROFILE     replaces jill's access key, also in the file
//	calls ACTION N          checks the number of STS calls
//	fault KIND [TIMES]      makes the next STS calls fail
//	role ARN [ID]           adds a role that jill may assume, with an external ID
//	deny                    removes jill's policy
//	allow [keys]            restores it, and allows jill to replace the access key
//	corrupt GLOB TEXT       overwrites files
//	append FILE MORE        appends the content of a file to another
//	empty DIR               checks that a directory is empty
//	exits CODE ARGS...      runs the program and checks its exit code
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
			env.Setenv("AWS_CREDPROC_PROMPT", "none") // there may be a terminal or a display
			env.Setenv("AWS_ENDPOINT_URL_STS", s.URL)
			env.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			// The first directory of testscript's PATH has the program.
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
					conditions = append(conditions, ststest.Condition{
						Operator: "StringEquals", Key: "sts:ExternalId", Values: args[1:],
					})
				}
				trust := ststest.TrustPolicy(jillARN, conditions...)
				ts.Check(server(ts).AddRole(ststest.Role{ARN: args[0], Trust: trust}))
				ts.Check(server(ts).SetUserPolicy(jillARN, ststest.AllowAssume("*")))
			},
			"deny": func(ts *testscript.TestScript, _ bool, _ []string) {
				ts.Check(server(ts).SetUserPolicy(jillARN))
			},
			"allow": func(ts *testscript.TestScript, _ bool, args []string) {
				policies := []string{ststest.AllowAssume("*")}
				for _, action := range args { // such as *AccessKey*
					policies = append(policies, `{"Statement": {"Effect": "Allow", "Action": "iam:`+action+
						`", "Resource": "`+jillARN+`"}}`)
				}
				ts.Check(server(ts).SetUserPolicy(jillARN, policies...))
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

// TestFlagsWithValueAreKnown: profiles must not take the value of a flag for the profile of a
// credential_process.
func TestFlagsWithValueAreKnown(t *testing.T) {
	var want []string
	newRootCmd(testApp()).PersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.NoOptDefVal == "" {
			want = append(want, "--"+f.Name)
		}
	})
	got := slices.Sorted(slices.Values(profiles.FlagsWithValue))
	if !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("profiles.FlagsWithValue is %v, want %v", got, want)
	}
}
