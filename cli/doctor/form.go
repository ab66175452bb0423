package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// The checks of the files as they stand, line by line. That what the AWS CLI refuses is fine elsewhere was measured with
// botocore 1.44, aws-sdk-go-v2 config 1.33 and the AWS SDK for JavaScript v3.

// fileForm finds files that cannot be read and lines that break their form.
func fileForm(x *exam) {
	const why = "the whole file is refused, by this helper and by most tools, and with it every profile in it"
	add := func(err error, fix string) {
		var e *diag.Error
		if errors.As(err, &e) {
			x.add(Finding{Severity: Error, Where: e.Where, What: e.Problem, Why: why, Fix: cmp.Or(e.Hint, fix)})
		}
	}
	for _, r := range x.raw {
		add(r.err, "put a text file in UTF-8 there that you can read, or remove it")
		for _, l := range r.Lines {
			add(l.Err, "correct the line, or make it a comment with a # in front")
		}
		if r.NotUTF8 != "" && !x.isTold("file-form", r.NotUTF8) {
			x.add(Finding{Severity: Error, Where: r.NotUTF8, What: "the line is no text in UTF-8", Why: "the AWS CLI and boto3 refuse the whole file, comments or not",
				Fix: "save the file as UTF-8"})
		}
	}
}

// byteOrderMark finds what editors on Windows put in front of a text.
func byteOrderMark(x *exam) {
	for _, r := range x.raw {
		if !r.ByteOrderMark {
			continue
		}
		fix := run(`perl -i -pe 's/^\xEF\xBB\xBF// if $. == 1' ` + x.quoted(r.Path))
		if x.goos == "windows" {
			fix = "save it in your editor as UTF-8 without a byte order mark (BOM)"
		}
		x.add(Finding{Severity: Error, Where: r.Path + ":1", What: "the file starts with a byte order mark",
			Why: "the AWS CLI and boto3 refuse the whole file, and the Go SDK does not see its first section", Fix: fix})
	}
}

// headers gives the headers of a file.
func (r raw) headers() (all []profiles.RawLine) {
	for _, l := range r.Lines {
		if l.IsHeader {
			all = append(all, l)
		}
	}
	return all
}

// sectionName finds headers that do not name the profile that they are meant to name.
func sectionName(x *exam) {
	for _, r := range x.raw {
		if r.which == "" {
			continue
		}
		for _, l := range r.headers() {
			name, what, why := oddHeader(l, r.which)
			if what == "" {
				continue
			}
			header := "[" + name + "]"
			if session, ok := meantSession(l); ok && r.which == profiles.ConfigFile {
				x.meant[session] = true
				header, name = "[sso-session "+session+"]", ""
			} else if r.which == profiles.ConfigFile && name != "default" {
				header = "[profile " + name + "]"
			}
			fix := write("write the line as", header)
			if name != "" && !profiles.IsName(name) {
				fix = "give it a name of letters, digits and _-/.%@:+ only, and use that wherever the old one stands"
			}
			x.add(Finding{Severity: Error, Profile: name, Where: l.Where, What: what, Why: why, Fix: fix})
		}
	}
}

// oddHeader says what is wrong with a header and which profile it means; "" where nothing is.
func oddHeader(l profiles.RawLine, which string) (name, what, why string) {
	written := shortened(l.Header)
	header := strings.TrimSpace(l.Header)
	word, rest, _ := strings.Cut(header, " ")
	rest = strings.TrimSpace(rest)
	quoted := len(rest) > 1 && (rest[0] == '"' || rest[0] == '\'') && rest[len(rest)-1] == rest[0]
	switch {
	case header == "DEFAULT":
	case l.Profile != "":
		plain := l.Profile
		if which == profiles.ConfigFile && header != "default" {
			plain = "profile " + l.Profile
		}
		if strings.ReplaceAll(l.Header, "\t", " ") != plain {
			return l.Profile, fmt.Sprintf("there is more white space in [%s] than belongs there", written),
				"some tools do not find the profile then: the AWS CLI takes white space at the ends for a part of the name, JavaScript knows one space only"
		}
	case which == profiles.CredentialsFile && word == "profile" && profiles.IsName(rest):
		return rest, fmt.Sprintf("the section is written [%s], with the word 'profile'", written), "in the credentials file the word is no part of the form: no SDK finds the keys there"
	case which == profiles.CredentialsFile:
		return header, fmt.Sprintf("[%s] is no name that a profile can have", written), "most SDKs ignore the section"
	case profiles.IsName(header) && header != "plugins" && header != "preview": // these two are the AWS CLI's own
		if strings.EqualFold(header, "default") {
			header = "default" // case counts
		}
		return header, fmt.Sprintf("the section is written [%s], without the word 'profile'", written), "in the config file the SDKs ignore it then"
	case isSession(word) && word != "sso-session" && profiles.IsName(rest):
		return rest, fmt.Sprintf("the section is written [%s], and not [sso-session %s]", written, rest), "no tool finds the SSO session"
	case strings.EqualFold(word, "profile") && quoted && profiles.IsName(rest[1:len(rest)-1]):
		return rest[1 : len(rest)-1], fmt.Sprintf("the name in [%s] stands in quotes", written), "only the AWS CLI and boto3 take them away; other SDKs ignore the section"
	case strings.EqualFold(word, "profile") && profiles.IsName(rest):
		return rest, fmt.Sprintf("the section is written [%s], and case counts", written), "the SDKs ignore it"
	case strings.EqualFold(word, "profile"):
		return rest, fmt.Sprintf("[%s] is no name that a profile can have", written), "most SDKs ignore the section"
	}
	return "", "", ""
}

