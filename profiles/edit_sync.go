package profiles

import (
	"runtime"
	"slices"
	"strconv"
	"strings"

	"aws-credproc/internal/diag"
)

// SSORole is a role of IAM Identity Center in an account.
type SSORole struct{ AccountID, AccountName, Name string }

// SSOSync describes the profiles that [Editor.SyncSSO] makes for an SSO session.
type SSOSync struct {
	Session string
	Roles   []SSORole            // that the user has
	Wanted  func(SSORole) bool   // limits the profiles that are added
	Name    func(SSORole) string // of a new profile; made safe and unique
	Region  string               // of new profiles; optional
	Helper  string               // the absolute path of this program
	Prune   bool                 // removes profiles of roles that are gone
}

// SSOChange is what [Editor.SyncSSO] has done. The names are those of the wired profiles.
type SSOChange struct {
	Added   []string
	Gone    []string // profiles of roles that are gone
	Removed bool     // whether those were removed
	Kept    int
}

// ssoSuffix is appended to a profile's name to name the profile with its SSO settings.
const ssoSuffix = "-sso"

const syncCommentStart = "# Created by aws-credproc setup --sso-session "

// syncComment marks a section that SyncSSO has made for a session.
func syncComment(session string) string { return syncCommentStart + session + "." }

// SyncedSessions returns the SSO sessions for which [Editor.SyncSSO] has made profiles, in the order
// of the config file.
func (f *Files) SyncedSessions() (sessions []string) {
	seen := map[string]bool{}
	for line := range strings.Lines(f.config.text) {
		rest, ok := strings.CutPrefix(trim(line), syncCommentStart)
		session, dot := strings.CutSuffix(rest, ".")
		if !ok || !dot || seen[session] {
			continue
		}
		seen[session] = true
		if made, err := f.madeForSession(session); err != nil || len(made) > 0 {
			sessions = append(sessions, session)
		}
	}
	return sessions
}

// SyncSSO adds a pair of profiles for each role that has none: one with the SSO settings, and one
// that is wired to it. It finds the profiles that it has made by a comment, whatever their names
// are now, and touches no others.
func (e *Editor) SyncSSO(o SSOSync) (change SSOChange, err error) {
	made, err := e.now.madeForSession(o.Session)
	if err != nil {
		return change, err
	}
	exists := map[SSORole]bool{}
	for _, r := range o.Roles {
		r.AccountName = ""
		exists[r] = true
	}
	var gone []madeProfile
	for role, m := range made {
		if exists[role] {
			change.Kept++
			continue
		}
		gone = append(gone, m)
		change.Gone = append(change.Gone, m.name)
	}
	slices.Sort(change.Gone)
	if o.Prune && len(gone) > 0 {
		if err := e.removeMade(gone); err != nil {
			return change, err
		}
		change.Removed = true
	}
	change.Added, err = e.addSSO(o, made)
	return change, err
}

// madeProfile is a profile that SyncSSO has made: the name of the wired one, and the sections of
// both. They are in the config file.
type madeProfile struct {
	name     string
	sections []body
}

// madeForSession returns the profiles that SyncSSO has made for a session, by their roles, without
// the accounts' names.
func (f *Files) madeForSession(session string) (made map[SSORole]madeProfile, err error) {
	comment := syncComment(session)
	made = map[SSORole]madeProfile{}
	wired := map[string][]body{} // by the profile that they are wired to
	sources := map[string]SSORole{}
	for _, part := range f.config.sections {
		if part.kind != profileSection || !strings.Contains(f.config.text[part.start:part.end], comment) {
			continue
		}
		b, err := f.config.body(part)
		if err != nil {
			return nil, err
		}
		if !f.config.hasComment(b, comment) {
			continue
		}
		p, err := f.Profile(part.name)
		if err != nil {
			return nil, err
		}
		if to, ok := Wired(p); ok {
			wired[to] = append(wired[to], b)
			continue
		}
		role := SSORole{AccountID: p.Get("sso_account_id"), Name: p.Get("sso_role_name")}
		if role.AccountID == "" || role.Name == "" || p.Get("sso_session") != session {
			continue // the user has made something else of it
		}
		m := made[role]
		m.name, m.sections = part.name, append(m.sections, b)
		made[role] = m
		sources[part.name] = role
	}
	for source, role := range sources {
		m := made[role]
		for _, b := range wired[source] {
			m.name, m.sections = b.section.name, append(m.sections, b)
		}
		made[role] = m
	}
	return made, nil
}

// hasComment reports whether a section has a comment.
func (f *file) hasComment(b body, comment string) bool {
	return slices.ContainsFunc(b.comments, func(c span) bool {
		return strings.TrimSpace(f.text[c.start:c.end]) == comment
	})
}

// removeMade removes the sections of profiles that no other profile uses.
func (e *Editor) removeMade(gone []madeProfile) error {
	users := e.now.usersOfProfiles()
	var sections []body
	for _, m := range gone {
		for _, b := range m.sections {
			for _, user := range users[b.section.name] {
				if user.name == m.name {
					continue
				}
				return &diag.Error{
					Profile: b.section.name, Where: user.place,
					Problem: "the role is gone, and profile " + user.name + " uses this profile",
					Hint:    "change or remove this line, then run the command again",
				}
			}
			sections = append(sections, b)
		}
	}
	slices.SortFunc(sections, func(a, b body) int { return a.start - b.start })
	var splices []splice
	for _, run := range e.now.config.runs(sections) {
		splices = append(splices, e.now.config.removeSection(run))
	}
	return e.spliceSections(ConfigFile, -len(sections), splices...)
}

