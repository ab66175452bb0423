package ststest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Condition operators and keys, see reference_policies_elements_condition_operators.html,
// reference_policies_condition-keys.html and reference_policies_variables.html in
// https://docs.aws.amazon.com/IAM/latest/UserGuide/.

// condition is one operator with one key.
type condition struct {
	test     func(pattern glyphs, value string) bool
	negated  bool
	null     bool
	ifExists bool
	set      string // "ForAllValues", "ForAnyValue" or ""
	key      string // lower case
	values   []pattern
}

type keyType int

const (
	unknownKey keyType = iota
	stringKey
	boolKey
	numberKey
	arnKey
	listKey // holds several values: needs ForAllValues or ForAnyValue
)

// typeOfKey knows the condition keys (in lower case) that requests to STS can have. Keys of an OpenID Connect
// provider are known where the statement names that provider.
func typeOfKey(key string, principals []principal) keyType {
	switch key {
	case "sts:externalid", "sts:rolesessionname", "sts:sourceidentity", "aws:sourceidentity", "aws:username", "aws:userid",
		"aws:principaltype", "aws:principalaccount", "aws:requestedregion":
		return stringKey
	case "aws:multifactorauthpresent":
		return boolKey
	case "aws:multifactorauthage":
		return numberKey
	case "aws:principalarn":
		return arnKey
	case "aws:tagkeys", "sts:transitivetagkeys":
		return listKey
	}
	for _, prefix := range []string{"aws:requesttag/", "aws:principaltag/", "aws:resourcetag/"} {
		if tag, ok := strings.CutPrefix(key, prefix); ok && tag != "" {
			return stringKey
		}
	}
	for _, p := range principals {
		if p.kind != "Federated" {
			continue
		}
		_, provider, _ := strings.Cut(p.value, ":oidc-provider/")
		if claim, ok := strings.CutPrefix(key, strings.ToLower(provider)+":"); ok && (claim == "aud" || claim == "sub") {
			return stringKey
		}
	}
	return unknownKey
}

// parseConditions reads {operator: {key: value or values}}.
func parseConditions(raw json.RawMessage, principals []principal, variables bool) ([]condition, error) {
	operators, err := members(raw)
	if err != nil {
		return nil, err
	}
	var out []condition
	for _, op := range operators {
		keys, err := members(op.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", op.name, err)
		}
		if len(keys) == 0 {
			return nil, fmt.Errorf("%s is empty", op.name)
		}
		for _, k := range keys {
			c, err := parseCondition(op.name, k.name, k.value, principals, variables)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", op.name, k.name, err)
			}
			out = append(out, c)
		}
	}
	return out, nil
}

