package doctor

import (
	"errors"
	"slices"
	"strings"

	"aws-credproc/profiles"
)

const endless = "each process starts the next one, without end"

// processRecursion finds commands that need the credentials that they are meant to return.
func processRecursion(x *examination) (found []Finding) {
	for _, c := range x.chains.cycles(checkProcessRecursion) {
		found = append(found, x.selfReference(c))
	}
	for _, p := range x.config.processes {
		if p.ours {
			continue
		}
		switch loop := x.loopFrom(p.Name); {
		case loop != "":
			found = append(found, x.processFinding(p, Error,
				"the command needs the credentials of its own profile: "+loop, endless,
				"use a profile in the command that has credentials of its own"))
		case awsWords(p.Section) != nil && profileOption(p.Section) == "":
			severity := Warning
			what := "the command runs the AWS CLI without --profile, so it uses AWS_PROFILE, " +
				"which may be this profile"
			if p.Name == "default" {
				severity = Error
				what = "the command runs the AWS CLI without --profile, so it uses this profile"
			}
			found = append(found, x.processFinding(p, severity, what, endless,
				"add --profile NAME to the command, with a profile that has credentials of its own"))
		}
	}
	return found
}

// selfReference reports a cycle in which aws-credproc is one of the commands.
func (x *examination) selfReference(c profiles.Cycle) Finding {
	name := c[slices.IndexFunc(c, x.config.hasProcess)]
	f := Finding{
		Severity: Error, Profile: name, Where: x.config.sourcePlace(name),
		What: "the command needs the credentials of its own profile: " + c.Error(),
		Why:  "aws-credproc refuses to start itself again, so the profile has no credentials",
		Fix:  "use a profile in the command that has credentials of its own, or a role",
	}
	// import writes such a line, and records the keys in the state directory.
	if to, _ := profiles.Wired(x.config.sections[name]); to == name && x.keyring == nil {
		f.Fix = write("if its keys were imported, find them again with",
			"aws-credproc import "+profiles.Argument(to)) + "\nelse " + f.Fix
	}
	return f
}

// loopFrom follows the --profile of commands and the sources of the profiles that they name. It
// returns the path if it leads back to the start, else "".
func (x *examination) loopFrom(name string) string {
	path := []string{name}
	for at := name; ; {
		next := profileOption(x.config.sections[at])
		if next == "" {
			return ""
		}
		path = append(path, next)
		c, ok := x.chains.byProfile[next]
		if ok && c.Source.Type == profiles.Process && c.Source.Profile != next {
			next = c.Source.Profile
			path = append(path, next)
		}
		if next == name {
			return strings.Join(path, " -> ")
		}
		if slices.Index(path, next) < len(path)-1 {
			return "" // a loop that does not contain name
		}
		at = next
	}
}

// cycles returns each cycle that a check reports, once, no matter how many profiles lead into it.
func (c *chains) cycles(check string) (found []profiles.Cycle) {
	var seen []string
	for _, f := range c.faults {
		var cycle profiles.Cycle
		if f.check != check || !errors.As(f.err, &cycle) {
			continue
		}
		members := slices.Clone(cycle[1:])
		slices.Sort(members)
		if id := strings.Join(members, " "); !slices.Contains(seen, id) {
			seen = append(seen, id)
			found = append(found, cycle)
		}
	}
	return found
}
