package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aws-credproc/internal/files"
	"aws-credproc/internal/ststest"
)

const (
	demoRole = "arn:aws:iam::123456789012:role/Dev"
	// demoDelay is the response time of the demo's STS, about that of the real one.
	demoDelay = 100 * time.Millisecond
)

func newDemoCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Show how it works, without an AWS account",
		Long: `Starts a local STS server on the loopback interface, with config files and a cache in a
temporary directory, and gets credentials twice, as the AWS CLI would. It removes
everything at the end.`,
		Example: "  aws-credproc demo",
		Args:    noArguments,
		RunE: a.runE(func(ctx context.Context, _ []string) (err error) {
			d, err := newDemo(a)
			if err != nil {
				return fmt.Errorf("demo: %w", err)
			}
			defer func() { err = errors.Join(err, d.close()) }()
			switch err := d.show(ctx); {
			case errors.Is(err, errStdoutClosed): // as in "demo | head"
				return nil
			case err != nil:
				return fmt.Errorf("demo: %w", err)
			}
			return nil
		}),
	}
}

// demo is one run of the demo.
type demo struct {
	*app
	sts    *ststest.Server
	dir    string
	helper string // the path of this program
	env    []string
}

// newDemo creates a directory with config files and an empty cache, and starts an STS server that
// has one user and one role.
func newDemo(a *app) (_ *demo, err error) {
	d := &demo{app: a}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	if d.helper, err = files.Executable(); err != nil {
		return nil, err
	}
	if d.sts, err = ststest.Start(); err != nil {
		return nil, err
	}
	jill, err := d.sts.AddUser("123456789012", "jill", ststest.AllowAssume(demoRole))
	if err != nil {
		return nil, err
	}
	role := ststest.Role{ARN: demoRole, Trust: ststest.TrustPolicy(jill.ARN)}
	if err := d.sts.AddRole(role); err != nil {
		return nil, err
	}
	d.sts.Fault(ststest.Fault{Kind: ststest.Slow, Times: ststest.Always, Delay: demoDelay})

	if d.dir, err = os.MkdirTemp("", "aws-credproc-demo-"); err != nil {
		return nil, err
	}
	config, credentials := filepath.Join(d.dir, "config"), filepath.Join(d.dir, "credentials")
	if err := os.WriteFile(config, []byte(demoConfig(quoted(d.helper))), 0o600); err != nil {
		return nil, err
	}
	keys := fmt.Sprintf("[base]\naws_access_key_id = %s\naws_secret_access_key = %s\n",
		jill.Key.ID, jill.Key.Secret)
	if err := os.WriteFile(credentials, []byte(keys), 0o600); err != nil {
		return nil, err
	}
	d.env = append(demoEnviron(os.Environ()),
		"AWS_CONFIG_FILE="+config, "AWS_SHARED_CREDENTIALS_FILE="+credentials,
		"AWS_CREDPROC_STATE_DIR="+filepath.Join(d.dir, "state"), "AWS_CREDPROC_STORE=file",
		"AWS_ENDPOINT_URL_STS="+d.sts.URL, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_PAGER=", "NO_PROXY=127.0.0.1")
	return d, nil
}

func (d *demo) close() error {
	var errs []error
	if d.sts != nil {
		errs = append(errs, d.sts.Close())
	}
	if d.dir != "" {
		errs = append(errs, os.RemoveAll(d.dir))
	}
	return errors.Join(errs...)
}

func demoConfig(helper string) string {
	return `[profile dev]
credential_process = ` + helper + ` get dev-role
region = eu-west-1

[profile dev-role]
role_arn = ` + demoRole + `
source_profile = base
region = eu-west-1
`
}

// quoted returns a path in the form that every SDK accepts at the start of a credential_process.
func quoted(path string) string {
	if strings.ContainsAny(path, " \t") {
		return `"` + path + `"`
	}
	return path
}

// demoEnviron returns an environment without AWS settings and proxies.
func demoEnviron(environ []string) []string {
	var kept []string
	for _, variable := range environ {
		name, _, _ := strings.Cut(strings.ToUpper(variable), "=")
		if !strings.HasPrefix(name, "AWS_") && !strings.HasSuffix(name, "_PROXY") {
			kept = append(kept, variable)
		}
	}
	return kept
}

// show runs the steps, and prints the text of each when it is done.
func (d *demo) show(ctx context.Context) error {
	steps := []func(context.Context) (string, error){d.intro, d.cold, d.warm, d.awsCLI, d.outro}
	for _, step := range steps {
		text, err := step(ctx)
		if err != nil {
			return err
		}
		if err := d.print([]byte(text)); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) intro(context.Context) (string, error) {
	return `aws-credproc demo: how it works, without an AWS account.

A local STS server listens on ` + strings.TrimPrefix(d.sts.URL, "http://") + `. Like AWS, it checks signatures and
policies. It responds after ` + demoDelay.String() + `, about as fast as AWS.

Its account has the user jill, whose access key is in the credentials file,
and the role Dev, which jill may assume. This is the config file:

` + indented(demoConfig("aws-credproc")) + `
`, nil
}

func (d *demo) cold(ctx context.Context) (string, error) {
	return d.get(ctx, "1. The first call finds no cached session and assumes the role.", 1)
}

func (d *demo) warm(ctx context.Context) (string, error) {
	return d.get(ctx, "2. The second call, a new process, uses the cached session.", 1)
}

// get runs this program as the AWS CLI would, and checks the number of STS calls.
func (d *demo) get(ctx context.Context, headline string, wantCalls int) (string, error) {
	start := time.Now()
	out, err := d.run(ctx, d.helper, "get", "dev-role")
	took := time.Since(start)
	if err != nil {
		return "", err
	}
	var credentials struct {
		Version                                    int
		AccessKeyId, SecretAccessKey, SessionToken string //nolint:revive // AWS's spelling
		Expiration, AccountId                      string //nolint:revive // AWS's spelling
	}
	if err := json.Unmarshal(out, &credentials); err != nil {
		return "", fmt.Errorf("read the output of get: %w", err)
	}
	credentials.SecretAccessKey = shortened(credentials.SecretAccessKey)
	credentials.SessionToken = shortened(credentials.SessionToken)
	text, err := json.MarshalIndent(credentials, "", "  ")
	if err != nil {
		return "", fmt.Errorf("write JSON: %w", err)
	}
	if calls := d.sts.Calls("AssumeRole"); calls != wantCalls {
		return "", fmt.Errorf("%d STS calls, expected %d", calls, wantCalls)
	}
	return fmt.Sprintf(`%s

   $ aws-credproc get dev-role
%s
   AssumeRole calls so far: %d    time: %d ms (secrets are shortened here)

`, headline, indented(string(text)), wantCalls, took.Milliseconds()), nil
}

// awsCLI runs the AWS CLI with the profile, if it is installed. Older versions ignore
// AWS_ENDPOINT_URL_STS and need the flag.
func (d *demo) awsCLI(ctx context.Context) (string, error) {
	const headline = "3. The AWS CLI uses the profile like any other"
	path, err := exec.LookPath("aws")
	if err != nil {
		return headline + ". It is not installed here, so this step is skipped.\n\n", nil
	}
	out, err := d.run(ctx, path, "--profile", "dev", "--output", "json", "--endpoint-url", d.sts.URL,
		"sts", "get-caller-identity")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(`%s, and starts the helper itself.

   $ aws --profile dev sts get-caller-identity
%s
   AssumeRole calls so far: %d

`, headline, indented(strings.TrimSpace(string(out))), d.sts.Calls("AssumeRole")), nil
}

func (d *demo) outro(context.Context) (string, error) {
	return `For your own account, install the program (go install .) and add the lines above
to ~/.aws/config, with your role_arn, and with a profile that has an access key
as source_profile. Then

   $ aws --profile dev sts get-caller-identity

works in every tool, with one STS call per session. The demo has removed its files.
`, nil
}

// run runs a program in the demo's environment and returns its stdout.
func (d *demo) run(ctx context.Context, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = d.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); ctx.Err() != nil {
		return nil, context.Cause(ctx)
	} else if err != nil {
		name, text := filepath.Base(program), strings.TrimSpace(stderr.String())
		return nil, fmt.Errorf("%s: %w: %s", name, err, text)
	}
	return stdout.Bytes(), nil
}

func shortened(secret string) string {
	const enough = 4
	if len(secret) <= enough {
		return secret
	}
	return secret[:enough] + "..."
}

func indented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			b.WriteString("   ")
		}
		b.WriteString(line)
	}
	if !strings.HasSuffix(text, "\n") {
		b.WriteString("\n")
	}
	return b.String()
}
