package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"aws-credproc/cache"
	"aws-credproc/credproc"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// handout is one run of a command that hands a profile's credentials to a program which does not know this one.
type handout struct {
	*app
	duration time.Duration // of the last role's session; 0 for what its profile says
	region   string        // "" for the profile's
	calm     *calm         // for a command that runs beside us
}

// addFlags adds the flags that exec and export share.
func (h *handout) addFlags(cmd *cobra.Command) {
	cmd.Flags().Var((*durationFlag)(&h.duration), "duration", "how long the role's session lasts, 15m to 12h, in place of what the profile says")
	cmd.Flags().StringVar(&h.region, "region", "", "the region to work in, in place of the profile's")
	completeFlag(cmd, "duration")
	completeFlag(cmd, "region")
}

// checkFlags says what is wrong with them.
func (h *handout) checkFlags(cmd *cobra.Command) error {
	if cmd.Flags().Changed("duration") {
		if err := profiles.CheckDuration(h.duration); err != nil {
			return fmt.Errorf("--duration: %s: %w", h.duration, err)
		}
	}
	if cmd.Flags().Changed("region") && !plan.IsRegion(h.region) {
		return fmt.Errorf("--region: %q is no region", h.region)
	}
	return nil
}

// resolve gives a profile's chain and the region to work in, "" if nothing says one.
func (h *handout) resolve(f *profiles.Files, profile string) (c profiles.Chain, region string, err error) {
	if c, err = f.Chain(profile); err != nil {
		return c, "", err
	}
	if h.duration != 0 {
		if c, err = c.WithDuration(h.duration); err != nil {
			return c, "", err
		}
	}
	if h.region != "" {
		return c, h.region, nil
	}
	tools, err := f.Profile(profile) // a profile that is wired has the tools' settings, and its role's profile others
	if err != nil {
		return c, "", err
	}
	for _, region := range []string{tools.Get("region"), c.Profile.Get("region")} {
		if plan.IsRegion(region) {
			return c, region, nil
		}
		if region != "" {
			return c, "", &diag.Error{Profile: profile, Problem: fmt.Sprintf("its region is %q, which is none", region), Hint: "correct it, or give --region"}
		}
	}
	return c, "", nil
}

// credentials gives what a profile stands for, to a program that cannot ask again. So a session that is running out is
// renewed first, where get would serve it and have it renewed by a process that nobody waits for.
func (h *handout) credentials(ctx context.Context, profile string) (s cache.Session, region string, err error) {
	f, err := h.files()
	if err != nil {
		return s, "", err
	}
	chain, region, err := h.resolve(f, profile)
	if err != nil {
		return s, "", err
	}
	r, err := h.resolver()
	if err != nil {
		return s, "", err
	}
	if s, err = r.Credentials(ctx, chain); err != nil {
		return s, "", err
	}
	if r.ClaimsRenewal(chain, s) {
		if err := r.Renew(ctx, chain); err != nil {
			h.warn("%v; the session before is given", err)
		}
		if s, err = r.Credentials(ctx, chain); err != nil {
			return s, "", err
		}
	}
	switch now := time.Now(); {
	case !s.Expiration.IsZero() && !s.Expiration.After(now):
		h.warn("%s: its session is over already by this machine's clock; set the clock", profile)
	case isShort(s, now):
		h.warn("%s: its session ends in %s, and will not be renewed where it goes; refresh it first, or use exec --serve",
			profile, left(s.Expiration, now))
	}
	return s, region, nil
}

// isShort reports whether a session has so little left that who works with it should know.
func isShort(s cache.Session, now time.Time) bool {
	left := s.Expiration.Sub(now)
	return !s.Expiration.IsZero() && left < 15*time.Minute && left < s.Expiration.Sub(s.Issued)/2
}

// variable is a variable of a process's environment.
type variable struct{ name, value string }

// clashing are the variables by which an SDK finds credentials, or learns something about them. None of them may be left
// of those before: most come before what is handed out, and the others tell of something else.
var clashing = []string{
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CREDENTIAL_EXPIRATION", "AWS_ACCOUNT_ID",
	"AWS_PROFILE", "AWS_DEFAULT_PROFILE", // the JavaScript SDK prefers a profile to keys
	"AWS_SECURITY_TOKEN", // the session token's old name, which botocore reads first
	"AWS_ACCESS_KEY", "AWS_SECRET_KEY", "AMAZON_ACCESS_KEY_ID", "AMAZON_SECRET_ACCESS_KEY", "AMAZON_SESSION_TOKEN", "AWS_CREDENTIAL_FILE",
	"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME",
	"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
	"AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
	"AWS_SESSION_EXPIRATION", // what aws-vault wrote
}

