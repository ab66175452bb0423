package keyring

import (
	"context"
	"fmt"

	"aws-credproc/internal/sessionbus"
)

// unlock unlocks the collection by the service's own prompt and waits for it until promptCtx ends.
// The prompt is then left to the service: gnome-keyring 42 crashes if one that is shown is
// dismissed.
func unlock(ctx, promptCtx context.Context) error {
	b, err := openBus(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	path, locked, err := b.collection()
	if err != nil || !locked {
		return err
	}
	if err := b.subscribe(); err != nil {
		return err
	}
	var unlocked []sessionbus.ObjectPath
	var prompt sessionbus.ObjectPath
	err = b.call(ssPath, ssService+".Unlock", []sessionbus.ObjectPath{path})(&unlocked, &prompt)
	if err != nil {
		return err
	}
	if prompt != ssNone {
		if err := b.prompt(promptCtx, prompt, nil); err != nil {
			return err
		}
	}
	if _, locked, err = b.collection(); err == nil && locked {
		err = fmt.Errorf("still %w", ErrLocked)
	}
	return err
}

// subscribe subscribes to the end of prompts and to that of the service.
func (b *bus) subscribe() error {
	for _, rule := range []string{
		"type='signal',sender='" + ssName + "',interface='" + ssPrompt + "',member='Completed'",
		"type='signal',sender='" + dbusName + "',interface='" + dbusName +
			"',member='NameOwnerChanged',arg0='" + ssName + "'",
	} {
		if _, err := b.Subscribe(rule).Wait(); err != nil {
			return translate(err)
		}
	}
	return nil
}

// prompt shows a prompt, waits for its end or that of ctx, which closes the connection, and stores
// the prompt's result unless result is nil.
func (b *bus) prompt(ctx context.Context, prompt sessionbus.ObjectPath, result any) error {
	if err := b.call(prompt, ssPrompt+".Prompt", "")(); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, b.Close)()
	for {
		s, err := b.Signal()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return fmt.Errorf("session bus: %w", err)
		case s.Sender == dbusName && s.Name == dbusName+".NameOwnerChanged":
			return fmt.Errorf("%w: the Secret Service has ended", ErrUnavailable)
		case s.Sender == b.service && s.Name == ssPrompt+".Completed" && s.Path == prompt:
			return completed(s, result)
		}
	}
}

// completed returns nil for a prompt that was answered.
func completed(s sessionbus.Signal, result any) error {
	var isDismissed bool
	err := s.Store(&isDismissed)
	switch {
	case err == nil && isDismissed:
		return fmt.Errorf("%w: its prompt was dismissed, or could not be shown", ErrLocked)
	case err == nil && result != nil:
		err = s.Store(nil, result)
	}
	if err != nil {
		return fmt.Errorf("result of a prompt: %w", err)
	}
	return nil
}
