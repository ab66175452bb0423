package credproc

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"

	"aws-credproc/cache"
	"aws-credproc/profiles"
)

// What a command that the config names may print, and how long its output is waited for after its end.
const (
	maxOutput   = 64 << 10
	maxStderr   = 4 << 10 // some SDKs read a helper's stderr only after its stdout
	outputDelay = 2 * time.Second
)

// processSession runs the profile's credential_process. The SDK's provider parses and checks what it prints.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
func (w *way) processSession(ctx context.Context) (cache.Session, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p := processcreds.NewProviderCommand(processcreds.NewCommandBuilderFunc(func(ctx context.Context) (*exec.Cmd, error) {
		cmd, err := w.command(ctx, w.chain.Source.Command)
		if err == nil {
			cmd.Stdout = &allowance{left: maxOutput, exceeded: cancel} // the provider adds its own
		}
		return cmd, err
	}), func(o *processcreds.Options) { o.Timeout = -1 }) // --timeout bounds it
	s, err := w.retrieve(ctx, p)
	if err != nil {
		return cache.Session{}, w.commandError(ctx, "credential_process", err)
	}
	return s, nil
}

// commandOutput runs a command that the config names under key and gives what it prints, without white space around it.
func (w *way) commandOutput(ctx context.Context, key, command string) (string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cmd, err := w.command(ctx, command)
	if err != nil {
		return "", w.commandError(ctx, key, err)
	}
	var out bytes.Buffer
	cmd.Stdout = io.MultiWriter(&allowance{left: maxOutput, exceeded: cancel}, &out)
	if err := cmd.Run(); err != nil {
		return "", w.commandError(ctx, key, err)
	}
	return strings.TrimSpace(out.String()), nil
}

// command makes the process for a command line as the SDK does (a shell, our environment, our stdin). Beside that it
// knows which profiles are on the way, what it says to a person is bounded and cleaned, and it ends with its context,
// children and all.
func (w *way) command(ctx context.Context, line string) (*exec.Cmd, error) {
	cmd, err := processcreds.DefaultNewCommandBuilder{Args: []string{line}}.NewCommand(ctx)
	if err != nil {
		return nil, err
	}
	cmd.Env = append(cmd.Env, chainVariable+"="+strings.Join(append(wayHere(w.Getenv), w.passed()...), " "))
	cmd.Stderr = nil
	if w.Stderr != nil {
		cmd.Stderr = &plainWriter{to: w.Stderr, left: maxStderr}
	}
	cmd.WaitDelay = outputDelay
	if len(wayHere(w.Getenv)) == 0 { // else the first helper on the way ends all of us
		killWithChildren(cmd)
	}
	return cmd, nil
}

// commandError says how a command failed. It holds nothing of what the command printed: that may be a secret.
func (w *way) commandError(ctx context.Context, key string, err error) *Error {
	e := w.sourceError(nil, "run the command by hand; aws-credproc explain "+w.chain.Profile.Name+" shows it")
	var exit *exec.ExitError
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errTooMuchOutput):
		e.Err = fmt.Errorf("its %s %w", key, cause)
	case errors.Is(cause, context.DeadlineExceeded):
		e.Err, e.Passing = fmt.Errorf("its %s did not end within the time allowed", key), true
	case cause != nil:
		e.Err, e.Mend = errInterrupted, ""
	case errors.As(err, &exit):
		e.Err = fmt.Errorf("its %s ended with %s", key, exit.ProcessState)
		if exit.ExitCode() == commandNotFound {
			e.Err = fmt.Errorf("its %s is no command that is found", key)
			e.Mend = "write the command's whole path: the PATH may differ where your tools are started"
		}
	case errors.Is(err, exec.ErrWaitDelay):
		e.Err = fmt.Errorf("its %s left a process behind that holds its output open", key)
	default:
		e.Err = errText(fmt.Sprintf("its %s: %v", key, innermost(err)))
	}
	return e
}