// credentialVariables are credentials in the form of variables.
// https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html
func credentialVariables(s cache.Session) []variable {
	all := []variable{
		{"AWS_ACCESS_KEY_ID", s.AccessKeyID}, {"AWS_SECRET_ACCESS_KEY", s.SecretAccessKey}, {"AWS_SESSION_TOKEN", s.SessionToken},
	}
	if !s.Expiration.IsZero() {
		all = append(all, variable{"AWS_CREDENTIAL_EXPIRATION", s.Expiration.UTC().Format(time.RFC3339)})
	}
	return withValue(all)
}

// otherVariables are what goes with credentials, however they are handed out.
func otherVariables(s cache.Session, region string) []variable {
	return withValue([]variable{
		{"AWS_ACCOUNT_ID", s.AccountID},
		{"AWS_REGION", region}, {"AWS_DEFAULT_REGION", region}, // some tools read but one of them
	})
}

func withValue(all []variable) []variable {
	return slices.DeleteFunc(all, func(v variable) bool { return v.value == "" })
}

// environment is what a command sees: the environment of this process without what clashes, and with these variables.
func environment(environ []string, set []variable) []string {
	same := func(a, b string) bool { return a == b }
	if runtime.GOOS == "windows" {
		same = strings.EqualFold
	}
	env := slices.DeleteFunc(slices.Clone(environ), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.ContainsFunc(clashing, func(c string) bool { return same(c, name) }) ||
			slices.ContainsFunc(set, func(s variable) bool { return same(s.name, name) })
	})
	for _, v := range set {
		env = append(env, v.name+"="+v.value)
	}
	return env
}

func (a *app) execCommand() *cobra.Command {
	h := &handout{app: a}
	var serve bool
	cmd := a.command("exec PROFILE [-- CMD [ARGS...]]", "run a command, or a shell, with a profile's credentials",
		`Runs a command with the credentials of a profile in its environment, for tools that know no credential_process. Without a
command it is your shell; a prompt can show $AWS_CREDPROC_EXEC_PROFILE and $AWS_CREDENTIAL_EXPIRATION. The exit code is
the command's.

With --serve there are no credentials in the environment: the command is told of an endpoint on this machine, as in a
container, from which every SDK takes them, and anew when they run out. It lives as long as the command.`,
		`  aws-credproc exec dev -- aws s3 ls
  aws-credproc exec dev --region eu-west-3 --duration 30m -- terraform apply
  aws-credproc exec dev --serve -- make nightly
  aws-credproc exec dev`,
		execUsage,
		func(ctx context.Context, args []string) error {
			return h.exec(ctx, args[0], args[1:], serve)
		})
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error { return h.checkFlags(cmd) }
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault // the command's files
		}
		return completeOtherProfiles(cmd, args, word)
	}
	h.addFlags(cmd)
	cmd.Flags().BoolVar(&serve, "serve", false, "let the command ask for credentials whenever it needs them, so that it may outlast a session")
	return cmd
}

// execUsage asks for a profile, and for a command only after "--", so that no flag of the command is taken for one of ours.
func execUsage(cmd *cobra.Command, args []string) error {
	switch dash := cmd.ArgsLenAtDash(); {
	case dash >= 0:
		return oneProfile(cmd, args[:dash])
	case len(args) > 1:
		return errors.New("the command goes after two dashes: exec PROFILE -- CMD")
	}
	return oneProfile(cmd, args)
}

