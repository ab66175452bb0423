package e2e_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"aws-credproc/profiles"
)

// mutatedConfigs is how many mutated configs TestE2EDifferentialMutations reads. The variable
// AWS_CREDPROC_TEST_MUTATIONS sets another number, AWS_CREDPROC_TEST_SEED another seed.
const mutatedConfigs = 400

// TestE2EDifferentialMutations makes small changes to well-formed files and compares every property
// of every profile, and what profile p resolves to, with botocore. A difference needs a rule.
func TestE2EDifferentialMutations(t *testing.T) {
	python := repoPath(t, "build", "venv", "bin", "python")
	need(t, exists(python), "build/venv")
	h := newHome(t, "AWS_CA_BUNDLE=", "AWS_ACCESS_KEY_ID=ENVKEY", "AWS_SECRET_ACCESS_KEY=s",
		"AWS_REGION=us-east-1")
	writeSSOTokens(t, h.dir)
	count := envNumber(t, "AWS_CREDPROC_TEST_MUTATIONS", mutatedConfigs)
	seed := envNumber(t, "AWS_CREDPROC_TEST_SEED", 3)

	m := mutator{generator{rand.New(rand.NewPCG(uint64(seed), 4)), h.dir, true}}
	var folders []string
	cases := map[string]mutated{}
	for i := range count {
		c := m.files()
		folder := filepath.Join(h.dir, "mutated", fmt.Sprintf("%05d", i))
		writeFiles(t, folder, c.config, c.credentials)
		folders = append(folders, folder)
		cases[filepath.Base(folder)] = c
	}

	same, faulty, applied, decided := 0, 0, map[string]int{}, map[string]int{}
	resolve := []string{repoPath(t, "testdata", "e2e", "resolve.py")}
	for chunk := range slices.Chunk(folders, 100) {
		for line := range strings.Lines(h.ok(t, python, append(resolve, chunk...)...)) {
			var boto botoResult
			if err := json.Unmarshal([]byte(line), &boto); err != nil {
				t.Fatal(err)
			}
			c := cases[boto.Folder]
			for _, mutation := range c.mutations {
				applied[mutation]++
			}
			ours := readByUs(t, filepath.Join(h.dir, "mutated", boto.Folder))
			if len(ours.faults) > 0 {
				faulty++
			}
			name, problem := compareReadings(c, ours, boto)
			switch {
			case problem != "":
				t.Errorf("%s (%s): %s\n ours  %s  (%v)\n boto3 %s  (%s)\n"+
					"--- config\n%q\n--- credentials\n%q",
					boto.Folder, strings.Join(c.mutations, ", "), problem, ours.outcome, ours.err,
					boto.Outcome, boto.Why, c.config, c.credentials)
			case name != "":
				decided[name]++
			default:
				same++
			}
		}
	}
	t.Logf("%d configs: %d read and resolved alike, %d with a faulty line", count, same, faulty)
	for _, names := range []map[string]int{decided, applied} {
		for _, name := range slices.Sorted(maps.Keys(names)) {
			t.Logf("%5d %s", names[name], name)
		}
	}
	if same < count/2 {
		t.Errorf("only %d of %d configs are read alike: the mutations are too odd", same, count)
	}
}

func envNumber(t *testing.T, variable string, number int) int {
	t.Helper()
	if text := os.Getenv(variable); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return number
}

func writeFiles(t *testing.T, folder, config, credentials string) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"config": config, "credentials": credentials} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// botoResult is a line of resolve.py.
type botoResult struct {
	Folder, Outcome, Why string
	Profiles             map[string]map[string]any // nil if the files are refused
}

// reading is what this program reads in two files.
type reading struct {
	profiles map[string]map[string]string
	faults   []string
	outcome  string // of profile p, in the form of resolve.py
	err      error  // of profile p
}

func readByUs(t *testing.T, folder string) reading {
	t.Helper()
	f, err := profiles.Load(filepath.Join(folder, "config"), filepath.Join(folder, "credentials"))
	if err != nil {
		t.Fatal(err)
	}
	r := reading{profiles: map[string]map[string]string{}}
	for _, fault := range f.Faults() {
		r.faults = append(r.faults, fault.Error())
	}
	for _, name := range f.Names() {
		p, err := f.Profile(name)
		if err != nil {
			continue
		}
		r.profiles[name] = map[string]string{}
		for key, property := range p.Properties {
			r.profiles[name][key] = property.Value
		}
	}
	chain, err := f.Chain("p")
	r.outcome, r.err = chainOutcome(chain, err), err
	return r
}

