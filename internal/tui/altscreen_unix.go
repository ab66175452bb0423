//go:build unix

package tui

import (
	"os"
	"os/signal"
	"syscall"
)

// watchSignals leaves the alternate screen at Ctrl-Z and Ctrl-\ and then lets them have their
// effect. When the process is continued, it enters the alternate screen again.
func (s *AltScreen) watchSignals() {
	for _, sig := range []syscall.Signal{syscall.SIGTSTP, syscall.SIGQUIT} {
		if !signal.Ignored(sig) {
			signal.Notify(s.signals, sig)
		}
	}
	go func() {
		for sig := range s.signals {
			s.set(false)
			if sig == syscall.SIGQUIT {
				signal.Reset(syscall.SIGQUIT)
				_ = syscall.Kill(syscall.Getpid(), syscall.SIGQUIT)
				return
			}
			suspend()
			s.set(true)
		}
	}()
}

func (s *AltScreen) ignoreSignals() { signal.Stop(s.signals) }

// suspend stops the process and returns when it is continued.
func suspend() {
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, syscall.SIGCONT)
	defer signal.Stop(continued)
	_ = syscall.Kill(syscall.Getpid(), syscall.SIGSTOP)
	<-continued // the call above may return before the process has stopped
}
