package doctor

import (
	"fmt"

	"aws-credproc/profiles"
)

// findConflicts sets conflicts and inConflict: the lines from each "<<<<<<<" to its ">>>>>>>".
func (r *rawFile) findConflicts() {
	r.inConflict = map[string]bool{}
	first := -1
	for i, l := range r.Lines {
		switch {
		case l.Conflict == '<':
			first = i
		case l.Conflict == '>' && first >= 0:
			lines := r.Lines[first : i+1]
			r.conflicts = append(r.conflicts, lines)
			for _, l := range lines {
				r.inConflict[l.Where] = true
			}
			first = -1
		}
	}
}

// conflictFindings reports each merge conflict once, although none of its markers can be parsed.
func (r *rawFile) conflictFindings() (found []Finding) {
	for _, lines := range r.conflicts {
		var markers []string
		for _, l := range lines {
			if l.Conflict != 0 {
				markers = append(markers, lineOf(l))
			}
		}
		found = append(found, Finding{
			Severity: Error, Where: lines[0].Where,
			What: fmt.Sprintf("a merge conflict was not resolved: markers on lines %s", join(markers)),
			Why:  faultyLine,
			Fix:  "keep the lines of one side, and remove those of the other side and the markers",
		})
	}
	return found
}

// isOutsideConflict reports whether a line is not part of a merge conflict.
func (r *rawFile) isOutsideConflict(l profiles.RawLine) bool { return !r.inConflict[l.Where] }
