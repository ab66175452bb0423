package doctor

import (
	"aws-credproc/cache/statedir"
	"aws-credproc/profiles"
)

// unfinishedRotation finds rotations of access keys that were interrupted, or run now.
func unfinishedRotation(x *examination) (found []Finding) {
	config := profiles.FileID(x.opts.ConfigPath)
	for _, name := range x.config.names {
		r, err := statedir.ReadRotation(x.opts.StateDir, config, name)
		if err != nil {
			continue // there is none, or rotate reports why it cannot be read
		}
		f := Finding{
			Severity: Warning, Profile: name,
			Where: x.config.place(x.config.sections[name], ""),
			What:  "the rotation of access key " + r.Old + " has not finished",
			Why:   "the IAM user may have another key that works and that nothing uses",
			Fix:   run("aws-credproc rotate " + profiles.Argument(name)),
		}
		if r.New != "" {
			f.What += "; the new one is " + r.New
		}
		found = append(found, f)
	}
	return found
}