// chainOutcome returns what a chain resolves to in the form of resolve.py.
func chainOutcome(c profiles.Chain, err error) string {
	s := c.Source
	if err != nil || s.Type == profiles.SSO && s.SSOAccountID == "" {
		return "error"
	}
	first := map[profiles.SourceType]string{
		profiles.Static:      s.AccessKeyID,
		profiles.Environment: "ENVKEY",
		profiles.Process:     "PROCESS",
		profiles.SSO:         "SSO " + s.SSOAccountID + " " + s.SSORoleName,
		profiles.WebIdentity: "web_identity " + s.RoleARN,
	}
	parts := []string{first[s.Type]}
	for _, hop := range c.Hops {
		seconds := fmt.Sprint(int(hop.Duration.Seconds()))
		parts = append(parts, hopText(hop.RoleARN, hop.ExternalID, seconds))
	}
	return strings.Join(parts, " > ")
}

// compareReadings returns the rule that decides a difference, or what differs without a rule. Both
// are empty if there is no difference.
func compareReadings(c mutated, ours reading, boto botoResult) (rule, problem string) {
	switch {
	case boto.Profiles == nil && strings.Contains(boto.Why, "already exists"):
		return "a duplicate key or section: the last value wins (botocore refuses the file)", ""
	case boto.Profiles == nil && len(ours.faults) > 0:
		if ours.err == nil {
			return "a faulty line in a section that p does not use (botocore refuses the file)", ""
		}
		return "a faulty line (botocore refuses the file)", ""
	case boto.Profiles == nil && c.has(emptyHeader):
		return "a section without a name is ignored (botocore refuses the file)", ""
	case boto.Profiles == nil:
		return "", "botocore refuses the file, and we find no faulty line"
	case len(ours.faults) > 0 && c.has(unclosedHeader):
		return "an unclosed header with = or : (botocore takes it for a property)", ""
	case len(ours.faults) > 0:
		return "", "we find a faulty line, and botocore reads the file: " + ours.faults[0]
	}
	if rule, problem = compareProfiles(ours, boto); rule+problem != "" {
		if problem != "" {
			rule = cmp.Or(c.headerRule(), rule)
		}
		if rule != "" {
			problem = ""
		}
		return rule, problem
	}
	if ours.outcome == boto.Outcome {
		return "", ""
	}
	if strings.Contains(boto.Why, "FileNotFoundError") || strings.Contains(boto.Why, "SSOTokenLoadError") {
		return "a missing token file is an error when it is read", ""
	}
	if ours.err != nil {
		for _, refused := range refusedBySTS {
			if strings.Contains(ours.err.Error(), refused) {
				return "an empty value or one that STS refuses is an error before the call: " + refused, ""
			}
		}
	}
	for _, r := range botocoreFails {
		if ours.err == nil && strings.Contains(boto.Why, r.why) {
			return r.name, ""
		}
	}
	if strings.Contains(boto.Outcome, "  ") && ours.err == nil {
		return "an empty external_id is left out (botocore sends it, and STS refuses it)", ""
	}
	if name := c.headerRule(); name != "" { // of an SSO session
		return name, ""
	}
	return "", "the files are read alike, and p resolves differently"
}

// botocoreFails are errors of botocore where the program resolves the profile.
var botocoreFails = []struct{ why, name string }{
	{
		"from custom-process: cat: ",
		"a mutated command fails when it is run, which this test does not do",
	},
	{"IndexError", "an empty credential_process is left out (botocore fails with IndexError)"},
	{
		"Partial credentials found in shared-credentials-file",
		"a key pair may be in both files (botocore wants all of it in one)",
	},
}

// headerRule returns the name of the rule about headers that applies to the files, or "".
func (c mutated) headerRule() string {
	for _, r := range headerRules {
		if c.has(r.form) {
			return r.name
		}
	}
	if c.hasTwoForms() {
		return "sections [x] and ['x'] are merged (botocore uses the last)"
	}
	return ""
}

