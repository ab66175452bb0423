package e2e_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestE2EPrompts runs the prompts of docs/exec.md in their shells.
func TestE2EPrompts(t *testing.T) {
	program := buildProgram(t)
	_, h := newDev(t)
	page, err := os.ReadFile(repoPath(t, "docs", "exec.md"))
	if err != nil {
		t.Fatal(err)
	}
	// A profile whose name shells would run, if they evaluated it.
	evil := "$(touch ran)`touch ran`%n"
	for shell, test := range map[string]struct {
		before, after string
		args          []string
	}{
		"bash": {"PS1='> '\n", `
PATH=; aws_credproc_prompt; echo "${PS1@P}"
AWS_CREDPROC_EXEC_PROFILE=$EVIL AWS_CREDPROC_EXEC_EXPIRES='x[$(touch ran)]'
aws_credproc_prompt; echo "${PS1@P}"
AWS_CREDPROC_EXEC_EXPIRES=1; aws_credproc_prompt; echo "${PS1@P}"
unset AWS_CREDPROC_EXEC_PROFILE; aws_credproc_prompt; echo "${PS1@P}"`,
			[]string{"--norc", "--noprofile", "-c"}},
		"zsh": {"PROMPT='> '\n", `
PATH=; aws_credproc_prompt; print -P -- "$PROMPT"
setopt prompt_subst
AWS_CREDPROC_EXEC_PROFILE=$EVIL AWS_CREDPROC_EXEC_EXPIRES='x[$(touch ran)]'
aws_credproc_prompt; print -P -- "$PROMPT"
AWS_CREDPROC_EXEC_EXPIRES=1; aws_credproc_prompt; print -P -- "$PROMPT"
unset AWS_CREDPROC_EXEC_PROFILE; aws_credproc_prompt; print -P -- "$PROMPT"`, []string{"-f", "-c"}},
		"fish": {"function fish_prompt; echo '> '; end\n", `
set PATH; fish_prompt
set AWS_CREDPROC_EXEC_PROFILE $EVIL; set AWS_CREDPROC_EXEC_EXPIRES 'x[(touch ran)]'
fish_prompt
set AWS_CREDPROC_EXEC_EXPIRES 1; fish_prompt
set -e AWS_CREDPROC_EXEC_PROFILE; fish_prompt`, []string{"--no-config", "-c"}},
	} {
		t.Run(shell, func(t *testing.T) {
			needCommands(t, shell)
			block := regexp.MustCompile("(?s)\n" + shell + "[ ,][^`]*`[^`]*`[^`]*?\n\n```\n(.*?)```\n").
				FindStringSubmatch(string(page))
			if block == nil {
				t.Fatal("the page has no prompt for it")
			}
			script := test.before + block[1] + test.after
			args := append([]string{"exec", "dev", "--", shell}, append(test.args, script)...)
			r := h.with("EVIL="+evil).run(t, program, args...)
			lines := strings.Split(strings.TrimRight(r.stdout, "\n"), "\n")
			if r.code != 0 || r.stderr != "" || len(lines) != 4 {
				t.Fatalf("exit %d: %q %s", r.code, lines, r.stderr)
			}
			// The session lasts an hour, and the printed expiration is 30 seconds early.
			if !regexp.MustCompile(`^\[dev 5[89]m\] > ?$`).MatchString(lines[0]) {
				t.Errorf("%q", lines[0])
			}
			if strings.TrimSpace(lines[1]) != "["+evil+"] >" ||
				strings.TrimSpace(lines[2]) != "["+evil+" 0m] >" || strings.TrimSpace(lines[3]) != ">" {
				t.Errorf("%q", lines[1:])
			}
			if exists(h.dir+"/ran") || exists("ran") {
				t.Error("the profile's name was run")
			}
		})
	}
	block := regexp.MustCompile("(?s)\nstarship,[^`]*`.*?```\n(.*?)```\n").FindStringSubmatch(string(page))
	if block == nil {
		t.Fatal("the page has no prompt for starship")
	}
	const parse = `import sys, tomllib
c = tomllib.loads(sys.argv[1])
print(c["format"], *c["env_var"], c["env_var"]["AWS_CREDPROC_EXEC_PROFILE"]["format"], c["aws"]["format"])`
	want := "${env_var.AWS_CREDPROC_EXEC_PROFILE}$aws$all AWS_CREDPROC_EXEC_PROFILE " +
		"[$env_value]($style)  ([$duration]($style) )\n"
	if got := h.ok(t, python(t), "-c", parse, block[1]); got != want {
		t.Errorf("starship: %q, want %q", got, want)
	}
	// A shell with long-term keys inside another one does not inherit the expiration.
	expires := time.Now().Format(time.DateOnly)
	r := h.with("AWS_CREDPROC_EXEC_EXPIRES="+expires).
		run(t, program, "exec", "base", "--", "sh", "-c", `echo "<$AWS_CREDPROC_EXEC_EXPIRES>"`)
	if r.stdout != "<>\n" {
		t.Errorf("%q", r.stdout)
	}
}
