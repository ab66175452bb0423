package doctor

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"aws-credproc/profiles"
)

// process is a profile that has a credential_process.
type process struct {
	profiles.Section
	command string
	words   []string
	ours    bool   // it starts this helper
	gets    string // the profile that it gets so; "" if it is not told to
}

func (x *exam) process(p profiles.Section) (process, bool) {
	property, ok := p.Properties["credential_process"]
	if !ok || strings.TrimSpace(property.Value) == "" {
		return process{}, false
	}
	pr := process{Section: p, command: property.Value}
	pr.words, pr.ours = profiles.ProcessWords(p)
	// By itself, since what stands beside it keeps a profile from being wired.
	pr.gets, _ = profiles.Wired(profiles.Section{Properties: map[string]profiles.Property{"credential_process": property}})
	return pr, len(pr.words) > 0
}

// processes gives the profiles that it is about and that have a credential_process: mixed ones, in which role settings
// stand beside it, or the others. Of a mixed one it is too early to look at the command.
func (x *exam) processes(mixed bool) (all []process) {
	for _, name := range x.names {
		p, ok := x.process(x.sections[name])
		if ok && !x.cut[x.place(p.Section, "credential_process")] && mixed == (p.Get("role_arn") != "" || p.Get("source_profile") != "") {
			all = append(all, p)
		}
	}
	return all
}

func (x *exam) addProcess(p process, severity Severity, what, why, fix string) {
	x.add(Finding{Severity: severity, Profile: p.Name, Where: x.place(p.Section, "credential_process"), What: what, Why: why, Fix: fix})
}

// ourLine is the line that starts this helper at its whole path; it is what p has, with another program.
func (x *exam) ourLine(p process) string {
	command, err := profiles.CommandWith(p.command, x.Helper, x.goos)
	if err != nil { // the line is odd, or the path is: without what else it said
		if command, err = profiles.ProcessCommand(x.Helper, p.gets, x.goos); err != nil {
			return "credential_process = aws-credproc get " + profiles.Argument(p.gets)
		}
	}
	return "credential_process = " + command
}

// roleAndProcess finds role settings and a credential_process in one profile.
func roleAndProcess(x *exam) {
	mixed := x.processes(true)
	isMixed := map[string]bool{}
	for _, p := range mixed {
		isMixed[p.Name] = true
	}
	x.take(func(f *fault) bool {
		return isMixed[f.profile] && (errors.Is(f.err, profiles.ErrNoSource) || f.key == "source_profile")
	})
	for _, p := range mixed {
		what := "role_arn and credential_process stand in one profile"
		var why string
		switch {
		case p.Get("role_arn") == "":
			what = "source_profile and credential_process stand in one profile"
			why = "the AWS CLI, JavaScript and Rust run the process, and Go refuses the profile"
		case p.Get("source_profile") != "":
			why = "the AWS CLI, JavaScript and Rust assume the role themselves and ignore the process, and Go refuses the profile"
		case p.Get("credential_source") != "":
			why = "the AWS CLI assumes the role itself and ignores the process, JavaScript runs it where the other source gives nothing, and Go refuses the profile"
		default:
			why = "the AWS CLI and Rust refuse the profile, Go assumes the role with what the process gives, and JavaScript runs the process and ignores the role"
		}
		var fix string
		switch role := x.sections[p.gets]; {
		case p.Get("role_arn") == "":
			fix = "remove the line source_profile"
		case p.ours && p.gets != p.Name && role.Get("role_arn") != "":
			fix = fmt.Sprintf("remove the role settings here: those in [profile %s] are the ones that count", p.gets)
		case p.ours || p.Get("source_profile") != "" || p.Get("credential_source") != "":
			fix = "remove the line credential_process, and then " + run("aws-credproc setup "+profiles.Argument(p.Name))
		default:
			fix = write("move the line credential_process into a profile of its own, say [profile "+p.Name+"-source], and write in its place", "source_profile = "+p.Name+"-source")
		}
		x.addProcess(p, Error, what, why, fix)
	}
}

