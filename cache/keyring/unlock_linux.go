package keyring

import (
	"context"
	"errors"
	"fmt"

	"github.com/godbus/dbus/v5"
)

// unlock unlocks the collection by the service's own prompt and waits for it until promptCtx ends.
// The prompt is then left to the service: gnome-keyring 42 crashes if one that is shown is
// dismissed.
func unlock(ctx, promptCtx context.Context) error {
	b, err := openBus(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	path, locked, err := b.collection()
	if err != nil || !locked {
		return err
	}
	signals, err := b.promptSignals(ctx)
	if err != nil {
		return err
	}
	var unlocked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	err = b.call(ssPath, ssService+".Unlock", []dbus.ObjectPath{path})(&unlocked, &prompt)
	if err != nil {
		return err
	}
	if prompt != ssNone {
		if _, err := b.prompt(promptCtx, prompt, signals); err != nil {
			return err
		}
	}
	if _, locked, err = b.collection(); err == nil && locked {
		err = fmt.Errorf("still %w", ErrLocked)
	}
	return err
}

// promptSignals subscribes to the end of prompts and to that of the service.
func (b *bus) promptSignals(ctx context.Context) (<-chan *dbus.Signal, error) {
	signals := make(chan *dbus.Signal, 16)
	b.conn.Signal(signals)
	for _, match := range [][]dbus.MatchOption{{
		dbus.WithMatchSender(ssName),
		dbus.WithMatchInterface(ssPrompt),
		dbus.WithMatchMember("Completed"),
	}, {
		dbus.WithMatchInterface(dbusName),
		dbus.WithMatchMember("NameOwnerChanged"),
		dbus.WithMatchArg(0, ssName),
	}} {
		if err := b.conn.AddMatchSignalContext(ctx, match...); err != nil {
			return nil, fmt.Errorf("session bus: %w", err)
		}
	}
	return signals, nil
}

// prompt shows a prompt, waits for its end or that of ctx, and returns its result.
func (b *bus) prompt(
	ctx context.Context, prompt dbus.ObjectPath, signals <-chan *dbus.Signal,
) (result any, err error) {
	if err := b.call(prompt, ssPrompt+".Prompt", "")(); err != nil {
		return nil, err
	}
	for {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case s, ok := <-signals:
			switch {
			case !ok:
				return nil, errors.New("the session bus has ended")
			case s.Name == dbusName+".NameOwnerChanged":
				return nil, fmt.Errorf("%w: the Secret Service has ended", ErrUnavailable)
			case s.Path == prompt && len(s.Body) > 0 && s.Body[0] == true:
				return nil, fmt.Errorf("%w: its prompt was dismissed, or could not be shown", ErrLocked)
			case s.Path == prompt && len(s.Body) > 1:
				return s.Body[1], nil
			case s.Path == prompt:
				return nil, nil
			}
		}
	}
}
