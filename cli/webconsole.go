package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aws-credproc/credproc"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/browser"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// browserVariable is the variable for --browser.
const browserVariable = "AWS_CREDPROC_BROWSER"

// webConsole is one run of the command.
type webConsole struct {
	credentialExport
	service, destination, browser string
	print                         bool
	signIn                        time.Duration // --duration
}

func newConsoleCmd(a *app) *cobra.Command {
	w := &webConsole{credentialExport: credentialExport{app: a}}
	cmd := &cobra.Command{
		Use:   "console PROFILE",
		Short: "Open the AWS console with the session of a profile",
		Long: `Signs in to the AWS console with the session of a profile and opens it in the browser.
The sign-in lasts as long as the session. If long-term keys assume the role, --duration
can set another time.

The browser is the default one, or the command of --browser or AWS_CREDPROC_BROWSER,
which a shell runs. In the command, {url} is a page on this machine that redirects to
the console, once: the sign-in URL is a secret, and is in no process's arguments.
{encoded_url} and {profile} are for URLs, such as those of Firefox containers.

The sign-in URL is valid for 15 minutes. --print prints it instead of opening it.`,
		Example: `  aws-credproc console dev
  aws-credproc console dev --service s3 --region eu-west-1
  aws-credproc console dev --print
  aws-credproc console dev --browser firefox`,
		Args:              oneProfile,
		ValidArgsFunction: completeProfiles,
		PreRunE:           func(cmd *cobra.Command, _ []string) error { return w.checkFlags(cmd) },
		RunE: a.runE(func(ctx context.Context, args []string) error {
			return w.open(ctx, args[0])
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&w.service, "service", "", "open the page of a service, such as s3")
	flags.StringVar(&w.destination, "destination", "", "open the page with this `URL`")
	flags.StringVar(&w.region, "region", "", "AWS Region (default: that of the profile)")
	flags.Var((*durationFlag)(&w.signIn), "duration", "duration of the sign-in, 15m to 12h")
	flags.StringVar(&w.browser, "browser", "",
		"`COMMAND` that opens the page (default: the default browser, or "+browserVariable+")")
	flags.BoolVar(&w.print, "print", false, "print the sign-in URL, which is a secret")
	for _, flag := range []string{"service", "destination", "region", "duration", "browser"} {
		completeFlag(cmd, flag)
	}
	return cmd
}

func (w *webConsole) checkFlags(cmd *cobra.Command) error {
	set := cmd.Flags().Changed
	switch {
	case set("service") && set("destination"):
		return errors.New("--service cannot be combined with --destination")
	case set("print") && set("browser"):
		return errors.New("--print cannot be combined with --browser")
	case set("service") && !regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`).MatchString(w.service):
		return fmt.Errorf("--service: %q is not the name of a service, such as s3", w.service)
	}
	if set("duration") {
		if err := profiles.CheckDuration(w.signIn); err != nil {
			return fmt.Errorf("--duration: %s: %w", w.signIn, err)
		}
	}
	return w.credentialExport.checkRegion(cmd)
}

// open opens the console with the session of a profile.
func (w *webConsole) open(ctx context.Context, profile string) error {
	f, err := w.files()
	if err != nil {
		return err
	}
	chain, region, err := w.resolve(f, profile)
	if err != nil {
		return err
	}
	r, err := w.resolver()
	if err != nil {
		return err
	}
	if err := r.CheckConsole(chain, w.signIn); err != nil {
		return err
	}
	page, err := w.page(plan.Partition(chain), region)
	if err != nil {
		return err
	}
	s, err := r.Credentials(ctx, chain)
	if err != nil {
		return err
	}
	secret, err := r.ConsoleURL(ctx, chain, s, page, w.signIn)
	if err != nil {
		return err
	}
	if w.print {
		if w.screen().IsTerminal {
			w.say("this URL signs in as %s for 15 minutes; do not share it", profile)
		}
		return w.printf("%s\n", secret)
	}
	return w.handOff(ctx, profile, secret)
}

// handOff opens the browser and waits until it has fetched the page.
func (w *webConsole) handOff(ctx context.Context, profile, secret string) error {
	stop := w.progress("waiting for the browser; Ctrl-C cancels")
	err := browser.HandOff(ctx, secret, func(page string) error {
		if command := cmp.Or(w.browser, os.Getenv(browserVariable)); command != "" {
			return browser.Run(command, page, profile)
		}
		return browser.Open(page)
	})
	stop()
	if err != nil {
		if !errors.Is(err, browser.ErrNotFetched) {
			err = fmt.Errorf("cannot open a browser: %w", err)
		}
		return &diag.Error{
			Profile: profile, Err: err,
			Hint: fmt.Sprintf("aws-credproc console %s --print prints the URL",
				profiles.Argument(profile)),
		}
	}
	return w.printf("%s: opened the AWS console\n", printable(profile))
}

// consoleDomains are the domains of the console, by partition.
var consoleDomains = map[string]string{
	"aws": "aws.amazon.com", "aws-cn": "amazonaws.cn", "aws-us-gov": "amazonaws-us-gov.com",
}

// page returns the URL of the page to open.
func (w *webConsole) page(partition, region string) (string, error) {
	domain := consoleDomains[partition]
	if w.destination != "" {
		u, err := url.Parse(w.destination)
		switch {
		case err != nil || u.Scheme != "https" || u.User != nil || u.Hostname() == "":
			return "", errors.New("--destination: not an https URL")
		case domain != "" && !strings.HasSuffix("."+strings.ToLower(u.Hostname()), "."+domain):
			return "", fmt.Errorf("--destination: not a page of the AWS console (%s)", domain)
		}
		return w.destination, nil
	}
	if domain == "" {
		return "", &diag.Error{
			Problem: "the AWS console of the partition " + partition + " is not known",
			Hint:    "use --destination, and set " + credproc.SigninVariable,
		}
	}
	query := url.Values{}
	if region != "" {
		query.Set("region", region)
	}
	u := url.URL{
		Scheme: "https", Host: "console." + domain,
		Path: "/" + cmp.Or(w.service, "console") + "/home", RawQuery: query.Encode(),
	}
	return u.String(), nil
}