// shadowedProcess finds credentials of another kind beside a credential_process, which some tools or all prefer.
func shadowedProcess(x *exam) {
	for _, p := range x.processes(false) {
		var key, why, fix string
		switch keys := p.Properties["aws_access_key_id"]; {
		case keys.Value != "" && keys.File == profiles.CredentialsFile:
			key, why = "aws_access_key_id", "all tools but those made with the Rust SDK use the keys, and the process is never run"
			fix = fmt.Sprintf("rename that section, to [%s-keys] say, and the source_profile that names it; or remove the keys", p.Name)
		case keys.Value != "":
			key, why = "aws_access_key_id", "the Go and JavaScript SDKs use the keys, where the AWS CLI runs the process"
			fix = "remove aws_access_key_id, aws_secret_access_key and aws_session_token from the profile"
		case p.Get("sso_account_id") != "" || p.Get("sso_role_name") != "":
			key, why = "sso_account_id", "the AWS CLI and the Go SDK sign in through SSO, where JavaScript runs the process"
			fix = "remove the lines that start with sso_, or the line credential_process"
		case p.Get("login_session") != "":
			key, why = "login_session", "the AWS CLI and the Go SDK use the sign-in, where JavaScript runs the process"
			fix = "remove the line login_session, or the line credential_process"
		default:
			continue
		}
		x.add(Finding{Severity: Error, Profile: p.Name, Where: x.place(p.Section, key), What: key + " stands beside credential_process in the same profile", Why: why, Fix: fix})
	}
}

