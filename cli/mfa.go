package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"aws-credproc/cache/keyring"
	"aws-credproc/credproc/mfa"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

func newMFACmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "mfa",
		Short: "keep the TOTP seed of an MFA device in the keyring",
		Long: `For those who choose it: a virtual MFA device whose codes this program makes itself, out of a seed in the keyring.
That is a weaker second factor, since the seed is on the same machine as the access key. SERIAL is the device's ARN, as in
mfa_serial.`,
		Example: "  aws-credproc mfa add arn:aws:iam::123456789012:mfa/jill",
		Args:    noSubcommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var add *cobra.Command
	add = &cobra.Command{
		Use:   "add SERIAL",
		Short: "keep a seed, and show the two codes that enrol the device",
		Long: `Keeps the seed of a virtual MFA device in the keyring, and shows two codes, one after the other: with them IAM enrols the
device ("Assign MFA device", authenticator app). The seed is what IAM shows there as the secret key, in base32, or as an
otpauth:// URI in its QR code. It is asked for at the terminal and not shown; or it is read from stdin, if that is no
terminal. The second code comes up to 30 seconds after the first: a --timeout that is shorter may end before it.

From then on nobody is asked for a code of this device. Keep the seed elsewhere too: it cannot be read back.`,
		Example: `  aws-credproc mfa add arn:aws:iam::123456789012:mfa/jill
  pass show aws/jill-seed | aws-credproc mfa add arn:aws:iam::123456789012:mfa/jill`,
		Args:              oneSerial,
		ValidArgsFunction: completeSerials,
		// The deadline is that of what this program does, not of the person who looks for the seed: that of each code. The
		// keyring has limits of its own.
		RunE: a.runE(func(_ context.Context, args []string) error {
			stays, err := unlockKeyring(add.Context(), a)
			if err != nil {
				return err
			}
			if stays != nil {
				return mfaError("add", args[0], stays)
			}
			a.pauseWatchdog()
			return mfaError("add", args[0], addSeed(add.Context(), a, args[0]))
		}),
	}
	remove := &cobra.Command{
		Use:               "remove SERIAL",
		Short:             "forget a seed",
		Long:              `Forgets the seed of an MFA device. The device stays enrolled with IAM: remove it there too, or keep its seed elsewhere.`,
		Example:           "  aws-credproc mfa remove arn:aws:iam::123456789012:mfa/jill",
		Args:              oneSerial,
		ValidArgsFunction: completeSerials,
		RunE: a.runE(func(ctx context.Context, args []string) error {
			done := "its seed is removed"
			switch err := a.seeds().Remove(ctx, args[0]); {
			case errors.Is(err, mfa.ErrNoSeed):
				done = "no seed of it is in the keyring, so there is nothing to remove"
			case err != nil:
				return mfaError("remove", args[0], err)
			}
			return a.print(fmt.Appendf(nil, "%s: %s\n", args[0], done))
		}),
	}
	code := &cobra.Command{
		Use:   "code SERIAL",
		Short: "print a code that was not used before",
		Long: `Prints the code of now of an MFA device whose seed is kept. AWS takes each code once, so one that this program has given
out before is not printed again: it waits for the next, for 30 seconds at most.`,
		Example:           "  aws-credproc mfa code arn:aws:iam::123456789012:mfa/jill",
		Args:              oneSerial,
		ValidArgsFunction: completeSerials,
		RunE: a.runE(func(ctx context.Context, args []string) error {
			code, err := a.seeds().Code(ctx, args[0], func(wait time.Duration) {
				a.say("the code of now is used already; waiting %s for the next", wait)
			})
			if err != nil {
				return mfaError("code", args[0], err)
			}
			return a.print([]byte(string(code.Secret) + "\n"))
		}),
	}
	cmd.AddCommand(add, remove, code)
	return cmd
}

// addSeed asks for a seed, keeps it and shows two codes.
func addSeed(ctx context.Context, a *app, serial string) error {
	seeds := a.seeds()
	if err := seeds.CanAdd(ctx, serial); err != nil { // before anybody looks for a seed
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
	a.warn("the seed is on this machine now, as your access key may be: that is a weaker second factor than a device of its own")
	show := func(which string) error {
		ctx, cancel := context.WithTimeout(ctx, a.timeout)
		defer cancel()
		code, err := seeds.Code(ctx, serial, func(wait time.Duration) {
			a.say("IAM wants two codes in a row; waiting %s for the %s", wait, which)
		})
		if err != nil {
			e := &diag.Error{Err: fmt.Errorf("the seed is kept, but there is no %s code: %w", which, err),
				Hint: "aws-credproc mfa code --timeout 50s " + serial + " prints the next"}
			e.Set(diag.NeedsUser, errors.Is(err, keyring.ErrLocked))
			return e
		}
		return a.print(fmt.Appendf(nil, "%s code: %s\n", which, string(code.Secret)))
	}
	if err := show("first"); err != nil {
		return err
	}
	return show("second")
}

// maxSeedText is more than the longest otpauth URI takes.
const maxSeedText = 4 << 10

// readSeed asks for a seed at the terminal, or reads it from stdin where that is none.
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
		return "", &diag.Error{Err: fmt.Errorf("nobody can be asked for the seed here: %w", err), Hint: "give it on stdin", Flags: diag.NeedsUser}
	}
	defer tty.Close()
	text, err := tty.AskHidden(ctx, "Seed of "+serial+", in base32 or as an otpauth:// URI (it is not shown): ")
	if ctx.Err() != nil || errors.Is(err, io.EOF) {
		return "", errors.New("interrupted, and nothing is kept")
	}
	return text, err
}

// mfaError says at which step a failure was, and how it is mended.
func mfaError(step, serial string, err error) error {
	if err == nil {
		return nil
	}
	e := &diag.Error{Where: "mfa " + step + " " + serial, Err: err}
	var inner *diag.Error
	switch {
	case errors.As(err, &inner):
		e.Problem, e.Err, e.Hint, e.Flags = inner.Problem, inner.Err, inner.Hint, inner.Flags
	case errors.Is(err, mfa.ErrNoSeed):
		e.Hint = "aws-credproc mfa add " + serial
	case errors.Is(err, mfa.ErrSeedExists):
		e.Hint = "aws-credproc mfa remove " + serial + " first, if that seed is of no more use"
	case errors.Is(err, keyring.ErrUnavailable):
		e.Hint = "seeds are kept in a keyring only; where there is none, name a command with mfa_process"
	case errors.As(err, new(*keyring.Error)):
		e.Set(diag.NeedsUser, errors.Is(err, keyring.ErrLocked))
		e.Hint = hintOf(err, "aws-credproc mfa "+step+" "+serial)
	case errors.Is(err, context.DeadlineExceeded):
		e.Hint = "try again, or allow more with --timeout"
	}
	return e
}

// completeSerials offers the MFA devices of the config to the shell.
func completeSerials(_ *cobra.Command, args []string, _ string) (serials []string, _ cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	f, err := profiles.Load(profiles.Paths(os.Getenv))
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	for _, name := range f.Names() {
		if p, err := f.Profile(name); err == nil && p.Get("mfa_serial") != "" {
			serials = append(serials, p.Get("mfa_serial"))
		}
	}
	slices.Sort(serials)
	return slices.Compact(serials), cobra.ShellCompDirectiveNoFileComp
}