// isSession reports whether the first word of a header is that of SSO sessions, or meant to be.
func isSession(word string) bool {
	return strings.EqualFold(strings.ReplaceAll(word, "_", "-"), "sso-session")
}

// meantSession gives the SSO session that a header means, where it is written otherwise.
func meantSession(l profiles.RawLine) (name string, ok bool) {
	word, rest, _ := strings.Cut(strings.TrimSpace(l.Header), " ")
	rest = strings.TrimSpace(rest)
	return rest, l.Profile == "" && isSession(word) && word != "sso-session" && profiles.IsName(rest)
}

// defaultSection finds [DEFAULT], which Python's parser knows and AWS does not.
func defaultSection(x *exam) {
	for _, r := range x.raw {
		for _, l := range r.headers() {
			if l.Header == "DEFAULT" {
				x.add(Finding{Severity: Error, Where: l.Where, What: "there is a section [DEFAULT]",
					Why: "the AWS CLI and boto3 take its settings, keys too, into every profile of the file; to other SDKs they mean nothing",
					Fix: write("give each profile the settings that it needs; if [default] is meant, write the line as", "[default]")})
			}
		}
	}
}

// duplicateSection finds what stands twice in one file. All else merges that, as the format says.
func duplicateSection(x *exam) {
	for _, r := range x.raw {
		first := map[string]profiles.RawLine{}
		for _, l := range r.headers() {
			id := l.Header
			if l.Profile != "" {
				id = "profile " + l.Profile
			}
			before, twice := first[id]
			if !twice {
				first[id] = l
				continue
			}
			f := Finding{Severity: Error, Where: l.Where, What: fmt.Sprintf("[%s] stands twice, first in line %s", shortened(l.Header), line(before)),
				Why: "the AWS CLI and boto3 refuse the whole file",
				Fix: fmt.Sprintf("move its lines below line %s and remove this header", line(before))}
			switch {
			case l.Header == before.Header:
			case l.Profile == "default":
				f.What = fmt.Sprintf("both [default] and [profile default] stand in the file, in the lines %s and %s", line(before), line(l))
				f.Why, f.Severity = "[default] is not read then", Warning
				f.Fix = "move what you need of it below [profile default], and remove it"
			default:
				f.What = fmt.Sprintf("[%s] and [%s] in line %s are one profile", shortened(l.Header), shortened(before.Header), line(before))
				f.Why = "the AWS CLI and boto3 read the last of them only"
			}
			x.add(f)
		}
	}
}

// line gives the number of a line.
func line(l profiles.RawLine) string { return l.Where[strings.LastIndexByte(l.Where, ':')+1:] }

// duplicateKey finds a key that stands twice in a section.
func duplicateKey(x *exam) {
	for _, r := range x.raw {
		first := map[string]profiles.RawLine{}
		for _, l := range r.Lines {
			if l.IsHeader {
				clear(first)
			}
			if l.Key == "" {
				continue
			}
			if before, twice := first[l.Key]; twice {
				x.add(Finding{Severity: Error, Where: l.Where, What: fmt.Sprintf("%s stands twice in its section, first in line %s", shortened(l.Key), line(before)),
					Why: "the AWS CLI and boto3 refuse the whole file; to others this one, the last, counts", Fix: fmt.Sprintf("remove line %s", line(before))})
			}
			first[l.Key] = l
		}
	}
}

// inlineComment finds comments behind a value, or what only the format takes for one.
func inlineComment(x *exam) {
	for _, r := range x.raw {
		for _, l := range r.Lines {
			if !l.HasComment {
				continue
			}
			f := Finding{Severity: Error, Profile: l.Profile, Where: l.Where, What: "a comment stands behind the value of " + shortened(l.Key+l.Sub),
				Why: "the AWS CLI and boto3 take it for a part of the value", Fix: x.withoutComment(l)}
			if value, ok := x.valueAt(l); ok && strings.HasSuffix(l.Key, "_process") && endsInQuotes(value) {
				x.cut[l.Where] = true
				f.What = "a # or ; after white space stands within quotes in " + l.Key
				f.Why = "the format takes it for a comment, and so do this helper and most SDKs: the command ends there; the AWS CLI and boto3 run the whole of it"
				f.Fix = "write what the quotes hold into a script, and the script's whole path here"
			}
			x.add(f)
		}
	}
}

// valueAt gives the value of a property's line, if it is the one that counts.
func (x *exam) valueAt(l profiles.RawLine) (string, bool) {
	p := x.sections[l.Profile]
	property, ok := p.Properties[l.Key]
	return property.Value, ok && x.files.Place(property) == l.Where
}

// endsInQuotes reports whether a quote in a command has no end.
func endsInQuotes(command string) bool {
	var quote byte
	for i := range len(command) {
		switch c := command[i]; {
		case c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		}
	}
	return quote != 0
}

// withoutComment is the fix of a line with a comment. It shows the line as it should be, unless that may hold a secret.
func (x *exam) withoutComment(l profiles.RawLine) string {
	const prose = "move it to a line of its own above, that starts with #"
	value, ok := x.valueAt(l)
	mayBeSecret := func(word string) bool { return strings.Contains(l.Key, word) }
	_, ours := profiles.ProcessWords(x.sections[l.Profile])
	if !ok || value == "" || strings.Contains(value, "\n") || slices.ContainsFunc([]string{"secret", "token", "password"}, mayBeSecret) ||
		strings.HasSuffix(l.Key, "_process") && !(ours && l.Key == "credential_process") { // other programs take passwords as arguments
		return prose
	}
	return write(prose+", so that this one is", l.Key+" = "+value)
}
