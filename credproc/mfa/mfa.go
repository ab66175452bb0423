// Package mfa gets token codes of MFA devices: from the command that a profile names, from a TOTP seed in the keyring if
// a person has put one there, else from the person, at the terminal or in a window.
//
// It promises that a person is asked where they can see it or not at all, that asking ends with its context, and that
// neither a code nor a seed is ever in an argument, an environment, a file, an error or a log.
package mfa

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"aws-credproc/cache/keyring"
	"aws-credproc/cache/statedir"
	"aws-credproc/internal/terminal"
	"aws-credproc/profiles"
)

// Mode says where a person may be asked; it is a value of --prompt.
type Mode string

// The modes. Auto is the terminal, else a window. None is for those whom nobody could answer; a seed asks nobody, and
// serves in every mode.
const (
	Auto Mode = "auto"
	TTY  Mode = "tty"
	GUI  Mode = "gui"
	None Mode = "none"
)

// Modes lists what ParseMode takes, for flag help and completion.
func Modes() []Mode { return []Mode{Auto, TTY, GUI, None} }

// ParseMode reads a value of --prompt; the empty string is Auto.
func ParseMode(s string) (Mode, error) {
	if s == "" {
		return Auto, nil
	}
	if !slices.Contains(Modes(), Mode(s)) {
		var names []string
		for _, m := range Modes() {
			names = append(names, string(m))
		}
		return "", fmt.Errorf("%q is none of %s", s, strings.Join(names, ", "))
	}
	return Mode(s), nil
}

// Device is what a code is wanted for.
type Device struct {
	Serial  string // the ARN of a virtual device, or the serial number of another
	Profile string
	RoleARN string // "" where it is not for one role
	Process string // the profile's mfa_process: a command that prints the code; "" for none
	Way     string // the profiles on the way to that command, with spaces between them, as in shell.WayVariable
}

// Code is a token code, six digits. However it is printed, it shows as ***.
type Code struct{ profiles.Secret }

// What a caller may want to know of an error. Beside these, one wraps [context.DeadlineExceeded] where the time was up.
var (
	// ErrNobody: there is nothing and nobody to ask here; the text says why.
	ErrNobody = errors.New("nobody can be asked for an MFA code here")
	// ErrCancelled: the person did not want to answer. Where they ended this process instead of answering, the error wraps
	// [context.Canceled] too: that tells nothing about what they would answer another one.
	ErrCancelled = errors.New("the MFA code was asked for, and not given")
	// ErrRefused is for the caller to say, with the words of STS, that a code was of no use.
	ErrRefused = errors.New("the MFA code was refused")
)

// errInterrupted is an ErrCancelled by the end of this process.
var errInterrupted = worded{ErrCancelled.Error(), errors.Join(ErrCancelled, context.Canceled)}

// worded is an error in other words.
type worded struct {
	text string
	err  error
}

func (w worded) Error() string { return w.text }
func (w worded) Unwrap() error { return w.err }

// Asker gets token codes. Its fields are set once, before the first call. Stderr and Seeds may be nil.
type Asker struct {
	Mode   Mode
	Dir    string // the state directory, where those who ask at one terminal wait for each other
	Getenv func(string) string
	Now    func() time.Time
	Seeds  *Seeds
	// Stderr is where mfa_process may speak to a person if there is no terminal: bounded, and without control characters.
	Stderr io.Writer
	Warnf  func(format string, args ...any) // what a person should know, where there is no terminal to say it
	Tracef func(format string, args ...any) // steps, for --verbose; never a secret

	mu      sync.Mutex
	refused map[Device]int // codes in a row
}

// How often a code that was refused is followed by another one. It may have been mistyped, or used already; but what no
// person types is hardly right the third time.
const (
	personAgain  = 3
	machineAgain = 1
)

// Code gets a code. previous is nil the first time, else why the code before was of no use, which wraps ErrRefused and is
// shown to a person; where another code would be of no use either, the error is previous again. So the caller asks until
// STS takes the code or Code gives an error. It holds a lock of the device, so that one process asks for all.
func (a *Asker) Code(ctx context.Context, d Device, previous error) (Code, error) {
	refused := a.count(d, previous)
	if a.runs(d) {
		if refused > machineAgain {
			return Code{}, previous
		}
		return a.run(ctx, d, previous)
	}
	seed, noSeed := a.seed(ctx, d)
	if noSeed == nil {
		if refused > machineAgain {
			return Code{}, previous
		}
		a.Tracef("MFA code of %s: from the seed in the keyring", d.Serial)
		return a.Seeds.next(ctx, d.Serial, seed, func(wait time.Duration) { a.tellWait(d, wait) })
	}
	if refused > personAgain {
		return Code{}, previous
	}
	ask, err := a.person(d)
	if err != nil {
		return Code{}, nobody(err, noSeed)
	}
	note := ""
	if previous != nil {
		note = previous.Error() + "\n"
	}
	return a.askPerson(ctx, note, ask)
}

// CanAsk is nil if Code has something or someone to ask, else the error that it would give. It asks nobody.
func (a *Asker) CanAsk(ctx context.Context, d Device) error {
	if a.runs(d) {
		return nil
	}
	_, noSeed := a.seed(ctx, d)
	if noSeed == nil {
		return nil
	}
	if _, err := a.person(d); err != nil {
		return nobody(err, noSeed)
	}
	return nil
}

