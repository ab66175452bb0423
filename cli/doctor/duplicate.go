package doctor

import (
	"fmt"
	"strings"

	"aws-credproc/profiles"
)

// duplicateSection finds sections that are defined twice in a file. aws-credproc merges them, as
// the AWS SDKs and Tools Reference Guide says.
func duplicateSection(x *examination) (found []Finding) {
	for _, r := range x.config.raw {
		first := map[string]profiles.RawLine{}
		for _, l := range r.headerLines() {
			if !r.isOutsideConflict(l) {
				continue
			}
			id := l.Header
			if l.Profile != "" {
				id = "profile " + l.Profile
			}
			if before, ok := first[id]; ok {
				found = append(found, duplicateOf(before, l))
			} else {
				first[id] = l
			}
		}
	}
	return found
}

func duplicateOf(before, l profiles.RawLine) Finding {
	f := Finding{
		Severity: Error, Where: l.Where,
		What: fmt.Sprintf("[%s] is already defined on line %s", shorten(l.Header), lineOf(before)),
		Why:  wholeFile + otherSDKsMerge,
		Fix: fmt.Sprintf("move its settings to the section on line %s, and remove this header",
			lineOf(before)),
	}
	switch {
	case l.Header == before.Header:
	case l.Profile == "default":
		f.Severity = Warning
		f.What = fmt.Sprintf("[default] and [profile default] are both defined, on lines %s and %s",
			lineOf(before), lineOf(l))
		f.Why = "tools ignore [default] then"
		f.Fix = "move the settings that you need to [profile default], and remove [default]"
	default:
		f.What = fmt.Sprintf("[%s] and [%s] on line %s are the same profile",
			shorten(l.Header), shorten(before.Header), lineOf(before))
		f.Why = "the AWS CLI and boto3 read only the last of them"
	}
	return f
}

// lineOf returns the number of a line.
func lineOf(l profiles.RawLine) string { return l.Where[strings.LastIndexByte(l.Where, ':')+1:] }

// duplicateKey finds keys that are set twice in a section.
func duplicateKey(x *examination) (found []Finding) {
	for _, r := range x.config.raw {
		first := map[string]profiles.RawLine{}
		for _, l := range r.Lines {
			if l.IsHeader {
				clear(first)
			}
			if l.Key == "" || !r.isOutsideConflict(l) {
				continue
			}
			if before, ok := first[l.Key]; ok {
				found = append(found, Finding{
					Severity: Error, Where: l.Where,
					What: fmt.Sprintf("%s is already set on line %s", shorten(l.Key), lineOf(before)),
					Why:  wholeFile + "; other tools use the last value, on this line",
					Fix:  fmt.Sprintf("remove line %s", lineOf(before)),
				})
			}
			first[l.Key] = l
		}
	}
	return found
}