// awsWords gives the words of a command that runs the AWS CLI, also as `sh -c "aws ..."`; nil for any other. Of other
// programs nobody knows what --profile means to them: that of granted or saml2aws names no profile to get.
func awsWords(p profiles.Section) []string {
	words, _ := profiles.ProcessWords(p)
	if len(words) == 3 && words[1] == "-c" && slices.Contains([]string{"sh", "bash", "dash", "zsh"}, filepath.Base(words[0])) {
		script := words[2]
		if i := strings.IndexAny(script, ";&|<>\n"); i >= 0 {
			script = script[:i]
		}
		words = profiles.CommandWords(script)
	}
	if len(words) == 0 {
		return nil
	}
	program := strings.ToLower(filepath.Base(strings.ReplaceAll(words[0], `\`, "/")))
	if program = strings.TrimSuffix(program, ".exe"); program != "aws" && program != "aws2" {
		return nil
	}
	return words
}

// profileOption gives the profile that a command tells the AWS CLI to use: --profile NAME.
func profileOption(p profiles.Section) string {
	words := awsWords(p)
	for i, w := range words {
		if name, ok := strings.CutPrefix(w, "--profile="); ok {
			return name
		}
		if w == "--profile" && i+1 < len(words) {
			return words[i+1]
		}
	}
	return ""
}

// processRecursion finds commands that need the very credentials that they are to give.
func processRecursion(x *exam) {
	const ours, why = "each run would start the next one, and this helper refuses that: it gives no credentials", "each run starts the next one, until something gives way"
	isProcess := func(name string) bool {
		_, ok := x.process(x.sections[name])
		return ok
	}
	for _, c := range x.circles(func(c profiles.Cycle) bool { return slices.ContainsFunc(c, isProcess) }) {
		f := Finding{Severity: Error, Profile: c.Cycle[slices.IndexFunc(c.Cycle, isProcess)], What: "the command leads back to the profile that it is for: " + c.Error(),
			Why: ours, Fix: "let it name a profile that has credentials, or a role that is assumed with those"}
		f.Where = x.leadPlace(f.Profile)
		if to, _ := profiles.Wired(x.sections[f.Profile]); to == f.Profile { // as import writes it
			f.Fix = "where its keys were imported, " + run("aws-credproc import "+profiles.Argument(to)) + "\nwhich finds them; else " + f.Fix
		}
		x.add(f)
	}
	for _, p := range x.processes(false) {
		if p.ours {
			continue
		}
		switch round := x.roundOf(p.Name); {
		case round != "":
			x.addProcess(p, Error, "the command leads back to the profile that it is for: "+round, why, "let it name a profile that has credentials of its own")
		case awsWords(p.Section) != nil && profileOption(p.Section) == "":
			severity := Warning
			what := "the command runs the AWS CLI without --profile, which follows AWS_PROFILE, and that may name this very profile"
			if p.Name == "default" {
				severity, what = Error, "the command runs the AWS CLI without --profile, which uses the default profile: this one"
			}
			x.addProcess(p, severity, what, why, "add --profile NAME to the command, of a profile that has credentials of its own")
		}
	}
}

// roundOf follows the --profile of commands, and the sources of what they name, and gives the way if it comes back.
func (x *exam) roundOf(name string) string {
	way := []string{name}
	for at := name; ; {
		next := profileOption(x.sections[at])
		if next == "" {
			return ""
		}
		way = append(way, next)
		if c, ok := x.chains[next]; ok && c.Source.Type == profiles.Process && c.Source.Profile != next {
			next = c.Source.Profile
			way = append(way, next)
		}
		if next == name {
			return strings.Join(way, " -> ")
		}
		if slices.Index(way, next) < len(way)-1 {
			return "" // a circle that this one only leads to
		}
		at = next
	}
}

// processProfile finds commands that name a profile that is not there.
func processProfile(x *exam) {
	if !x.whole {
		return
	}
	isTold := map[string]bool{}
	for _, f := range x.take(func(f *fault) bool {
		_, wired := profiles.Wired(x.sections[f.profile])
		return wired && errors.Is(f.err, profiles.ErrNoSource)
	}) {
		isTold[f.profile] = x.isTold("section-name", f.where)
	}
	for _, p := range x.processes(false) {
		name := p.gets
		if name == "" {
			name = profileOption(p.Section)
		}
		if _, ok := x.sections[name]; !ok && name != "" && !isTold[p.Name] {
			x.addProcess(p, Error, "the command names the profile "+shortened(name)+", and there is none", "it gives no credentials", "name one that is there: "+run("aws-credproc list"))
		}
	}
}

// processUsage finds commands that start this helper and do not tell it to get a profile.
func processUsage(x *exam) {
	for _, p := range x.processes(false) {
		if flag := unknownFlag(p.words); p.ours && p.gets != "" && flag != "" {
			x.addProcess(p, Error, "the command gives `aws-credproc get` the flag "+shortened(flag)+", which it has not", "it prints no credentials, only what is wrong with the line",
				"remove the flag; `aws-credproc get --help` shows those that there are")
		}
		if p.ours && p.gets == "" && quoting(p.command, x.goos).what == "" {
			x.addProcess(p, Error, "the command starts aws-credproc, but not as 'aws-credproc get PROFILE'", "it prints no credentials in the form of a credential_process",
				write("name the profile that holds the role", "credential_process = "+x.Helper+" get NAME"))
		}
	}
}

// unknownFlag gives the first flag in a command of ours that get has not; "" for none.
func unknownFlag(words []string) string {
	for i := 1; i < len(words) && words[i] != "--"; i++ {
		switch name, _, hasValue := strings.Cut(words[i], "="); {
		case !strings.HasPrefix(name, "-") || name == "-" || name == "--verbose":
		case !slices.Contains(profiles.FlagsWithValue, name):
			return name
		case !hasValue:
			i++ // the next word is its value
		}
	}
	return ""
}

// isRelative reports whether a program is named by a path that depends on the working directory.
func isRelative(program string) bool {
	return filepath.Base(program) != program && !filepath.IsAbs(program)
}

// processRelative finds programs that are sought below whatever directory a tool is started in.
func processRelative(x *exam) {
	for _, p := range x.processes(false) {
		if !isRelative(p.words[0]) || quoting(p.command, x.goos).what != "" {
			continue
		}
		fix := "write the program's whole path, from the root"
		if p.gets != "" {
			fix = write("write", x.ourLine(p))
		}
		x.addProcess(p, Error, "the program "+shortened(p.words[0])+" is named by a relative path",
			"it is found only where a tool is started in one certain directory", fix)
	}
}

// oddity is something in a command that not every SDK reads alike; what is "" where there is none.
type oddity struct{ what, why, fix string }

// shortForm mends a path with spaces on Windows, as setup writes it.
const shortForm = `write a path without spaces, such as its short form (dir /x shows it: C:\PROGRA~1)`

// quoting looks for what the SDKs read differently: the AWS CLI and boto3 start a command without a shell, all others with
// one, and the Go SDK takes off a quote at the start with one at the end. On Windows it hands cmd.exe each quote as \", which
// is none there.
func quoting(command, goos string) oddity {
	const noShell = "the AWS CLI and boto3 start the command without a shell, and pass that on as it stands; other SDKs use a shell"
	first, last := command[0], command[len(command)-1]
	if strings.Contains(command, "\n") {
		return oddity{"the command goes on in a second line", "a shell takes each line for a command of its own", "write it in one line"}
	}
	if len(command) > 1 && first == last && (first == '"' || first == '\'') && goos != "windows" {
		return oddity{"the command starts and ends with a quote", "the Go SDK takes these two for a pair and removes them, and what is left falls apart",
			"write the last word without quotes, or the program in a path that needs none"}
	}
	shell, quotes := "$`|&;<>()*?", `"'`
	if goos == "windows" {
		shell, quotes = "%^&|<>()'", `"`
	}
	var quote byte
	for i := range len(command) {
		c := command[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			} else if quote == '"' && strings.IndexByte("$`%", c) >= 0 && strings.IndexByte(shell, c) >= 0 {
				return oddity{fmt.Sprintf("the command holds %c, which a shell replaces, within double quotes too", c), noShell, "write out what it stands for"}
			}
		case strings.IndexByte(quotes, c) >= 0:
			quote = c
		case c == '~' && goos != "windows" && (i == 0 || command[i-1] == ' ' || command[i-1] == '\t'):
			return oddity{"the command holds a ~, which only a shell expands", noShell, "write the whole path in its place"}
		case strings.IndexByte(shell, c) >= 0:
			return oddity{fmt.Sprintf("the command holds %c, which only a shell understands", c), noShell,
				"write what needs a shell into a script, and the script's whole path here"}
		}
	}
	switch name, _, set := strings.Cut(strings.Fields(command)[0], "="); {
	case quote != 0:
		return oddity{"a quote in the command has no end", "no tool can start it", "close it"}
	case goos == "windows" && strings.Contains(command, `"`):
		return oddity{"the command holds double quotes", `the Go SDK puts a \ before each, and cmd.exe finds no program so and takes words apart`,
			shortForm}
	case set && profiles.IsName(name) && !strings.Contains(name, "/") && goos != "windows":
		return oddity{"the command starts with a variable that is set for it, which only a shell does", noShell, "write env in front of it, as /usr/bin/env NAME=VALUE ..."}
	}
	return oddity{}
}

// spaced gives a path with spaces that stands at the start of a command without quotes, if there is such a file.
func spaced(words []string) string {
	if isThere(words[0]) {
		return ""
	}
	for i := 2; i <= min(len(words), 16); i++ { // no path has many more
		if path := strings.Join(words[:i], " "); filepath.IsAbs(path) && isThere(path) {
			return path
		}
	}
	return ""
}

func isThere(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// processQuoting finds commands that some SDK breaks.
func processQuoting(x *exam) {
	for _, p := range x.processes(false) {
		odd := quoting(p.command, x.goos)
		if path := spaced(p.words); odd.what == "" && path != "" {
			odd = oddity{"the path " + shortened(path) + " has a space and stands without quotes", "what stands before the space is taken for the program",
				"put the path, and nothing else, in double quotes"}
			if x.goos == "windows" {
				odd.fix = shortForm
			}
		}
		if odd.what == "" {
			continue
		}
		if p.gets != "" {
			line := x.ourLine(process{Section: p.Section, gets: p.gets})
			odd.fix = write("write", line)
			if x.goos == "windows" && strings.Contains(line, `"`) { // this drive has no short names
				odd.fix = "move " + x.Helper + " to a path without spaces, and write that"
			}
		}
		x.addProcess(p, Error, odd.what, odd.why, odd.fix)
	}
}

// isOdd reports whether where a command's program is cannot be told, and another check has said so.
func (x *exam) isOdd(p process) bool {
	return isRelative(p.words[0]) || quoting(p.command, x.goos).what != "" || spaced(p.words) != ""
}

// processNotFound finds programs that are not there.
func processNotFound(x *exam) {
	for _, p := range x.processes(false) {
		_, err := exec.LookPath(p.words[0])
		if x.isOdd(p) || err == nil || errors.Is(err, exec.ErrDot) {
			continue
		}
		what := "the program " + shortened(p.words[0]) + " is not on the PATH"
		if filepath.IsAbs(p.words[0]) {
			what = "there is no program " + shortened(p.words[0])
			if isThere(p.words[0]) {
				what = shortened(p.words[0]) + " may not be run: it is not executable"
			}
		}
		fix := "install it, or correct its path"
		if p.gets != "" {
			fix = write("write", x.ourLine(p))
		}
		x.addProcess(p, Error, what, "no tool gets credentials from it", fix)
	}
}

// processPath finds programs that are found here, and not with the shorter PATH of programs that no shell has started.
func processPath(x *exam) {
	dirs := desktopPath()
	for _, p := range x.processes(false) {
		found, err := exec.LookPath(p.words[0])
		if x.isOdd(p) || filepath.IsAbs(p.words[0]) || err != nil && !errors.Is(err, exec.ErrDot) ||
			slices.ContainsFunc(dirs, func(dir string) bool {
				_, err := exec.LookPath(filepath.Join(dir, p.words[0]))
				return err == nil
			}) {
			continue
		}
		if abs, err := filepath.Abs(found); err == nil {
			found = abs
		}
		fix := write("in the place of "+shortened(p.words[0])+" write its whole path", found)
		if p.gets != "" {
			fix = write("write", x.ourLine(p))
		}
		x.addProcess(p, Warning, "the program "+shortened(p.words[0])+" is found on the PATH of this shell only, as "+found,
			"a tool with a window, or one that the system starts, has a PATH of "+strings.Join(dirs, string(filepath.ListSeparator))+", and does not find it", fix)
	}
}