// hasTwoForms reports whether the config file has two headers that differ in their quotes only.
func (c mutated) hasTwoForms() bool {
	forms := map[string]string{}
	for _, found := range wholeHeader.FindAllStringSubmatch(c.config, -1) {
		name := strings.NewReplacer(`"`, "", "'", "").Replace(found[1])
		if other, ok := forms[name]; ok && other != found[1] {
			return true
		}
		forms[name] = found[1]
	}
	return false
}

// refusedBySTS are errors about values that the recorder of resolve.py accepts.
var refusedBySTS = []string{
	"without aws_access_key_id", "without aws_secret_access_key", "SSO profile without", "has no sso_",
	"which is not an ARN", "external_id has", "external_id is in quotes", "which is not a whole number", "and AWS allows",
}

var (
	emptyHeader    = regexp.MustCompile(`(?m)^[\s\p{Zs}]*\[\]`)
	unclosedHeader = regexp.MustCompile(`(?m)^[\s\p{Zs}]*\[[^\]\n]*[=:][^\]\n]*$`)
	wholeHeader    = regexp.MustCompile(`(?m)^[\s\p{Zs}]*\[([^\]\n]*)\]`)
	inlineComment  = regexp.MustCompile(`(^|\s)[#;]`)
	blankLines     = regexp.MustCompile(`\n\s*\n`)
	propertyName   = regexp.MustCompile(`^[a-z0-9_\-/.%@:+]+$`)
)

// headerRules decide why not all profiles are the same.
var headerRules = []struct {
	name string
	form *regexp.Regexp
}{
	{
		"white space within the brackets is trimmed (for botocore it is part of the name)",
		regexp.MustCompile(`(?m)^[\s\p{Zs}]*\[([\s\p{Zs}]|[^\]\n]*` +
			`([\s\p{Zs}]\]|[\x{a0}\x{2003}\x{3000}]))`),
	},
	{
		"a comment after the header may have a ] (for botocore it is part of the name)",
		regexp.MustCompile(`(?m)^[\s\p{Zs}]*\[[^\]\n]*\][\s\p{Zs}]*[#;].*\]`),
	},
}

// wordBeforeName matches a section of the credentials file that is meant for the config file.
var wordBeforeName = regexp.MustCompile(`^(profile|sso-session|services) `)

func (c mutated) has(form *regexp.Regexp) bool {
	return form.MatchString(c.config) || form.MatchString(c.credentials)
}

// compareProfiles compares the names and properties of all profiles.
func compareProfiles(ours reading, boto botoResult) (rule, problem string) {
	names := map[string]bool{}
	for name := range ours.profiles {
		names[name] = true
	}
	for name := range boto.Profiles {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if wordBeforeName.MatchString(name) {
			rule = "[profile x] in the credentials file is no profile (for botocore it is 'profile x')"
			continue
		}
		theirs, there := boto.Profiles[name]
		own, here := ours.profiles[name]
		if there != here {
			return "", fmt.Sprintf("profile %q: botocore %v, we %v", name, there, here)
		}
		differs, problem := compareProperties(own, theirs)
		if problem != "" {
			return "", name + ": " + problem
		}
		rule = cmp.Or(rule, differs)
	}
	return rule, ""
}

func compareProperties(own map[string]string, theirs map[string]any) (rule, problem string) {
	for key, value := range theirs {
		mine, there := own[key]
		text, isText := value.(string)
		switch {
		case !propertyName.MatchString(key):
		case !there:
			return "", fmt.Sprintf("we miss %s", key)
		case !isText:
			if subs := subProperties(mine); !maps.Equal(subs, stringsOf(value)) {
				return "", fmt.Sprintf("%s is %q, for botocore %q", key, subs, value)
			}
		case mine == text:
		case inlineComment.MatchString(text):
			return "white space and # start a comment (botocore takes it for the value)", ""
		case mine == blankLines.ReplaceAllString(text, "\n"):
			return "blank lines in a continued value are dropped (botocore keeps them)", ""
		default:
			return "", fmt.Sprintf("%s is %q, for botocore %q", key, mine, text)
		}
	}
	for key := range own {
		if _, there := theirs[key]; !there {
			return "", fmt.Sprintf("botocore has no %s", key)
		}
	}
	return "", ""
}

