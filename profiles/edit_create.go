package profiles

import (
	"slices"
	"strings"
)

// createdComment marks a profile that setup has created, so that its undo removes it.
const createdComment = "# Created by aws-credproc setup. setup --undo removes this profile."

// CreateProfile is [Editor.AddProfile] for the config file. It marks the profile for
// [Editor.RemoveCreated].
func (e *Editor) CreateProfile(profile string, settings ...Setting) error {
	return e.addProfile(ConfigFile, profile, []string{createdComment}, settings)
}

// RemoveCreated removes a profile that [Editor.CreateProfile] has added and reports whether it did.
// It keeps a profile that is wired, or that another profile uses.
func (e *Editor) RemoveCreated(profile string) (removed bool, err error) {
	bodies, err := e.now.config.bodies(profile)
	if err != nil || !slices.ContainsFunc(bodies, e.now.config.isCreated) {
		return false, err
	}
	p, err := e.now.Profile(profile)
	if err != nil {
		return false, err
	}
	if _, wired := Wired(p); wired {
		return false, nil
	}
	if user, _, err := userOf(e.now, profile, profile); err != nil || user != "" {
		return false, err
	}
	return true, e.RemoveProfile(ConfigFile, profile)
}

// isCreated reports whether a section has the createdComment.
func (f *file) isCreated(b body) bool {
	return slices.ContainsFunc(b.comments, func(c span) bool {
		return strings.TrimSpace(f.text[c.start:c.end]) == createdComment
	})
}
