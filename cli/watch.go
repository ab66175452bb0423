package cli

import (
	"context"
	"io"
	"strings"
	"time"

	"aws-credproc/internal/tui"
)

// watchInterval is how often status --watch updates the page.
const watchInterval = time.Second

// watchSessions shows the page of `status` on the terminal's alternate screen until ctx ends.
func watchSessions(ctx context.Context, a *app, names []string, all bool) error {
	a.pauseWatchdog()
	store, reason, err := storeChoice(ctx, a)
	if err != nil {
		return err
	}
	screen := tui.EnterAltScreen(a.stdout)
	defer screen.Leave()
	context.AfterFunc(ctx, screen.Leave) // immediately, even if the page is not finished
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		page, err := watchPage(a, names, all, storeNote(store, reason))
		if err != nil {
			return err
		}
		if err := screen.Show(page); err != nil {
			return stdoutError(err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done(): // Ctrl-C is how to end it
			return nil
		}
	}
}

// watchPage returns the page of `status`, cut to the screen, with the warnings first.
func watchPage(a *app, names []string, all bool, note string) ([]byte, error) {
	quiet := *a
	quiet.console = newConsole(a.stdout, io.Discard)
	list, err := listSessions(&quiet, names, all)
	if err != nil {
		return nil, err
	}
	to := a.screen()
	var page []byte
	for _, warning := range quiet.warnings {
		page = append(page, strings.Join(tui.Hanging("", warning, to.Width), "\n")+"\n\n"...)
	}
	page = append(page, statusPage(list, note, time.Now(), to)...)
	return to.CutPage(page), nil
}