// subProperties returns the sub-properties in the value of a block.
func subProperties(block string) map[string]string {
	subs := map[string]string{}
	for line := range strings.Lines(block) {
		if key, value, ok := strings.Cut(line, "="); ok {
			subs[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return subs
}

func stringsOf(block any) map[string]string {
	texts := map[string]string{}
	for key, value := range block.(map[string]any) {
		texts[key] = fmt.Sprint(value)
	}
	return texts
}

// mutated is a pair of files with the mutations that were made.
type mutated struct {
	config, credentials string
	mutations           []string
}

// mutator changes well-formed files.
type mutator struct{ generator }

func (m mutator) files() mutated {
	g := m.generator.config()
	c := mutated{config: g.config, credentials: g.credentials}
	for range 1 + m.IntN(3) {
		file := &c.config
		if c.credentials != "" && m.IntN(4) == 0 {
			file = &c.credentials
		}
		name := mutationNames[m.IntN(len(mutationNames))]
		lines := strings.SplitAfter(*file, "\n")
		*file = strings.Join(mutations[name](m, lines), "")
		c.mutations = append(c.mutations, name)
	}
	return c
}

var mutationNames = slices.Sorted(maps.Keys(mutations))

// space is white space as users and web pages have it.
func (m mutator) space() string {
	return m.pick("", " ", "  ", "    ", "\t", "\t\t", "\u00a0", " \u00a0", "\u2003", "\u3000")
}

// change changes one line, without its line end.
func (m mutator) change(lines []string, change func(string) string) []string {
	i := m.IntN(len(lines))
	text := strings.TrimRight(lines[i], "\r\n")
	lines[i] = change(text) + lines[i][len(text):]
	return lines
}

// changeHeader changes the text between the brackets of a header.
func (m mutator) changeHeader(lines []string, change func(string) string) []string {
	var headers []int
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), "[") && strings.Contains(line, "]") {
			headers = append(headers, i)
		}
	}
	if len(headers) == 0 {
		return lines
	}
	i := headers[m.IntN(len(headers))]
	before, rest, _ := strings.Cut(lines[i], "[")
	header, after, _ := strings.Cut(rest, "]")
	lines[i] = before + "[" + change(header) + "]" + after
	return lines
}

// sectionAt returns the lines from a header to the next.
func (m mutator) sectionAt(lines []string) (from, to int) {
	from = m.IntN(len(lines))
	for from > 0 && !strings.HasPrefix(lines[from], "[") {
		from--
	}
	to = from + 1
	for to < len(lines) && !strings.HasPrefix(lines[to], "[") {
		to++
	}
	return from, to
}

