package tui

// Windows has no signals that suspend a process.

func (s *AltScreen) watchSignals() {}

func (s *AltScreen) ignoreSignals() {}
