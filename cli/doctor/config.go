package doctor

import (
	"errors"
	"io/fs"
	"os"
	"slices"

	"aws-credproc/profiles"
)

// config is the two shared config files: their lines and their profiles.
type config struct {
	files    *profiles.Files // as much of the two as can be loaded; never nil
	complete bool            // files has both
	raw      []rawFile       // one, if both paths lead to the same file

	sections map[string]profiles.Section // of all profiles
	names    []string                    // of the profiles to check, in the order of the files
	examined map[string]bool             // of these, and of those that should exist
	headers  map[string]string           // the place of each profile's first header

	misnamed    []misnamedSection
	cutCommands map[string]bool // places of commands that a comment cuts within quotes
	processes   []process       // profiles with a credential_process and no role settings
	mixed       []process       // profiles with both
}

// rawFile is the lines of a file.
type rawFile struct {
	profiles.Raw
	which string // ConfigFile or CredentialsFile; empty if it is both
	found bool
	err   error
	// conflicts are the merge conflicts in the file, and inConflict the places of their lines.
	conflicts  [][]profiles.RawLine
	inConflict map[string]bool
}

func loadConfig(o Options, sh shell) *config {
	c := &config{
		sections:    map[string]profiles.Section{},
		examined:    map[string]bool{},
		headers:     map[string]string{},
		cutCommands: map[string]bool{},
	}
	c.raw = readRaw(o)
	c.files, c.complete = loadFiles(o)
	for _, name := range c.files.Names() {
		if p, err := c.files.Profile(name); err == nil {
			c.sections[name] = p
		}
	}
	c.selectProfiles(o.Profile)
	c.readLines()
	for _, name := range c.names {
		p, ok := newProcess(c.sections[name], sh.goos)
		switch {
		case !ok || c.cutCommands[c.place(p.Section, "credential_process")]:
		case p.Get("role_arn") != "" || p.Get("source_profile") != "":
			c.mixed = append(c.mixed, p)
		default:
			c.processes = append(c.processes, p)
		}
	}
	return c
}

func readRaw(o Options) []rawFile {
	read := func(path, which string) rawFile {
		r, err := profiles.ReadRaw(path, which)
		r.Path = path
		_, statErr := os.Stat(path)
		f := rawFile{Raw: r, which: which, found: !errors.Is(statErr, fs.ErrNotExist), err: err}
		f.findConflicts()
		return f
	}
	files := []rawFile{
		read(o.ConfigPath, profiles.ConfigFile),
		read(o.CredentialsPath, profiles.CredentialsFile),
	}
	if profiles.SameFile(o.ConfigPath, o.CredentialsPath) {
		files = files[:1]
		files[0].which = ""
	}
	return files
}

// loadFiles returns both files, or the one of them that can be loaded.
func loadFiles(o Options) (files *profiles.Files, complete bool) {
	if o.Files != nil {
		return o.Files, true
	}
	// An empty path is a file that does not exist.
	for _, paths := range [][2]string{{o.ConfigPath, ""}, {"", o.CredentialsPath}, {"", ""}} {
		if f, err := profiles.Load(paths[0], paths[1]); err == nil {
			return f, false
		}
	}
	return nil, false // unreachable: two files that do not exist can be loaded
}

// selectProfiles sets names and examined: all profiles, or the selected one, the profiles that it
// gets credentials from, and the profiles that are wired to it.
func (c *config) selectProfiles(selected string) {
	all := c.files.Names()
	var add func(name string)
	add = func(name string) {
		if !c.examined[name] {
			c.examined[name] = true
			for _, next := range sourcesOf(c.sections[name]) {
				add(next)
			}
		}
	}
	if selected != "" {
		add(selected)
	}
	for _, name := range all {
		target, wired := profiles.Wired(c.sections[name])
		if selected == "" || wired && target == selected {
			add(name)
		}
	}
	for _, name := range all {
		if c.examined[name] {
			c.names = append(c.names, name)
		}
	}
}

// readLines sets what only the lines of the files show.
func (c *config) readLines() {
	for _, r := range c.raw {
		for _, l := range r.Lines {
			if l.IsHeader && l.Profile != "" && c.headers[l.Profile] == "" {
				c.headers[l.Profile] = l.Where
			}
			if m, ok := misname(l, r.which); ok {
				c.misnamed = append(c.misnamed, m)
			}
			if c.cutsCommand(l) {
				c.cutCommands[l.Where] = true
			}
		}
	}
}

// sourcesOf returns the profiles that a profile gets credentials from.
func sourcesOf(p profiles.Section) (names []string) {
	if target, ok := profiles.Wired(p); ok {
		return []string{target}
	}
	if source := p.Get("source_profile"); source != "" && p.Get("role_arn") != "" {
		names = append(names, source)
	}
	if other := profileOption(p); other != "" {
		names = append(names, other)
	}
	return names
}

// isSource reports whether a profile to check gets credentials from this one.
func (c *config) isSource(name string) bool {
	return slices.ContainsFunc(c.names, func(n string) bool {
		return slices.Contains(sourcesOf(c.sections[n]), name)
	})
}

// wiredTo returns the first profile that is wired to a target, or "".
func (c *config) wiredTo(target string) string {
	for _, name := range c.files.Names() {
		if to, ok := profiles.Wired(c.sections[name]); ok && to == target && name != target {
			return name
		}
	}
	return ""
}

// place returns where a setting of a profile is, or the profile's header if it has no such setting.
func (c *config) place(p profiles.Section, key string) string {
	if property, ok := p.Properties[key]; ok {
		return c.files.Place(property)
	}
	return c.headers[p.Name]
}

// sourcePlace returns where a profile names the profile that it gets credentials from.
func (c *config) sourcePlace(name string) string {
	p := c.sections[name]
	if _, ok := profiles.Wired(p); ok {
		return c.place(p, "credential_process")
	}
	return c.place(p, "source_profile")
}

// valueAt returns the value of the property on a line. ok is false if another line overrides it.
func (c *config) valueAt(l profiles.RawLine) (value string, ok bool) {
	property, ok := c.sections[l.Profile].Properties[l.Key]
	return property.Value, ok && c.files.Place(property) == l.Where
}

// headerLines returns the headers of a file.
func (r rawFile) headerLines() (all []profiles.RawLine) {
	for _, l := range r.Lines {
		if l.IsHeader {
			all = append(all, l)
		}
	}
	return all
}
