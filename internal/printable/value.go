package printable

import "strings"

// value is where a value starts in a command line.
type value struct {
	name, separator string
	before          string // the text before the name
	start           int
	quote           byte // the quote that is open at start, or 0
}

const blanks = " \t\r\n"

// isMissing reports whether a name has no value in s: another flag follows, or it is an argument.
func (v value) isMissing(s string) bool {
	if strings.ContainsAny(v.separator, ":=") {
		return v.start == len(s)
	}
	return v.name[0] != '-' || startsWithFlag(s[v.start:], v.quote)
}

// end returns the end of the value in s. Text before done is known to be a part of a value. It is
// not read again, so that Mask takes linear time.
func (v value) end(s string, done int) int {
	isColon := strings.ContainsRune(v.separator, ':')
	isHeader := isColon && strings.Contains(strings.ToLower(v.name), "authorization")
	isString := isColon && strings.ContainsAny(v.separator, `"'`) // in JSON
	isQuotedFlag := v.name[0] == '-' && v.quote != 0 && v.before != "" &&
		v.before[len(v.before)-1] == v.quote
	n := escapes(s[v.start:])
	end := done
	switch {
	case isString && v.start >= done && isQuote(s[v.start+n:]):
		return pieceEnd(s, v.start+n, n)
	case isQuotedFlag || isHeader && v.quote != 0:
		return quoteEnd(s, max(v.start, done), v.quote, 0)
	case isHeader && strings.ContainsAny(v.separator, blanks):
		return len(s) // several words, without quotes around them
	case v.start >= done:
		end = wordEnd(s, v.start, v.quote)
	}
	if word := s[v.start:end]; strings.EqualFold(word, "bearer") || strings.EqualFold(word, "basic") {
		rest := s[end:]
		end = wordEnd(s, end+len(rest)-len(strings.TrimLeft(rest, blanks)), v.quote)
	}
	return end
}

// isQuote reports whether s starts with a quote.
func isQuote(s string) bool { return s != "" && (s[0] == '"' || s[0] == '\'') }

// startsWithFlag reports whether s starts with a flag, such as --role. In quote, it may end there.
func startsWithFlag(s string, quote byte) bool {
	rest, ok := strings.CutPrefix(s, "--")
	if !ok || rest != "" && strings.IndexByte(blanks, rest[0]) < 0 && (rest[0] < 'a' || rest[0] > 'z') {
		return false
	}
	rest = strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyz0123456789-_")
	return rest == "" || rest[0] == quote || strings.IndexByte("="+blanks, rest[0]) >= 0
}

// wordEnd returns the end of the shell word at start. It ends before quote, which was open before.
func wordEnd(s string, start int, quote byte) int {
	for i := start; i < len(s); {
		switch c := s[i]; {
		case quote != 0 && c == quote || strings.IndexByte(blanks, c) >= 0:
			return i
		case c == '"' || c == '\'':
			i = pieceEnd(s, i, 0)
		case c == '\\':
			n := escapes(s[i:])
			switch isEscaped := n%2 == 1; {
			case isEscaped && isQuote(s[i+n:]) && (quote != 0 || i == start):
				i = pieceEnd(s, i+n, n)
			case isEscaped:
				i += n + 1
			default:
				i += n
			}
		default:
			i++
		}
	}
	return len(s)
}

// escapes returns the number of backslashes at the start of s.
func escapes(s string) int { return len(s) - len(strings.TrimLeft(s, `\`)) }

// pieceEnd returns the end of the quoted text at i. Each of its quotes is escaped by n backslashes.
func pieceEnd(s string, i, n int) int { return min(len(s), quoteEnd(s, i+1, s[i], n)+1) }

// quoteEnd returns the index of the quote that ends the quoted text at i. It is escaped by n
// backslashes: 0, or 1 if the quoted text is in quotes itself.
func quoteEnd(s string, i int, quote byte, n int) int {
	run := 0 // backslashes before i
	for ; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			run++
			continue
		case s[i] != quote:
		case quote == '\'' && n == 0, run >= n && (run-n)%(2*n+2) == 0:
			return i
		}
		run = 0
	}
	return len(s)
}

// openQuote returns the quote that is open after s, or 0. Before s, quote is open.
func openQuote(s string, quote byte) byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quote != '\'':
			i++
		case c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		}
	}
	return quote
}
