package ststest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// policy is one or more documents. It allows what any of its statements allows.
type policy []Statement

// parsePolicies parses identity policies.
func parsePolicies(documents []string) (policy, error) {
	all := policy{}
	for _, d := range documents {
		p, err := parsePolicy(d)
		if err != nil {
			return nil, err
		}
		all = append(all, p...)
	}
	return all, nil
}

// parsePolicy parses an identity policy or a session policy.
func parsePolicy(document string) (policy, error) {
	p, err := parseStatements(document)
	if err != nil {
		return nil, err
	}
	for _, st := range p {
		if st.Principal != nil || len(st.Resource) == 0 {
			return nil, errors.New("an identity policy needs a Resource and no Principal")
		}
	}
	return p, nil
}

// parseTrustPolicy parses the trust policy of a role.
func parseTrustPolicy(document string) (policy, error) {
	p, err := parseStatements(document)
	if err != nil {
		return nil, err
	}
	for _, st := range p {
		if st.Resource != nil || len(st.Principal) == 0 {
			return nil, errors.New("a trust policy needs a Principal and no Resource")
		}
		if err := st.Principal.normalize(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func parseStatements(document string) (policy, error) {
	var top struct {
		Version   string
		Statement json.RawMessage
	}
	if err := decode([]byte(document), &top); err != nil {
		return nil, err
	}
	if top.Version != "" && top.Version != "2012-10-17" {
		return nil, errors.New("the Version must be 2012-10-17")
	}
	if len(top.Statement) == 0 {
		return nil, errors.New("no Statement")
	}
	statements, err := oneOrMore[Statement](top.Statement)
	if err != nil {
		return nil, err
	}
	if len(statements) == 0 {
		return nil, errors.New("no Statement")
	}
	for _, st := range statements {
		if err := st.check(); err != nil {
			return nil, err
		}
	}
	return statements, nil
}

// check refuses what the server cannot evaluate.
func (st *Statement) check() error {
	if st.Effect != "Allow" {
		return fmt.Errorf("the Effect must be Allow, not %q", st.Effect)
	}
	if len(st.Action) == 0 {
		return errors.New("no Action")
	}
	for _, a := range st.Action {
		if service, name, _ := strings.Cut(a, ":"); a != "*" && (service == "" || name == "") {
			return fmt.Errorf("%q is not an action", a)
		}
	}
	for _, r := range st.Resource {
		if !isARN(r) && r != "*" {
			return fmt.Errorf("%q is not an ARN or *", r)
		}
	}
	if i := slices.IndexFunc(slices.Concat(st.Action, st.Resource), func(pattern string) bool {
		return strings.ContainsAny(pattern, "?$")
	}); i >= 0 {
		return errors.New("the only supported wildcard is *")
	}
	for operator, keys := range st.Condition {
		for key, values := range keys {
			if err := checkCondition(operator, key, values); err != nil {
				return err
			}
		}
	}
	return nil
}

// normalize checks the principals and replaces the ARN of an account by the account ID.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
func (p Principal) normalize() error {
	for kind, list := range p {
		if kind != "AWS" && kind != "Federated" || len(list) == 0 {
			return fmt.Errorf("unsupported Principal %q", kind)
		}
		for i, v := range list {
			if account, ok := rootAccount(v); ok {
				list[i] = account
				continue
			}
			exact := isAccount(v) || isARN(v) && !strings.ContainsAny(v, "*?")
			if v != "*" && !exact {
				return fmt.Errorf("the Principal %q is not an exact ARN, an account ID or *", v)
			}
		}
	}
	return nil
}

// rootAccount returns the account of arn:aws:iam::ACCOUNT:root.
func rootAccount(v string) (account string, ok bool) {
	parts := strings.Split(v, ":")
	if len(parts) != 6 || parts[5] != "root" {
		return "", false
	}
	return parts[4], true
}

func isARN(s string) bool { return strings.HasPrefix(s, "arn:") && strings.Count(s, ":") >= 5 }

// access is one action of a principal on a resource.
type access struct {
	action, resource string
	principals       Principal         // all forms in which a trust policy may name the caller
	context          map[string]string // condition keys
}

// allows reports whether a statement of the policy allows the access.
func (p policy) allows(a *access) bool {
	return slices.ContainsFunc(p, func(st Statement) bool { return st.allows(a) })
}

func (st *Statement) allows(a *access) bool {
	matches := func(value string) func(string) bool {
		return func(pattern string) bool { return glob(pattern, value) }
	}
	if st.Principal != nil && !st.Principal.includes(a.principals) {
		return false
	}
	if !slices.ContainsFunc(st.Action, matches(a.action)) {
		return false
	}
	if st.Resource != nil && !slices.ContainsFunc(st.Resource, matches(a.resource)) {
		return false
	}
	for _, keys := range st.Condition {
		for key, values := range keys {
			if !holds(key, values, a.context) {
				return false
			}
		}
	}
	return true
}

// includes reports whether p names the caller.
func (p Principal) includes(caller Principal) bool {
	for kind, names := range caller {
		for _, v := range p[kind] {
			if v == "*" || slices.Contains(names, v) {
				return true
			}
		}
	}
	return false
}

// Condition keys, see
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
const (
	keyExternalID = "sts:ExternalId"
	keyMFAPresent = "aws:MultiFactorAuthPresent"
	keyMFAAge     = "aws:MultiFactorAuthAge"
)

// checkCondition refuses conditions that [holds] does not evaluate.
func checkCondition(operator, key string, values []string) error {
	switch [2]string{operator, key} {
	case [2]string{"StringEquals", keyExternalID}, [2]string{"Bool", keyMFAPresent}:
	case [2]string{"NumericLessThan", keyMFAAge}:
		for _, v := range values {
			if _, err := strconv.Atoi(v); err != nil {
				return fmt.Errorf("%s: %q is not an integer", key, v)
			}
		}
	default:
		return fmt.Errorf("unsupported condition %s %s", operator, key)
	}
	if len(values) == 0 {
		return fmt.Errorf("condition %s %s has no value", operator, key)
	}
	return nil
}

// holds reports whether a condition is met. The key determines the operator.
func holds(key string, values []string, context map[string]string) bool {
	got, ok := context[key]
	return ok && slices.ContainsFunc(values, func(want string) bool {
		if key != keyMFAAge {
			return got == want
		}
		g, gErr := strconv.Atoi(got)
		w, wErr := strconv.Atoi(want)
		return gErr == nil && wErr == nil && g < w
	})
}

// glob matches a value against a pattern, in which * matches any characters.
func glob(pattern, value string) bool {
	prefix, rest, wild := strings.Cut(pattern, "*")
	value, ok := strings.CutPrefix(value, prefix)
	if !ok || !wild {
		return ok && value == ""
	}
	for i := range len(value) + 1 {
		if glob(rest, value[i:]) {
			return true
		}
	}
	return false
}
