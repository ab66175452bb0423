package mfa

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// These tests use scripts in place of zenity and kdialog. The end-to-end tests use a real display.

func TestWindowPrompt(t *testing.T) {
	device := testDevice
	device.RoleARN = `arn:aws:iam::123456789012:role/A_<b>&amp;\n"'$(x)` + "\x1b"
	const text = `aws-credproc: profile dev-role, role arn:aws:iam::123456789012:role/` +
		`A_?b??amp;?n"'$(x)?` + "\nMFA code for " + testSerial + ":"
	programs := map[string]string{ // arguments by program
		"zenity": "--entry\n--width=480\n--title=aws-credproc\n--text=" +
			strings.ReplaceAll(text, "_", "__") + "\n",
		"kdialog": "--title\naws-credproc\n--inputbox\n" + text + "\n",
	}
	for program, args := range programs {
		noWindow := func(exit string) string {
			return "error: " + program + " could not open a window: exit status " + exit +
				"\nis cannotAsk\n"
		}
		for name, test := range map[string]struct{ script, want string }{
			"code":      {"echo 123 456", "code 123456\n"},
			"cancelled": {"echo 'Gtk-WARNING' >&2; exit 1", cancelled},
			"no display": {
				"echo 'Gtk-WARNING: cannot open display: :77' >&2; exit 1", noWindow("1"),
			},
			"failure": {"exit 255", noWindow("255")},
		} {
			t.Run(program+" "+name, func(t *testing.T) {
				bin := script(t, program, `printf '%s\n' "$@" >"$0.args"; `+test.script)
				r := request{Mode: GUI, Device: device}
				cmd, stdout, stderr := r.command(t, "DISPLAY=:77", "PATH="+bin)
				err := cmd.Run()
				if err != nil || stdout.String() != test.want || stderr.Len() > 0 {
					t.Errorf("%v; stdout %q, want %q; stderr %q", err, stdout, test.want, stderr)
				}
				got, err := os.ReadFile(filepath.Join(bin, program+".args"))
				if err != nil || string(got) != args {
					t.Errorf("%v; arguments %q, want %q", err, got, args)
				}
			})
		}
	}
}

func TestWindowWithLongAnswer(t *testing.T) {
	bin := script(t, "zenity", "/usr/bin/yes | /usr/bin/head -c 100000")
	r := request{Mode: GUI, Device: testDevice}
	cmd, stdout, stderr := r.command(t, "DISPLAY=:77", "PATH="+bin)
	if err := cmd.Run(); err != nil || stdout.String() != noAnswer || stderr.Len() > 0 {
		t.Errorf("%v; stdout %q; stderr %q", err, stdout, stderr)
	}
}

func TestWindowPromptTimesOut(t *testing.T) {
	bin := script(t, "zenity", "exec /bin/sleep 1234.5\n")
	r := request{Mode: GUI, Device: testDevice, Limit: 300 * time.Millisecond}
	cmd, stdout, _ := r.command(t, "DISPLAY=:77", "PATH="+bin)
	if err := cmd.Run(); err != nil || stdout.String() != timedOut {
		t.Errorf("%v, %s", err, stdout)
	}
}