// exec makes everything ready for a command, which then runs when this one has ended.
func (h *handout) exec(ctx context.Context, profile string, command []string, serve bool) error {
	if len(command) == 0 {
		command = []string{shell()}
		if outer := os.Getenv(credproc.ExecVariable); outer != "" {
			h.warn("this is a shell of aws-credproc exec %s already; the one that starts now, with %s, is inside it", outer, profile)
		}
	}
	path, err := findCommand(command[0])
	if err != nil {
		return err
	}
	c := job{path: path, args: command, stdin: os.Stdin}
	if !term.IsTerminal(int(os.Stdin.Fd())) { // where a person may type something until the command starts
		if err := leaveStdin(); err != nil {
			return err
		}
	}
	set := []variable{{credproc.ExecVariable, profile}}
	if serve {
		e, more, err := h.startEndpoint(ctx, profile)
		if err != nil {
			return err
		}
		if err := leaveStdin(); err != nil {
			return err
		}
		c.env = environment(os.Environ(), append(set, more...))
		h.then = func() int {
			defer e.close()
			return h.runBeside(c)
		}
		return nil
	}
	s, region, err := h.credentials(ctx, profile)
	if err != nil {
		return err
	}
	c.env = environment(os.Environ(), slices.Concat(set, credentialVariables(s), otherVariables(s, region)))
	h.then = func() int { return h.runInstead(c) }
	return nil
}

// leaveStdin leaves what comes in to the command: one that gives credentials would read it too (ssh does).
func leaveStdin() error {
	none, err := os.Open(os.DevNull)
	if err != nil {
		return fmt.Errorf("exec: %w", err)
	}
	os.Stdin = none
	return nil
}

// job is a command to run.
type job struct {
	path      string
	args, env []string // args begins with the command's name
	stdin     *os.File
}

// cannotRun says that a command cannot be started. Its exit codes are those of env(1) and the shells.
type cannotRun struct {
	error
	code int
}

func (e cannotRun) Unwrap() error { return e.error }

const (
	exitCannotRun = 126
	exitNotFound  = 127
)

func newCannotRun(name string, err error) cannotRun {
	if errors.Is(err, exec.ErrNotFound) {
		return cannotRun{&diag.Error{Where: "exec", Problem: fmt.Sprintf("there is no command %q on the PATH", name), Hint: "give its path, or run the shell that has it as an alias or a function"}, exitNotFound}
	}
	var what *fs.PathError
	if errors.As(err, &what) {
		err = what.Err
	}
	e := cannotRun{fmt.Errorf("exec: %q cannot be run: %w", name, err), exitCannotRun}
	if errors.Is(err, fs.ErrNotExist) {
		e.code = exitNotFound
	}
	return e
}

// findCommand finds a command as the system does.
func findCommand(name string) (string, error) {
	path, err := exec.LookPath(name)
	switch e := (*exec.Error)(nil); {
	case errors.Is(err, exec.ErrDot) && runtime.GOOS != "windows": // the PATH names the folder, on purpose
		return path, nil
	case errors.Is(err, exec.ErrNotFound) && isOnPath(name):
		err = syscall.EACCES
	case errors.As(err, &e):
		err = e.Err
	}
	if err != nil {
		return "", newCannotRun(name, err)
	}
	return path, nil
}

// isOnPath reports whether there is a file of a command's name on the PATH, though none that can be run.
func isOnPath(name string) bool {
	if filepath.Base(name) != name {
		return false
	}
	return slices.ContainsFunc(filepath.SplitList(os.Getenv("PATH")), func(dir string) bool {
		info, err := os.Stat(filepath.Join(dir, name))
		return err == nil && info.Mode().IsRegular()
	})
}

// runBeside runs a command to its end and gives its exit code; 128 and the number of the signal that ended it. It shares
// our process group, so that what is typed at the terminal (Ctrl-C, Ctrl-Z) reaches it: for us that is no end. Signals that
// are meant for it and come to us are passed on.
func (a *app) runBeside(c job) int {
	cmd := exec.Cmd{Path: c.path, Args: c.args, Env: c.env, Stdin: c.stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	signals := make(chan os.Signal, 16)
	for _, s := range passedOn {
		if !signal.Ignored(s) { // what we were told to ignore it ignores too
			signal.Notify(signals, s)
		}
	}
	if err := cmd.Start(); err != nil {
		notRun := newCannotRun(c.args[0], err)
		a.report(notRun)
		return notRun.code
	}
	writeFromBackground() // after the start: the command would inherit it
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			passOn(cmd.Process, s)
		case err := <-done:
			if cmd.ProcessState == nil {
				a.say("exec: the end of %q cannot be waited for: %v", c.args[0], err)
				return exitFailed
			}
			return exitStatus(cmd.ProcessState)
		}
	}
}
