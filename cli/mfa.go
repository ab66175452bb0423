package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"aws-credproc/cache/keyring"
	"aws-credproc/credproc/mfa"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/keyringapi"
)

func newMFACmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "mfa",
		Short: "Store TOTP seeds of MFA devices in the keyring",
		Long: `Stores the TOTP seed of a virtual MFA device in the keyring, so that aws-credproc
generates the codes and does not ask for them. This is a weaker second factor,
because the seed is on the same machine as the access key.

SERIAL is the ARN of the device, as in mfa_serial.`,
		Example: "  aws-credproc mfa add arn:aws:iam::123456789012:mfa/jill",
		Args:    noSubcommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newMFAAddCmd(a), newMFAListCmd(a), newMFARemoveCmd(a), newMFACodeCmd(a))
	return cmd
}

func newMFAAddCmd(a *app) *cobra.Command {
	var cmd *cobra.Command
	cmd = &cobra.Command{
		Use:   "add SERIAL",
		Short: "Store a seed and print two codes to register the device",
		Long: `Stores the seed of a virtual MFA device in the keyring and prints two consecutive
codes, with which you register the device in IAM ("Assign MFA device", authenticator
app). The seed is what IAM shows there as the secret key, in base32, or the
otpauth:// URI in its QR code. It is read at the terminal without echo, or from stdin
if that is not a terminal. The second code follows up to 30 seconds after the first,
so --timeout must not be shorter.

From then on you are not asked for codes of the device. Keep another copy of the
seed: aws-credproc does not show it again.`,
		Example: `  aws-credproc mfa add arn:aws:iam::123456789012:mfa/jill
  pass show aws/jill-seed | aws-credproc mfa add arn:aws:iam::123456789012:mfa/jill`,
		Args:              oneSerial,
		ValidArgsFunction: completeSerials,
		// --timeout is that of each code, without the time to look up the seed. The keyring has
		// limits of its own.
		RunE: a.runE(func(_ context.Context, args []string) error {
			locked, err := unlockKeyring(cmd.Context(), a)
			if err != nil {
				return err
			}
			if locked != nil {
				return mfaError("add", args[0], locked)
			}
			a.pauseWatchdog()
			return mfaError("add", args[0], addSeed(cmd.Context(), a, args[0]))
		}),
	}
	return cmd
}

func newMFARemoveCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "remove SERIAL",
		Short: "Delete a seed",
		Long: `Deletes the seed of an MFA device from the keyring. The device remains registered in
IAM. Remove it there too, unless you have another copy of the seed.`,
		Example:           "  aws-credproc mfa remove arn:aws:iam::123456789012:mfa/jill",
		Args:              oneSerial,
		ValidArgsFunction: completeSerials,
		RunE: a.runE(func(ctx context.Context, args []string) error {
			switch err := a.seeds().Remove(ctx, args[0]); {
			case errors.Is(err, mfa.ErrNoSeed):
				return a.printf("%s: no seed in the keyring, nothing to delete\n", args[0])
			case err != nil:
				return mfaError("remove", args[0], err)
			}
			return a.printf("%s: seed deleted\n", args[0])
		}),
	}
}

func newMFACodeCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "code SERIAL",
		Short: "Print an unused code",
		Long: `Prints a code of an MFA device whose seed is in the keyring. AWS accepts a code once,
so a code that aws-credproc has used or printed is not printed again: the command
waits for the next one, up to 30 seconds.`,
		Example:           "  aws-credproc mfa code arn:aws:iam::123456789012:mfa/jill",
		Args:              oneSerial,
		ValidArgsFunction: completeSerials,
		RunE: a.runE(func(ctx context.Context, args []string) error {
			code, err := a.seeds().Code(ctx, args[0], func(wait time.Duration) {
				a.say("the current code is already used; waiting %s for the next one", wait)
			})
			if err != nil {
				return mfaError("code", args[0], err)
			}
			return a.printf("%s\n", string(code.Secret))
		}),
	}
}

// addSeed asks for a seed, stores it and prints two codes.
func addSeed(ctx context.Context, a *app, serial string) error {
	seeds := a.seeds()
	if err := seeds.CanAdd(ctx, serial); err != nil { // before the user looks for the seed
		return err
	}
	text, err := readSeed(ctx, a, serial)
	if err != nil {
		return err
	}
	seed, err := mfa.ParseSeed(text)
	if err != nil {
		return err
	}
	if err := seeds.Add(ctx, serial, seed); err != nil {
		return err
	}
	added := time.Now()
	a.warn("the seed is now on this machine, where your access key may be too: " +
		"a weaker second factor than a separate device")
	if err := printSeedCode(ctx, a, serial, "first"); err != nil {
		return err
	}
	// The device cannot be registered without the second code.
	if err := waitWritten(ctx, a, serial, seed, added); err != nil {
		return err
	}
	return printSeedCode(ctx, a, serial, "second")
}

