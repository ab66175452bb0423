package doctor

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Group is findings that differ only in the profile and the place.
type Group []Finding

// Group returns the findings of the report, grouped, in the order of the first of each group.
func (r Report) Group() (groups []Group) {
	at := map[Finding]int{}
	for _, f := range r.Findings {
		// The fixes may differ in the profile and the file that their commands name.
		id := f
		id.Where, id.Fix = "", f.fixTemplate()
		if id.Profile != "" {
			id.Profile = "any"
		}
		i, ok := at[id]
		if !ok {
			i = len(groups)
			at[id] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], f)
	}
	return groups
}

// fixTemplate returns the fix with placeholders for the profile and the place in its commands.
func (f Finding) fixTemplate() string {
	lines := strings.Split(f.Fix, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, "  ") {
			lines[i] = replaceWord(replaceWord(l, f.Where, "\x00"), f.Profile, "\x01")
		}
	}
	return strings.Join(lines, "\n")
}

// Fix returns the lines of the fix for all findings of the group, each command once.
func (g Group) Fix() (fix []string) {
	const most = 10
	for i := range strings.Split(g[0].Fix, "\n") {
		var variants []string
		for _, f := range g {
			// The fixes have the same template, so they have the same number of lines.
			if line := strings.Split(f.Fix, "\n")[i]; !slices.Contains(variants, line) {
				variants = append(variants, line)
			}
		}
		if len(variants) > most {
			variants = append(variants[:most], "  ...")
		}
		fix = append(fix, variants...)
	}
	return fix
}

// Commands returns the commands of a fix that consists of commands only.
func (g Group) Commands() (commands []string, ok bool) {
	fix := g.Fix()
	if fix[0] != runLine {
		return nil, false
	}
	for _, line := range fix[1:] {
		command, ok := strings.CutPrefix(line, "  ")
		if !ok {
			return nil, false
		}
		commands = append(commands, command)
	}
	return commands, true
}

// replaceWord replaces word in s where it is not part of a longer word.
func replaceWord(s, word, by string) string {
	if word == "" {
		return s
	}
	isPart := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }
	var out strings.Builder
	last := ' '
	for s != "" {
		after, found := strings.CutPrefix(s, word)
		next, _ := utf8.DecodeRuneInString(after)
		if found && !isPart(last) && (after == "" || !isPart(next)) {
			out.WriteString(by)
			last, s = ' ', after
			continue
		}
		r, n := utf8.DecodeRuneInString(s)
		out.WriteString(s[:n])
		last, s = r, s[n:]
	}
	return out.String()
}