// count gives how many codes in a row were refused.
func (a *Asker) count(d Device, previous error) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.refused == nil {
		a.refused = map[Device]int{}
	}
	if previous == nil {
		a.refused[d] = 0
	} else {
		a.refused[d]++
	}
	return a.refused[d]
}

// seed gives the seed of the device: ErrNoSeed if there is none, another error if the keyring could not tell.
func (a *Asker) seed(ctx context.Context, d Device) (Seed, error) {
	if a.Seeds == nil {
		return Seed{}, ErrNoSeed
	}
	seed, err := a.Seeds.get(ctx, d.Serial)
	if err != nil {
		a.Tracef("MFA device %s: %v", d.Serial, err)
	}
	return seed, err
}

// nobody says that nobody can be asked, and why. A keyring that could not tell whether it has a seed is worth saying.
func nobody(err, noSeed error) error {
	if !errors.Is(noSeed, ErrNoSeed) && !errors.Is(noSeed, keyring.ErrUnavailable) {
		return fmt.Errorf("%w: %w; whether there is a TOTP seed is not known: %w", ErrNobody, err, noSeed)
	}
	return fmt.Errorf("%w: %w", ErrNobody, err)
}

// question shows a note and a question, and reads a line.
type question func(ctx context.Context, note string) (string, error)

// person finds the place where a person can be asked now; the error says why there is none.
func (a *Asker) person(d Device) (question, error) {
	if a.Mode == None {
		return nil, errors.New("the prompt is none")
	}
	var noTerminal error
	if a.Mode != GUI {
		tty, err := terminal.Open()
		if err == nil {
			return func(ctx context.Context, note string) (string, error) { return a.atTerminal(ctx, d, note) }, tty.Close()
		}
		noTerminal = err
	}
	if a.Mode == TTY {
		return nil, noTerminal
	}
	// Looked for now, with no text to show.
	if _, err := dialog(context.Background(), a.Getenv, "", ""); err != nil {
		if noTerminal != nil {
			err = fmt.Errorf("%w, and %w", noTerminal, err)
		}
		return nil, err
	}
	return func(ctx context.Context, note string) (string, error) { return a.inWindow(ctx, d, note) }, nil
}

// answers is how often a person is asked for something that is a code at all.
const answers = 3

// askPerson asks until the answer is a code.
func (a *Asker) askPerson(ctx context.Context, note string, ask question) (Code, error) {
	for range answers {
		answer, err := ask(ctx, note)
		switch cause := context.Cause(ctx); {
		case errors.Is(cause, context.DeadlineExceeded):
			return Code{}, worded{"the MFA code was asked for, and not given within the time allowed", cause}
		case cause != nil:
			return Code{}, errInterrupted
		case errors.Is(err, io.EOF):
			return Code{}, ErrCancelled
		case err != nil:
			return Code{}, err
		}
		if strings.TrimSpace(answer) == "" {
			return Code{}, ErrCancelled
		}
		if code, ok := parseCode(answer); ok {
			return code, nil
		}
		note = "That is no MFA code: it has 6 digits.\n"
	}
	return Code{}, fmt.Errorf("none of %d answers was an MFA code of 6 digits", answers)
}

// parseCode reads a code, with or without spaces in it.
func parseCode(s string) (Code, bool) {
	digits := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
	if len(digits) != 6 || strings.Trim(digits, "0123456789") != "" {
		return Code{}, false
	}
	return Code{profiles.Secret(digits)}, true
}

func (a *Asker) atTerminal(ctx context.Context, d Device, note string) (string, error) {
	tty, err := terminal.Open()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNobody, err)
	}
	defer tty.Close()
	// Of two questions at once, who knows which of them gets what is typed. Without a state directory that must do.
	unlock, err := statedir.Lock(ctx, a.Dir, tty.Name())
	defer unlock()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	} else if err != nil {
		a.Tracef("other questions at this terminal are not waited for: %v", err)
	}
	a.Tracef("MFA code of %s: asked for at the terminal", d.Serial)
	return tty.Ask(ctx, note+d.who()+"\nCode of MFA device "+d.Serial+": ")
}

func (d Device) who() string {
	who := "aws-credproc: profile " + d.Profile
	if d.RoleARN != "" {
		who += ", role " + d.RoleARN
	}
	return who
}

// tell says something to the person: at the terminal if that may be used, else by the function given.
func (a *Asker) tell(d Device, text string, otherwise func(text string)) {
	if a.Mode == Auto || a.Mode == TTY {
		if tty, err := terminal.Open(); err == nil {
			defer tty.Close()
			if _, err := tty.Write([]byte(terminal.Printable(d.who()+": "+text) + "\n")); err == nil {
				return
			}
		}
	}
	otherwise(text)
}

func (a *Asker) tellWait(d Device, wait time.Duration) {
	a.tell(d, fmt.Sprintf("the MFA code of now is used already; waiting %s for the next", wait), func(text string) { a.Warnf("%s: %s", d.Profile, text) })
}