// runs joins sections that follow one another with blank lines only between them. They were added
// together, with one blank line above the first.
func (f *file) runs(sections []body) (runs []body) {
	for _, b := range sections {
		if n := len(runs) - 1; n >= 0 && trim(f.text[runs[n].last:b.start]) == "" {
			runs[n].last, runs[n].end = b.last, b.end
			continue
		}
		runs = append(runs, b)
	}
	return runs
}

// profileUser is a profile whose source is another one, or that is wired to it.
type profileUser struct{ name, place string }

// usersOfProfiles returns the users of all profiles.
func (f *Files) usersOfProfiles() map[string][]profileUser {
	users := map[string][]profileUser{}
	for _, file := range f.both() {
		for _, part := range file.sections {
			if part.kind != profileSection {
				continue
			}
			b, _ := file.body(part) // of one with a faulty line, what can be read
			for _, s := range b.settings {
				used := ""
				switch s.key {
				case "source_profile":
					used = s.first
				case "credential_process":
					used, _ = wiredTo(Section{Properties: map[string]Property{s.key: {Value: s.first}}})
				}
				if used != "" {
					users[used] = append(users[used],
						profileUser{part.name, fileLine(file.path, s.number)})
				}
			}
		}
	}
	return users
}

// addSSO adds the profiles of the wanted roles that have none, in the order of their names, and
// returns their names.
func (e *Editor) addSSO(o SSOSync, made map[SSORole]madeProfile) (names []string, err error) {
	var roles []SSORole
	for _, r := range o.Roles {
		if _, ok := made[SSORole{AccountID: r.AccountID, Name: r.Name}]; !ok && o.Wanted(r) {
			roles = append(roles, r)
		}
	}
	if len(roles) == 0 {
		return nil, nil
	}
	taken := map[string]bool{"default": true}
	for _, name := range e.now.Names() {
		taken[name] = true
	}
	byName := uniqueNames(roles, o.Name, taken)
	for name := range byName {
		names = append(names, name)
	}
	slices.Sort(names)
	var lines []string
	for _, name := range names {
		pair, err := ssoPair(o, name, byName[name])
		if err != nil {
			return nil, err
		}
		if len(lines) > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, pair...)
	}
	return names, e.spliceSections(ConfigFile, 2*len(names), e.now.config.appendSection(lines))
}

// ssoPair returns the lines of the two sections of a role.
func ssoPair(o SSOSync, name string, r SSORole) (lines []string, err error) {
	command, err := ProcessCommand(o.Helper, name+ssoSuffix, runtime.GOOS)
	if err != nil {
		return nil, err
	}
	wired := []Setting{{"credential_process", command}}
	source := []Setting{
		{"sso_session", o.Session}, {"sso_account_id", r.AccountID}, {"sso_role_name", r.Name},
	}
	if o.Region != "" {
		wired = append(wired, Setting{"region", o.Region})
		source = append(source, Setting{"region", o.Region})
	}
	for i, settings := range [][]Setting{wired, source} {
		if i > 0 {
			lines, name = append(lines, ""), name+ssoSuffix
		}
		lines = append(lines, profileHeader(ConfigFile, name), syncComment(o.Session))
		for _, s := range settings {
			if err := checkSetting(name, s.Key, s.Value); err != nil {
				return nil, err
			}
			lines = append(lines, s.Key+" = "+s.Value)
		}
	}
	return lines, nil
}

// uniqueNames returns the roles by the names of their new profiles. Roles with the same name get
// the ID of their account in their names, and so do those whose name is taken.
func uniqueNames(
	roles []SSORole, nameOf func(SSORole) string, taken map[string]bool,
) map[string]SSORole {
	count := map[string]int{}
	for _, r := range roles {
		count[safeName(nameOf(r))]++
	}
	byName := map[string]SSORole{}
	isFree := func(name string) bool {
		_, used := byName[name]
		_, usedAsSource := byName[strings.TrimSuffix(name, ssoSuffix)]
		_, usedByOther := byName[name+ssoSuffix]
		return !used && !usedByOther && !taken[name] && !taken[name+ssoSuffix] &&
			(!usedAsSource || !strings.HasSuffix(name, ssoSuffix))
	}
	for _, r := range roles {
		base := safeName(nameOf(r))
		name, withID := base, strings.TrimPrefix(base+"-"+r.AccountID, "-")
		if name == "" || count[base] > 1 || !isFree(name) {
			name = withID
		}
		for n := 2; !isFree(name); n++ {
			name = withID + "-" + strconv.Itoa(n)
		}
		byName[name] = r
	}
	return byName
}

// safeName returns a name with letters, digits and ._@+- only, which every SDK and shell takes as
// it is. Other characters become hyphens.
func safeName(name string) string {
	var b strings.Builder
	for _, r := range name {
		isSafe := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' ||
			strings.ContainsRune("._@+", r)
		switch {
		case isSafe:
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), "-.")
}
