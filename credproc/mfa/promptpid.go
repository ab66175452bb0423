package mfa

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strconv"

	"aws-credproc/cache/statedir"
	"aws-credproc/internal/proc"
)

// recordPrompt records that this process asks for the code of a device, until done is called. A
// failure is ignored: other processes then cannot say what they wait for.
func (p *Provider) recordPrompt(serial string) (done func()) {
	write := func(change func(*statedir.Dir) error) {
		d, err := statedir.Create(p.Dir)
		if err != nil {
			return
		}
		defer d.Close()
		if err := change(d); err != nil {
			p.Tracef("MFA device %s: %v", serial, err)
		}
	}
	write(func(d *statedir.Dir) error {
		pid := strconv.Itoa(os.Getpid())
		return d.Write(statedir.Prompts, promptFile(serial), []byte(pid))
	})
	return func() {
		write(func(d *statedir.Dir) error { return d.Remove(statedir.Prompts, promptFile(serial)) })
	}
}

// PromptPID returns the ID of the other process that asks for the code of a device, and 0 if there
// is none.
func (p *Provider) PromptPID(serial string) int {
	d, err := statedir.Open(p.Dir)
	if err != nil {
		return 0
	}
	defer d.Close()
	b, err := d.Read(statedir.Prompts, promptFile(serial), 32)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(string(b))
	if err != nil || pid <= 0 || pid == os.Getpid() || !proc.IsRunning(pid) {
		return 0
	}
	return pid
}

// promptFile returns the name of the file for a device.
func promptFile(serial string) string {
	sum := sha256.Sum256([]byte(serial))
	return hex.EncodeToString(sum[:])
}
