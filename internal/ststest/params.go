package ststest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// constraint is what a text parameter must satisfy. Limits, patterns and messages are those of
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html and its neighbors.
type constraint struct {
	min, max int
	allowed  func(rune) bool // nil allows all
	pattern  string          // allowed in STS's words
}

var (
	roleARN = constraint{20, 2048, isARNChar,
		`[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+`}
	sessionName   = constraint{2, 64, isNameChar, `[\w+=,.@-]*`}
	externalID    = constraint{2, 1224, isPathChar, `[\w+=,.@:\/-]*`}
	serialNumber  = constraint{9, 256, isPathChar, `[\w+=/:,.@-]*`}
	tokenCode     = constraint{6, 6, isDigit, `[\d]*`}
	sessionPolicy = constraint{1, 2048, isARNChar, `[\u0009\u000A\u000D\u0020-\u00FF]+`}
	webToken      = constraint{4, 20000, nil, ""}
	tagKey        = constraint{1, 128, isTagChar, `[\p{L}\p{Z}\p{N}_.:/=+\-@]+`}
	tagValue      = constraint{0, 256, isTagChar, `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`}
)

func isDigit(r rune) bool { return '0' <= r && r <= '9' }

func isNameChar(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || isDigit(r) ||
		strings.ContainsRune("_+=,.@-", r)
}

func isPathChar(r rune) bool { return isNameChar(r) || r == ':' || r == '/' }

func isARNChar(r rune) bool {
	return strings.ContainsRune("\t\n\r\u0085", r) || ' ' <= r && r <= '~' ||
		r >= '\u00a0' && r != unicode.ReplacementChar
}

func isTagChar(r rune) bool {
	return unicode.In(r, unicode.L, unicode.Z, unicode.N) || strings.ContainsRune("_.:/=+-@", r)
}

// violation returns the rule that a value violates, "" if there is none.
func (c constraint) violation(s string) string {
	n := len([]rune(s))
	switch {
	case n < c.min:
		return fmt.Sprintf("Member must have length greater than or equal to %d", c.min)
	case n > c.max:
		return fmt.Sprintf("Member must have length less than or equal to %d", c.max)
	case c.allowed != nil && strings.ContainsFunc(s, func(r rune) bool { return !c.allowed(r) }):
		return "Member must satisfy regular expression pattern: " + c.pattern
	}
	return ""
}

// params are the parameters of a request. An action takes each of its parameters once; those that
// remain do not belong to it.
type params struct {
	remaining  map[string]string
	violations []string
}

func newParams(form map[string]string) *params {
	p := &params{remaining: maps.Clone(form)}
	delete(p.remaining, "Action")
	delete(p.remaining, "Version")
	return p
}

// reject records a rule that a parameter violates.
func (p *params) reject(value, name, rule string) {
	name = strings.ToLower(name[:1]) + name[1:] // as in STS's messages
	p.violations = append(p.violations,
		fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: %s", value, name, rule))
}

// text takes an optional parameter.
func (p *params) text(name string, c constraint) string {
	v, ok := p.remaining[name]
	delete(p.remaining, name)
	if !ok {
		return ""
	}
	if rule := c.violation(v); rule != "" {
		shown := v
		if name == "TokenCode" || name == "WebIdentityToken" {
			shown = "***"
		}
		p.reject("'"+shown+"'", name, rule)
	}
	return v
}

// required takes a required parameter.
func (p *params) required(name string, c constraint) string {
	if _, ok := p.remaining[name]; !ok {
		p.reject("null", name, "Member must not be null")
	}
	return p.text(name, c)
}

// seconds takes DurationSeconds. It returns 0 if there is none.
func (p *params) seconds(least, most int) time.Duration {
	const name = "DurationSeconds"
	v, ok := p.remaining[name]
	delete(p.remaining, name)
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(v)
	switch {
	case err != nil:
		p.reject("'"+v+"'", name, "Member must be an integer")
	case n < least:
		p.reject("'"+v+"'", name,
			fmt.Sprintf("Member must have value greater than or equal to %d", least))
	case n > most:
		p.reject("'"+v+"'", name,
			fmt.Sprintf("Member must have value less than or equal to %d", most))
	}
	return time.Duration(n) * time.Second
}

// list takes NAME.member.1SUFFIX, NAME.member.2SUFFIX and so on. An empty list is sent as an
// empty NAME.
func (p *params) list(name, suffix string, most int, c constraint) []string {
	if v, ok := p.remaining[name]; ok && v == "" {
		delete(p.remaining, name)
	}
	var out []string
	for {
		k := fmt.Sprintf("%s.member.%d%s", name, len(out)+1, suffix)
		if _, ok := p.remaining[k]; !ok {
			break
		}
		out = append(out, p.text(k, c))
	}
	if len(out) > most {
		p.reject("'["+name+"]'", name,
			fmt.Sprintf("Member must have length less than or equal to %d", most))
	}
	return out
}

// err returns an error if a parameter violates a rule or does not belong to the action.
func (p *params) err() *apiError {
	if n := len(p.violations); n > 0 {
		noun := "errors"
		if n == 1 {
			noun = "error"
		}
		return invalid(fmt.Sprintf("%d validation %s detected: %s",
			n, noun, strings.Join(p.violations, "; ")))
	}
	if len(p.remaining) > 0 {
		names := slices.Sorted(maps.Keys(p.remaining))
		return invalid("parameters that the action does not have: " + strings.Join(names, ", "))
	}
	return nil
}