// waitWritten waits until a seed is on disk. It warns if that is not known.
func waitWritten(
	ctx context.Context, a *app, serial string, seed mfa.Seed, added time.Time,
) error {
	defer a.progress("waiting for the keyring to write the seed to disk")()
	written, err := a.seeds().WaitWritten(ctx, serial, seed, added)
	if errors.Is(err, keyringapi.ErrLost) {
		return seedLost(serial, err)
	}
	if err != nil {
		return fmt.Errorf("check whether the keyring has written the seed to disk: %w", err)
	}
	if !written {
		a.warn("the keyring may not have written the seed to disk yet; keep another copy of the seed until " +
			"aws-credproc mfa code has worked after the next login")
	}
	return nil
}

// printSeedCode prints the next code of a new device.
func printSeedCode(ctx context.Context, a *app, serial, which string) error {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	code, err := a.seeds().Code(ctx, serial, func(wait time.Duration) {
		a.say("IAM needs two consecutive codes; waiting %s for the %s one", wait, which)
	})
	if errors.Is(err, mfa.ErrNoSeed) {
		return seedLost(serial, err)
	}
	if err != nil {
		e := &diag.Error{
			Err:  fmt.Errorf("the seed was stored, but there is no %s code: %w", which, err),
			Hint: hintOf(err, "aws-credproc mfa code "+serial),
		}
		if errors.Is(err, context.DeadlineExceeded) {
			e.Hint = "aws-credproc mfa code --timeout 50s " + serial + " prints the next one"
		}
		isLocked := errors.Is(err, keyring.ErrLocked)
		if errors.As(err, new(*keyringapi.Error)) && !isLocked {
			e.Err = fmt.Errorf("the keyring has stored the seed, and may have lost it since: %w", err)
			e.Hint = "aws-credproc mfa add " + serial + " stores it again"
		}
		e.Set(diag.NeedsUser, isLocked)
		return e
	}
	return a.printf("%s code: %s\n", which, string(code.Secret))
}

// seedLost returns the error for a seed that is no longer in the keyring.
func seedLost(serial string, err error) error {
	return &diag.Error{
		Problem: "the keyring has lost the seed: it ended before it wrote the seed to disk",
		Hint:    "aws-credproc mfa add " + serial + " stores it again",
		Err:     err,
	}
}

// maxSeedText is larger than any otpauth URI.
const maxSeedText = 4 << 10

// readSeed reads a seed from the terminal, or from stdin if that is not a terminal.
func readSeed(ctx context.Context, a *app, serial string) (string, error) {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		b, err := io.ReadAll(io.LimitReader(os.Stdin, maxSeedText))
		if err != nil {
			return "", fmt.Errorf("read the seed from stdin: %w", err)
		}
		return string(b), nil
	}
	tty, err := a.terminal()
	if err != nil {
		return "", &diag.Error{
			Err:  fmt.Errorf("cannot ask for the seed: %w", err),
			Hint: "pass the seed on stdin", Flags: diag.NeedsUser,
		}
	}
	defer tty.Close()
	question := "Seed of " + serial + " in base32 or as otpauth:// URI (not shown): "
	text, err := tty.AskHidden(ctx, question)
	if ctx.Err() != nil || errors.Is(err, io.EOF) {
		return "", errors.New("interrupted; nothing was stored")
	}
	return text, err
}

// mfaError adds the step and a hint to an error. serial is "" for a step that has no device.
func mfaError(step, serial string, err error) error {
	if err == nil {
		return nil
	}
	command := strings.TrimSpace("mfa " + step + " " + serial)
	e := &diag.Error{Where: command, Err: err}
	var inner *diag.Error
	switch {
	case errors.As(err, &inner):
		e.Problem, e.Err, e.Hint, e.Flags = inner.Problem, inner.Err, inner.Hint, inner.Flags
	case errors.Is(err, mfa.ErrNoSeed):
		e.Hint = "aws-credproc mfa add " + serial
	case errors.Is(err, mfa.ErrSeedExists):
		e.Hint = "aws-credproc mfa remove " + serial + " deletes it"
	case errors.Is(err, keyring.ErrUnavailable):
		e.Hint = "seeds need a keyring; without one, set mfa_process to a command that prints codes"
	case errors.As(err, new(*keyring.Error)):
		e.Set(diag.NeedsUser, errors.Is(err, keyring.ErrLocked))
		e.Hint = hintOf(err, "aws-credproc "+command)
	case errors.Is(err, context.DeadlineExceeded):
		e.Hint = "try again, or use a longer --timeout"
	}
	return e
}

// completeSerials completes the MFA devices in the config files.
func completeSerials(
	_ *cobra.Command, args []string, _ string,
) (serials []string, _ cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return configuredSerials(), cobra.ShellCompDirectiveNoFileComp
}