// commandNotFound is the exit status by which a shell says so.
const commandNotFound = 127

var errTooMuchOutput = errors.New("printed more than 64 KB") // maxOutput

// allowance takes so many bytes and keeps none. More than that is an error, and ends the command.
type allowance struct {
	left     int
	exceeded context.CancelCauseFunc
}

func (a *allowance) Write(p []byte) (int, error) {
	if a.left -= len(p); a.left < 0 {
		a.exceeded(errTooMuchOutput)
		return 0, errTooMuchOutput
	}
	return len(p), nil
}

// plainWriter passes on text without what could do something to a terminal, up to a number of bytes. The rest is
// dropped: a command must not fail for saying too much.
type plainWriter struct {
	to   io.Writer
	left int
	part []byte // the start of a character whose rest is yet to come
}

func (p *plainWriter) Write(b []byte) (int, error) {
	text := append(p.part, b...)
	var out []byte
	for len(text) > 0 && utf8.FullRune(text) {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == '\r':
		case r == '\n' || r == '\t':
			out = append(out, byte(r))
		case r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp):
			out = append(out, '?')
		default:
			out = append(out, text[:size]...)
		}
		text = text[size:]
	}
	p.part = append([]byte(nil), text...)
	out = bytes.ToValidUTF8(out[:min(len(out), p.left)], nil)
	p.left -= len(out)
	if len(out) > 0 {
		_, _ = p.to.Write(out) // the command's result does not depend on whether anybody hears it
	}
	return len(b), nil
}

// A command may lead back to this helper, directly or through a tool that reads the same config, and so for ever. It is
// told which profiles are on the way to it; whoever needs the same command again on the way is refused. Profiles are
// known by name and files: a command that sets other files is elsewhere.

// chainVariable tells a command the profiles that are on the way to it, each as a hash of its files, ':' and its name,
// with spaces between them.
const chainVariable = "_AWS_CREDPROC_PROFILE_CHAIN"

// wayHere gives the profiles that are on the way to this process.
func wayHere(getenv func(string) string) []string { return strings.Fields(getenv(chainVariable)) }

// passed gives the profiles of this chain in the form of chainVariable, from the one asked for to the source.
func (w *way) passed() []string {
	files := sha256.Sum256([]byte(realPath(w.chain.ConfigPath) + "\x00" + realPath(w.chain.CredentialsPath)))
	prefix := hex.EncodeToString(files[:4]) + ":"
	names := []string{prefix + w.chain.Profile.Name}
	for _, h := range slices.Backward(w.chain.Hops) {
		names = append(names, prefix+h.Profile)
	}
	return slices.Compact(append(names, prefix+w.chain.Source.Profile))
}

// maxWay bounds the profiles on the way: a command may change what they are known by at each step.
const maxWay = 16

// realPath is a path by which a file is known however it is named.
func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return absolute(path)
}

// checkRecursion refuses a chain whose source is a command that is running already and waits for this process.
func (w *way) checkRecursion() error {
	if !w.chain.Source.RunsCommand() {
		return nil
	}
	before, now := wayHere(w.Getenv), w.passed()
	if len(before) > maxWay {
		return w.sourceError(fmt.Errorf("more than %d profiles are on the way to it, each by a command of the one before", maxWay), "let some command use a profile that has credentials of its own")
	}
	if !slices.Contains(before, now[len(now)-1]) {
		return nil
	}
	round := before
	for _, name := range now {
		round = append(round, name)
		if slices.Contains(before, name) {
			break
		}
	}
	for i, name := range round {
		_, round[i], _ = strings.Cut(name, ":")
	}
	key := "credential_process"
	if w.chain.Source.Type == profiles.WebIdentity {
		key = "web_identity_token_process"
	}
	return w.sourceError(fmt.Errorf("its %s leads back to it: %s", key, strings.Join(round, " -> ")),
		"let the command of profile "+w.chain.Source.Profile+" use another profile")
}
