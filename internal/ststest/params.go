package ststest

import (
	"fmt"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"unicode"
)

// The bounds and patterns are those of https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html and
// its neighbours; the wording of what is wrong is that of STS.

// constraint is what a text parameter has to satisfy.
type constraint struct {
	min, max int
	chars    func(rune) bool // nil: any
	pattern  string          // chars in words
}

var (
	roleARN       = constraint{min: 20, max: 2048, chars: isARNChar, pattern: `[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+`}
	sessionName   = constraint{min: 2, max: 64, chars: isNameChar, pattern: `[\w+=,.@-]*`}
	externalID    = constraint{min: 2, max: 1224, chars: func(r rune) bool { return isNameChar(r) || r == ':' || r == '/' }, pattern: `[\w+=,.@:\/-]*`}
	serialNumber  = constraint{min: 9, max: 256, chars: func(r rune) bool { return isNameChar(r) || r == ':' || r == '/' }, pattern: `[\w+=/:,.@-]*`}
	tokenCode     = constraint{min: 6, max: 6, chars: func(r rune) bool { return '0' <= r && r <= '9' }, pattern: `[\d]*`}
	sessionPolicy = constraint{min: 1, max: 2048, chars: isARNChar, pattern: `[\u0009\u000A\u000D\u0020-\u00FF]+`}
	webToken      = constraint{min: 4, max: 20000}
	tagKey        = constraint{min: 1, max: 128, chars: isTagChar, pattern: `[\p{L}\p{Z}\p{N}_.:/=+\-@]+`}
	tagValue      = constraint{min: 0, max: 256, chars: isTagChar, pattern: `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`}
)

func (c constraint) fits(s string) bool { return c.broken(s) == "" }

// broken returns the rule that a value does not keep, "" if it keeps all.
func (c constraint) broken(s string) string {
	n := 0
	bad := false
	for _, r := range s {
		n++
		bad = bad || c.chars != nil && !c.chars(r)
	}
	switch {
	case n < c.min:
		return "Member must have length greater than or equal to " + itoa(c.min)
	case n > c.max:
		return "Member must have length less than or equal to " + itoa(c.max)
	case bad:
		return "Member must satisfy regular expression pattern: " + c.pattern
	}
	return ""
}

func isNameChar(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("_+=,.@-", r)
}

func isARNChar(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || ' ' <= r && r <= '~' || r == '\u0085' || r >= '\u00a0' && r != unicode.ReplacementChar
}

func isTagChar(r rune) bool {
	return unicode.In(r, unicode.L, unicode.Z, unicode.N) || strings.ContainsRune("_.:/=+-@", r)
}

// params are the parameters of a request. Each is taken once; what is left in the end does not belong to the action.
type params struct {
	left   map[string]string
	broken []string
}

func newParams(form map[string]string) *params {
	p := &params{left: make(map[string]string, len(form))}
	for k, v := range form {
		if k != "Action" && k != "Version" {
			p.left[k] = v
		}
	}
	return p
}

func (p *params) take(name string) (string, bool) {
	v, ok := p.left[name]
	delete(p.left, name)
	return v, ok
}

// reject notes a rule that a parameter does not keep. The field's name begins in lower case in STS's wording.
func (p *params) reject(value, name, rule string) {
	p.broken = append(p.broken, fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: %s", value, strings.ToLower(name[:1])+name[1:], rule))
}

// text takes a parameter that may be absent.
func (p *params) text(name string, c constraint) string {
	v, ok := p.take(name)
	if ok {
		if rule := c.broken(v); rule != "" {
			shown := "'" + v + "'"
			if name == "TokenCode" || name == "WebIdentityToken" {
				shown = "'***'" // a mistyped code is most of a code
			}
			p.reject(shown, name, rule)
		}
	}
	return v
}

// required takes a parameter that must be there.
func (p *params) required(name string, c constraint) string {
	if _, ok := p.left[name]; !ok {
		p.reject("null", name, "Member must not be null")
	}
	return p.text(name, c)
}

// seconds takes DurationSeconds, 0 if it is absent.
func (p *params) seconds(min, max int) int {
	const name = "DurationSeconds"
	v, ok := p.take(name)
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(v)
	switch {
	case err != nil:
		p.reject("'"+v+"'", name, "Member must be an integer")
	case n < min:
		p.reject("'"+v+"'", name, "Member must have value greater than or equal to "+itoa(min))
	case n > max:
		p.reject("'"+v+"'", name, "Member must have value less than or equal to "+itoa(max))
	}
	return n
}

// list takes NAME.member.1, NAME.member.2, ... with the suffix of each. An empty list comes as an empty NAME.
func (p *params) list(name, suffix string, max int, c constraint) []string {
	if v, ok := p.left[name]; ok && v == "" {
		delete(p.left, name)
	}
	var out []string
	for i := 1; ; i++ {
		k := name + ".member." + itoa(i) + suffix
		if _, ok := p.left[k]; !ok {
			break
		}
		out = append(out, p.text(k, c))
	}
	if len(out) > max {
		p.reject("'["+name+"]'", name, "Member must have length less than or equal to "+itoa(max))
	}
	return out
}

// err reports what is wrong with the parameters taken, and those that nobody took.
func (p *params) err() *apiError {
	if n := len(p.broken); n > 0 {
		errors := "errors"
		if n == 1 {
			errors = "error"
		}
		return invalid(fmt.Sprintf("%d validation %s detected: %s", n, errors, strings.Join(p.broken, "; ")))
	}
	if len(p.left) > 0 {
		var names []string
		for k := range p.left {
			names = append(names, k)
		}
		sort.Strings(names)
		return invalid("parameters that the action does not have: " + strings.Join(names, ", "))
	}
	return nil
}

func invalid(message string) *apiError {
	return fail(http.StatusBadRequest, "ValidationError", message)
}
