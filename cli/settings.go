package cli

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aws-credproc/cache"
	"aws-credproc/credproc/mfa"
	"aws-credproc/internal/diag"
)

// defaultTimeout is below the 60 seconds after which the Go SDK kills a helper.
const defaultTimeout = 50 * time.Second

// settings are the values of the global flags.
type settings struct {
	store, prompt, timeout string
}

// readSettings sets the app's settings from the flags, else from their variables, else to the
// defaults. A variable with an unusable value is an error; for get and renew, which other programs
// start, it is a warning.
func (a *app) readSettings(cmd *cobra.Command, flags settings) error {
	read := func(flag, value string, parse func(string) error) error {
		if value != "" {
			return wrapUsage("--"+flag, parse(value))
		}
		name := "AWS_CREDPROC_" + strings.ToUpper(flag)
		err := wrapUsage(name, parse(os.Getenv(name)))
		switch {
		case err == nil:
			return nil
		case isStartedByPrograms(cmd):
			a.warn("%v; the default is used", err)
			return parse("")
		}
		return &diag.Error{Err: err, Hint: "correct or unset " + name}
	}
	return cmp.Or(
		read("store", flags.store, func(v string) (err error) {
			a.store, err = cache.ParseChoice(v)
			return err
		}),
		read("prompt", flags.prompt, func(v string) (err error) {
			a.prompt, err = mfa.ParseMode(v)
			return err
		}),
		read("timeout", flags.timeout, func(v string) (err error) {
			a.timeout, err = parseTimeout(v)
			return err
		}),
		read("verbose", boolFlag(cmd, "verbose"), func(v string) (err error) {
			a.verbose, err = parseBool(v)
			return err
		}),
	)
}

// isStartedByPrograms reports whether a command is one that other programs start: get and renew.
func isStartedByPrograms(cmd *cobra.Command) bool {
	return cmd.Name() == getName || cmd.Name() == renewName
}

func wrapUsage(name string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// boolFlag returns the value of a flag without an argument, "" if it is not set.
func boolFlag(cmd *cobra.Command, name string) string {
	if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
		return f.Value.String()
	}
	return ""
}

func parseBool(text string) (bool, error) {
	if text == "" {
		return false, nil
	}
	b, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("%q is neither true nor false", text)
	}
	return b, nil
}

func parseTimeout(text string) (time.Duration, error) {
	if text == "" {
		return defaultTimeout, nil
	}
	d, err := parseDuration(text)
	if err == nil && d <= 0 {
		err = errors.New("must be more than 0")
	}
	if err != nil {
		return 0, fmt.Errorf("%q: %w", text, err)
	}
	return d, nil
}

// parseDuration parses a number with units, such as 30m or 1h30m, or a number of seconds.
func parseDuration(text string) (time.Duration, error) {
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, errors.New("not a duration such as 30s, 15m or 900 (seconds)")
	}
	return d, nil
}

// durationFlag is a flag whose value [parseDuration] parses.
type durationFlag time.Duration

func (d *durationFlag) Set(text string) error {
	parsed, err := parseDuration(text)
	*d = durationFlag(parsed)
	return err
}

func (d *durationFlag) String() string {
	if *d == 0 {
		return "" // --help then shows no default
	}
	return time.Duration(*d).String()
}

func (*durationFlag) Type() string { return "duration" }