func parseCondition(op, key string, raw json.RawMessage, principals []principal, variables bool) (condition, error) {
	c := condition{key: strings.ToLower(key)}
	name := op
	if set, rest, ok := strings.Cut(op, ":"); ok {
		if set != "ForAllValues" && set != "ForAnyValue" {
			return c, errors.New("unknown operator")
		}
		c.set, name = set, rest
	}
	name, c.ifExists = strings.CutSuffix(name, "IfExists")

	typ := typeOfKey(c.key, principals)
	if typ == unknownKey {
		return c, errors.New("condition key that this server cannot evaluate")
	}
	values, err := scalars(raw)
	if err != nil {
		return c, err
	}
	if name == "Null" {
		if c.ifExists || c.set != "" {
			return c, errors.New("unknown operator")
		}
		c.null = true
		c.values = plain(values)
		return c, each(values, isBool)
	}
	if (typ == listKey) != (c.set != "") {
		return c, errors.New("ForAllValues and ForAnyValue go with the keys of several values, and with these only")
	}

	wild := false
	positive := name
	for _, family := range []string{"String", "Arn", "Numeric"} {
		if rest, ok := strings.CutPrefix(name, family+"Not"); ok {
			positive, c.negated = family+rest, true
		}
	}
	switch positive {
	case "StringEquals":
		c.test = func(p glyphs, v string) bool { return p.text() == v }
	case "StringEqualsIgnoreCase":
		c.test = func(p glyphs, v string) bool { return strings.EqualFold(p.text(), v) }
	case "StringLike":
		wild = true
		c.test = func(p glyphs, v string) bool { return glob(p, []rune(v)) }
	case "ArnEquals", "ArnLike": // the two behave the same
		wild = true
		c.test = globARN
		if typ != arnKey {
			return c, errors.New("operator for ARNs with a key that holds none")
		}
		if err := each(values, func(v string) error {
			if strings.Count(v, ":") < 5 || !strings.HasPrefix(v, "arn:") {
				return fmt.Errorf("%q is not an ARN", v)
			}
			return nil
		}); err != nil {
			return c, err
		}
	case "Bool":
		if typ != boolKey {
			return c, errors.New("operator for booleans with a key that is none")
		}
		c.test = func(p glyphs, v string) bool { return strings.EqualFold(p.text(), v) }
		c.values = plain(values)
		return c, each(values, isBool)
	case "NumericEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals":
		if c.negated && positive != "NumericEquals" {
			return c, errors.New("unknown operator")
		}
		if typ != numberKey {
			return c, errors.New("operator for numbers with a key that is none")
		}
		c.test = func(p glyphs, v string) bool { return compare(positive, v, p.text()) }
		c.values = plain(values)
		return c, each(values, func(v string) error {
			if _, err := strconv.ParseFloat(v, 64); err != nil {
				return fmt.Errorf("%q is not a number", v)
			}
			return nil
		})
	default:
		return c, errors.New("unknown operator")
	}
	if typ == numberKey {
		return c, errors.New("operator for strings with a key that is a number")
	}
	for _, v := range values {
		p := pattern{text: v, wild: wild, variables: variables}
		if err := p.check(principals); err != nil {
			return c, err
		}
		c.values = append(c.values, p)
	}
	return c, nil
}

// holds evaluates a condition.
func (c *condition) holds(ctx conditionContext) bool {
	got, present := ctx[c.key]
	if c.null {
		return slices.ContainsFunc(c.values, func(p pattern) bool { return strings.EqualFold(p.text, strconv.FormatBool(!present)) })
	}
	var want []glyphs
	for _, p := range c.values {
		g, ok := p.expand(ctx)
		if !ok {
			return false // a variable without a value: nothing is compared with it
		}
		want = append(want, g)
	}
	one := func(v string) bool {
		return slices.ContainsFunc(want, func(p glyphs) bool { return c.test(p, v) }) != c.negated
	}
	switch {
	case c.set == "ForAllValues":
		return !slices.ContainsFunc(got, func(v string) bool { return !one(v) })
	case !present:
		return c.ifExists || c.negated && c.set == ""
	case c.set == "ForAnyValue":
		return slices.ContainsFunc(got, one)
	}
	return one(got[0])
}

// compare puts the request's value first, as the operators' names do.
func compare(op, got, want string) bool {
	// Both have been checked: want on parsing, got is a number of ours.
	g, gErr := strconv.ParseFloat(got, 64)
	w, wErr := strconv.ParseFloat(want, 64)
	if gErr != nil || wErr != nil {
		return false
	}
	switch op {
	case "NumericEquals":
		return g == w
	case "NumericLessThan":
		return g < w
	case "NumericLessThanEquals":
		return g <= w
	case "NumericGreaterThan":
		return g > w
	default:
		return g >= w
	}
}

// scalars returns the value or values of a condition key: strings, or booleans and numbers as text.
func scalars(raw json.RawMessage) ([]string, error) {
	list := []json.RawMessage{raw}
	if raw[0] == '[' {
		list = nil
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, err
		}
	}
	if len(list) == 0 {
		return nil, errors.New("no value")
	}
	var out []string
	for _, r := range list {
		switch c := r[0]; {
		case c == '"':
			var s string
			if err := json.Unmarshal(r, &s); err != nil {
				return nil, err
			}
			out = append(out, s)
		case c == 't', c == 'f', c == '-', '0' <= c && c <= '9':
			out = append(out, string(r))
		default:
			return nil, fmt.Errorf("%s is no value for a condition", r)
		}
	}
	return out, nil
}