var mutations = map[string]func(mutator, []string) []string{
	"indent a line": func(m mutator, lines []string) []string {
		return m.change(lines, func(s string) string { return m.space() + s })
	},
	"indent a body": func(m mutator, lines []string) []string {
		from, to := m.sectionAt(lines)
		space := m.space()
		for i := from + 1; i < to; i++ {
			lines[i] = space + lines[i]
		}
		return lines
	},
	"indent a section": func(m mutator, lines []string) []string {
		from, to := m.sectionAt(lines)
		space := m.space()
		for i := from; i < to; i++ {
			lines[i] = space + lines[i]
		}
		return lines
	},
	"indent all": func(m mutator, lines []string) []string {
		space := m.space()
		for i := range lines {
			lines[i] = space + lines[i]
		}
		return lines
	},
	"colon": func(m mutator, lines []string) []string {
		return m.change(lines, func(s string) string {
			return strings.Replace(s, "=", m.pick(":", ": ", " ="), 1)
		})
	},
	"space around the delimiter": func(m mutator, lines []string) []string {
		return m.change(lines, func(s string) string {
			return strings.Replace(s, " = ", m.space()+"="+m.space(), 1)
		})
	},
	"space at the end": func(m mutator, lines []string) []string {
		return m.change(lines, func(s string) string { return s + m.space() })
	},
	"quoted section name": func(m mutator, lines []string) []string {
		return m.changeHeader(lines, func(s string) string {
			quote := m.pick("'", `"`)
			if word, name, ok := strings.Cut(s, " "); ok {
				return word + " " + quote + name + quote
			}
			return s
		})
	},
	"other section name": func(m mutator, lines []string) []string {
		return m.changeHeader(lines, func(s string) string {
			return m.pick(s+"$", s+")", s+"ü", s+" x", s+`\x`, s+"'", s+"]",
				"profile 'a b'", `sso-session "My Corp"`, "Profile x", "x")
		})
	},
	"space in a header": func(m mutator, lines []string) []string {
		return m.changeHeader(lines, func(s string) string {
			return m.pick(m.space()+s, s+m.space(), strings.Replace(s, " ", m.space(), 1))
		})
	},
	"text after a header": func(m mutator, lines []string) []string {
		return m.changeHeader(lines, func(s string) string {
			return s + "]" + m.pick(" # note", "; note", " text", "x", "]", " [x")
		})
	},
	"stray line": func(m mutator, lines []string) []string {
		stray := m.pick("foo", "[profile x", "[unclosed = x", "arn:aws:iam::111111111111:role/x",
			"<<<<<<< HEAD", "=======", ">>>>>>> branch", "= x", ": x", "x = y", "x", "[]", "[ ]", "\u00a0")
		return slices.Insert(lines, m.IntN(len(lines)+1), m.space()+stray+"\n")
	},
	"blank line": func(m mutator, lines []string) []string {
		return slices.Insert(lines, m.IntN(len(lines)+1), m.space()+"\n")
	},
	"comment line": func(m mutator, lines []string) []string {
		comment := m.space() + m.pick("# a = b\n", "; [x]\n", "#\n")
		return slices.Insert(lines, m.IntN(len(lines)+1), comment)
	},
	"comment after a value": func(m mutator, lines []string) []string {
		return m.change(lines, func(s string) string {
			return s + m.pick(" # note", " ; note", "#x", "\t#")
		})
	},
	"CRLF": func(m mutator, lines []string) []string {
		for i, line := range lines {
			if !strings.HasSuffix(line, "\r\n") {
				lines[i] = strings.Replace(line, "\n", "\r\n", 1)
			}
		}
		return lines
	},
	"CRLF in a line": func(m mutator, lines []string) []string {
		return m.change(lines, func(s string) string { return s + m.pick("\r", "") })
	},
	"no newline at the end": func(_ mutator, lines []string) []string {
		lines[len(lines)-1] = strings.TrimRight(lines[len(lines)-1], "\r\n")
		if n := len(lines) - 2; n >= 0 && lines[n+1] == "" {
			lines[n] = strings.TrimRight(lines[n], "\r\n")
		}
		return lines
	},
	"no delimiter": func(m mutator, lines []string) []string {
		return m.change(lines, func(s string) string { return strings.Replace(s, "=", "", 1) })
	},
	"no closing bracket": func(m mutator, lines []string) []string {
		return m.change(lines, func(s string) string { return strings.Replace(s, "]", "", 1) })
	},
	"quoted value": func(m mutator, lines []string) []string {
		return m.change(lines, func(s string) string {
			if key, value, ok := strings.Cut(s, " = "); ok {
				return key + ` = "` + value + `"`
			}
			return s
		})
	},
	"value on the next line": func(m mutator, lines []string) []string {
		return m.change(lines, func(s string) string { return strings.Replace(s, " = ", " =\n  ", 1) })
	},
	"continued value": func(m mutator, lines []string) []string {
		return m.change(lines, func(s string) string {
			return s + "\n" + m.pick(" ", "    ", "\t", "\u00a0") + m.pick("more", "a = b", "[profile p]")
		})
	},
	"key in capitals": func(m mutator, lines []string) []string {
		return m.change(lines, func(s string) string {
			key, value, _ := strings.Cut(s, "=")
			if strings.HasPrefix(s, "[") || value == "" {
				return s
			}
			return strings.ToUpper(key) + "=" + value
		})
	},
	"empty value": func(m mutator, lines []string) []string {
		return m.change(lines, func(s string) string {
			if key, _, ok := strings.Cut(s, "="); ok {
				return key + "="
			}
			return s
		})
	},
	"swap two lines": func(m mutator, lines []string) []string {
		i, j := m.IntN(len(lines)), m.IntN(len(lines))
		lines[i], lines[j] = lines[j], lines[i]
		return lines
	},
	"remove a line": func(m mutator, lines []string) []string {
		i := m.IntN(len(lines))
		return slices.Delete(lines, i, i+1)
	},
	"duplicate line": func(m mutator, lines []string) []string {
		i := m.IntN(len(lines))
		return slices.Insert(lines, i, lines[i])
	},
}
