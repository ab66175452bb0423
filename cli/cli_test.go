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

// TestScripts runs testdata/script. Each script has a home of its own, the file store, and an STS
// of its own that knows the user jill and two roles: Dev, which jill may assume, and Ops, which Dev
// may. Its own commands are
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

// TestFlagsThatTakeAValueAreKnown: profiles must tell a flag's value from the profile's name in a
// wired command.
func TestFlagsThatTakeAValueAreKnown(t *testing.T) {
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