func plain(values []string) []pattern {
	var out []pattern
	for _, v := range values {
		out = append(out, pattern{text: v})
	}
	return out
}

func each(values []string, check func(string) error) error {
	for _, v := range values {
		if err := check(v); err != nil {
			return err
		}
	}
	return nil
}

func isBool(v string) error {
	if !strings.EqualFold(v, "true") && !strings.EqualFold(v, "false") {
		return fmt.Errorf("%q is neither true nor false", v)
	}
	return nil
}

// pattern is a value in a policy, with or without wildcards and ${variables}.
type pattern struct {
	text      string
	wild      bool
	variables bool
}

// glyph is a character of an expanded pattern; a wild one is * or ? with its meaning.
type glyph struct {
	r    rune
	wild bool
}

type glyphs []glyph

func (g glyphs) text() string {
	var b strings.Builder
	for _, x := range g {
		b.WriteRune(x.r)
	}
	return b.String()
}

// check refuses variables that cannot be evaluated.
func (p pattern) check(principals []principal) error {
	_, err := p.walk(func(name string) (string, bool, error) {
		switch typeOfKey(strings.ToLower(name), principals) {
		case unknownKey:
			return "", false, fmt.Errorf("policy variable ${%s} that this server cannot evaluate", name)
		case listKey:
			return "", false, fmt.Errorf("policy variable ${%s} has several values", name)
		}
		return "", true, nil
	})
	return err
}

// expand puts the values of the request in place of the variables, where their wildcards mean nothing. It reports
// false where a variable has neither a value nor a default.
func (p pattern) expand(ctx conditionContext) (glyphs, bool) {
	g, err := p.walk(func(name string) (string, bool, error) {
		v, ok := ctx[strings.ToLower(name)]
		if !ok {
			return "", false, nil
		}
		return v[0], true, nil
	})
	return g, err == nil
}

// walk expands a pattern, asking for the value of each variable.
func (p pattern) walk(value func(name string) (v string, ok bool, err error)) (glyphs, error) {
	var out glyphs
	add := func(s string, wild bool) {
		for _, r := range s {
			out = append(out, glyph{r, wild && (r == '*' || r == '?')})
		}
	}
	text := p.text
	for p.variables {
		before, rest, ok := strings.Cut(text, "${")
		if !ok {
			break
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok {
			return nil, errors.New("policy variable without its closing brace")
		}
		add(before, p.wild)
		text = after
		switch name {
		case "*", "?", "$":
			add(name, false)
			continue
		}
		name, def, hasDefault := strings.Cut(name, ",")
		def = strings.TrimSpace(def)
		if hasDefault && (len(def) < 2 || def[0] != '\'' || def[len(def)-1] != '\'') {
			return nil, errors.New("default of a policy variable without its quotes")
		}
		v, ok, err := value(strings.TrimSpace(name))
		switch {
		case err != nil:
			return nil, err
		case ok:
			add(v, false)
		case hasDefault:
			add(def[1:len(def)-1], false)
		default:
			return nil, errors.New("policy variable without a value")
		}
	}
	add(text, p.wild)
	return out, nil
}

// glob matches a whole text; * stands for any run of characters, ? for one. Its time is the product of the lengths.
func glob(p glyphs, s []rune) bool {
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == glyph{'*', true}:
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == glyph{'?', true} || p[i] == glyph{s[j], false}):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == (glyph{'*', true}) {
		i++
	}
	return i == len(p)
}

// globARN matches the six parts of an ARN one by one: a wildcard ends at its colon.
func globARN(p glyphs, v string) bool {
	parts := strings.SplitN(v, ":", 6)
	if len(parts) != 6 {
		return false
	}
	for i, part := range parts {
		end := len(p)
		if i < 5 {
			if end = slices.Index(p, glyph{':', false}); end < 0 {
				return false
			}
		}
		if !glob(p[:end], []rune(part)) {
			return false
		}
		p = p[min(end+1, len(p)):]
	}
	return true
}
