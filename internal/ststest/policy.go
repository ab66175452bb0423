package ststest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The grammar is that of https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html, the
// order of deciding that of reference_policies_evaluation-logic.html there. What is not evaluated is refused.

// maxPolicy bounds a document; IAM's largest quota is 10,240 characters.
const maxPolicy = 20480

type policyKind int

const (
	identityPolicy policyKind = iota // of a user, a role, a session: has Resource
	trustPolicy                      // of a role: has Principal
)

type document struct{ statements []statement }

type statement struct {
	deny       bool
	principals []principal // of a trust policy
	actions    patterns
	resources  patterns // of an identity policy
	conditions []condition
}

// patterns is the value of Action, NotAction, Resource or NotResource.
type patterns struct {
	not    bool
	values []pattern
}

type principal struct{ kind, value string } // kind is AWS, Federated or Service

// conditionContext holds the condition keys of a request, in lower case.
type conditionContext map[string][]string

func (ctx conditionContext) setMFA(age time.Duration) {
	ctx["aws:multifactorauthpresent"] = []string{"true"}
	ctx["aws:multifactorauthage"] = []string{strconv.FormatInt(int64(age/time.Second), 10)}
}

// access is one action on one resource by one principal.
type access struct {
	action, resource string
	principals       []principal // every form in which a trust policy may name the caller
	context          conditionContext
}

func parseAll(policies []string) ([]*document, error) {
	docs := make([]*document, 0, len(policies))
	for _, p := range policies {
		d, err := parsePolicy(p, identityPolicy)
		if err != nil {
			return nil, err
		}
		docs = append(docs, d)
	}
	return docs, nil
}

// allowed reports whether a set of documents allows something: some statement does, and none denies it.
func allowed(docs []*document, a *access) bool {
	ok := false
	for _, d := range docs {
		for i := range d.statements {
			st := &d.statements[i]
			if !st.matches(a) {
				continue
			}
			if st.deny {
				return false
			}
			ok = true
		}
	}
	return ok
}

func (st *statement) matches(a *access) bool {
	if len(st.principals) > 0 && !slices.ContainsFunc(st.principals, func(p principal) bool {
		return p == anyone || slices.Contains(a.principals, p)
	}) {
		return false
	}
	if !st.actions.match(strings.ToLower(a.action), nil) {
		return false
	}
	if len(st.resources.values) > 0 && !st.resources.match(a.resource, a.context) {
		return false
	}
	for i := range st.conditions {
		if !st.conditions[i].holds(a.context) {
			return false
		}
	}
	return true
}

func (p patterns) match(s string, ctx conditionContext) bool {
	for _, v := range p.values {
		if g, ok := v.expand(ctx); ok && glob(g, []rune(s)) {
			return !p.not
		}
	}
	return p.not
}

var anyone = principal{"AWS", "*"}

// parsePolicy reads a document. Its errors say what is wrong and where, and are meant for the author of a test.
func parsePolicy(text string, kind policyKind) (*document, error) {
	if len(text) > maxPolicy {
		return nil, fmt.Errorf("policy is longer than %d bytes", maxPolicy)
	}
	dec := json.NewDecoder(strings.NewReader(text))
	var raw json.RawMessage
	if err := dec.Decode(&raw); err != nil {
		return nil, fmt.Errorf("policy is not JSON: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("policy is followed by something else")
	}
	top, err := members(raw)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	var statements []json.RawMessage
	variables := false
	for _, m := range top {
		switch m.name {
		case "Version":
			var v string
			if err := json.Unmarshal(m.value, &v); err != nil || v != "2012-10-17" && v != "2008-10-17" {
				return nil, errors.New("policy: Version must be 2012-10-17 or 2008-10-17")
			}
			variables = v == "2012-10-17" // in the older version ${...} is plain text
		case "Id":
			var v string
			if err := json.Unmarshal(m.value, &v); err != nil {
				return nil, errors.New("policy: Id must be a string")
			}
		case "Statement":
			if m.value[0] != '[' {
				statements = []json.RawMessage{m.value}
			} else if err := json.Unmarshal(m.value, &statements); err != nil {
				return nil, fmt.Errorf("policy: Statement: %w", err)
			}
		default:
			return nil, fmt.Errorf("policy: unknown element %q", m.name)
		}
	}
	if len(statements) == 0 {
		return nil, errors.New("policy has no Statement")
	}
	d := &document{}
	sids := make(map[string]bool)
	for i, raw := range statements {
		st, sid, err := parseStatement(raw, kind, variables)
		if err == nil && sid != "" && sids[sid] {
			err = fmt.Errorf("the Sid %q is used twice", sid)
		}
		if err != nil {
			return nil, fmt.Errorf("policy: statement %d: %w", i+1, err)
		}
		sids[sid] = true
		d.statements = append(d.statements, st)
	}
	return d, nil
}

func parseStatement(raw json.RawMessage, kind policyKind, variables bool) (st statement, sid string, err error) {
	fields, err := members(raw)
	if err != nil {
		return st, "", err
	}
	var conditions json.RawMessage
	effect := ""
	for _, m := range fields {
		switch {
		case m.name == "Sid":
			if err := json.Unmarshal(m.value, &sid); err != nil || !alphanumeric(sid) {
				return st, "", errors.New("the Sid must be a string of letters and digits")
			}
		case m.name == "Effect":
			if err := json.Unmarshal(m.value, &effect); err != nil {
				return st, "", errors.New("the Effect must be a string")
			}
		case m.name == "Action" || m.name == "NotAction":
			if st.actions.values != nil {
				return st, "", errors.New("both Action and NotAction")
			}
			st.actions.not = m.name == "NotAction"
			if st.actions.values, err = parseActions(m.value, kind); err != nil {
				return st, "", fmt.Errorf("%s: %w", m.name, err)
			}
		case (m.name == "Resource" || m.name == "NotResource") && kind == identityPolicy:
			if st.resources.values != nil {
				return st, "", errors.New("both Resource and NotResource")
			}
			st.resources.not = m.name == "NotResource"
			if st.resources.values, err = parseResources(m.value, variables); err != nil {
				return st, "", fmt.Errorf("%s: %w", m.name, err)
			}
		case m.name == "Principal" && kind == trustPolicy:
			if st.principals, err = parsePrincipals(m.value); err != nil {
				return st, "", fmt.Errorf("the Principal: %w", err)
			}
		case m.name == "Condition":
			conditions = m.value // read last: its keys depend on the principals
		default:
			return st, "", fmt.Errorf("element %q has no place here", m.name)
		}
	}
	switch {
	case effect != "Allow" && effect != "Deny":
		return st, "", errors.New(`the Effect must be "Allow" or "Deny"`)
	case st.actions.values == nil:
		return st, "", errors.New("no Action")
	case kind == identityPolicy && st.resources.values == nil:
		return st, "", errors.New("no Resource")
	case kind == trustPolicy && st.principals == nil:
		return st, "", errors.New("no Principal")
	}
	st.deny = effect == "Deny"
	if conditions != nil {
		if st.conditions, err = parseConditions(conditions, st.principals, variables); err != nil {
			return st, "", fmt.Errorf("Condition: %w", err)
		}
	}
	return st, sid, nil
}

func parseActions(raw json.RawMessage, kind policyKind) ([]pattern, error) {
	list, err := stringOrList(raw)
	if err != nil {
		return nil, err
	}
	var out []pattern
	for _, a := range list {
		service, name, ok := strings.Cut(a, ":")
		switch {
		case kind == trustPolicy && (!ok || !strings.EqualFold(service, "sts") || name == ""):
			return nil, fmt.Errorf("%q: a trust policy may only specify STS actions", a)
		case a != "*" && (!ok || service == "" || name == "" || strings.ContainsAny(a, " ${}")):
			return nil, fmt.Errorf("%q is not an action", a)
		}
		out = append(out, pattern{text: strings.ToLower(a), wild: true})
	}
	return out, nil
}

func parseResources(raw json.RawMessage, variables bool) ([]pattern, error) {
	list, err := stringOrList(raw)
	if err != nil {
		return nil, err
	}
	var out []pattern
	for _, r := range list {
		if r != "*" && (!strings.HasPrefix(r, "arn:") || strings.Count(r, ":") < 5) {
			return nil, fmt.Errorf("%q is neither an ARN nor *", r)
		}
		p := pattern{text: r, wild: true, variables: variables}
		if err := p.check(nil); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// parsePrincipals brings an account's two forms (its number, its root ARN) into one.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
func parsePrincipals(raw json.RawMessage) ([]principal, error) {
	if bytes.Equal(raw, []byte(`"*"`)) {
		return []principal{anyone}, nil
	}
	fields, err := members(raw)
	if err != nil {
		return nil, fmt.Errorf(`must be "*" or an object: %w`, err)
	}
	var out []principal
	for _, m := range fields {
		list, err := stringOrList(m.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		for _, v := range list {
			p := principal{m.name, v}
			switch m.name {
			case "AWS":
				if p.value, err = awsPrincipal(v); err != nil {
					return nil, err
				}
			case "Federated":
				if a, err := parseARN(v); err != nil || a.service != "iam" || a.kind() != "oidc-provider" {
					return nil, fmt.Errorf("%q is not the ARN of an OpenID Connect provider", v)
				}
			case "Service":
				if !strings.HasSuffix(v, ".amazonaws.com") && !strings.HasSuffix(v, ".amazonaws.com.cn") {
					return nil, fmt.Errorf("%q is not a service", v)
				}
			default:
				return nil, fmt.Errorf("unknown kind %q", m.name)
			}
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("is empty")
	}
	return out, nil
}

// awsPrincipal returns an account as its 12 digits, and all else as it is.
func awsPrincipal(v string) (string, error) {
	if v == "*" || isAccount(v) {
		return v, nil
	}
	a, err := parseARN(v)
	if err != nil || !isAccount(a.account) || a.region != "" || strings.ContainsAny(v, "*?") {
		return "", fmt.Errorf("%q is neither an exact ARN, an account nor *", v)
	}
	parts := strings.Split(a.resource, "/")
	switch {
	case a.service == "iam" && a.resource == "root":
		return a.account, nil
	case a.service == "iam" && (parts[0] == "user" || parts[0] == "role") && len(parts) >= 2 && a.name() != "":
		return v, nil
	case a.service == "sts" && parts[0] == "assumed-role" && len(parts) == 3 && parts[1] != "" && parts[2] != "":
		return v, nil
	}
	return "", fmt.Errorf("%q is the ARN of no user, role, role session or account", v)
}

// member is one name and value of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

// members returns those of a JSON object in their order. A name that comes twice is an error, as it is in IAM.
func members(raw json.RawMessage) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	t, err := dec.Token()
	if err != nil {
		return nil, err
	}
	if t != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	var out []member
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		m := member{name: t.(string)} // a key is nothing else
		if err := dec.Decode(&m.value); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(out, func(o member) bool { return o.name == m.name }) {
			return nil, fmt.Errorf("%q comes twice", m.name)
		}
		out = append(out, m)
	}
	return out, nil
}

// stringOrList returns a JSON string, or a list of them that is not empty.
func stringOrList(raw json.RawMessage) ([]string, error) {
	var one string
	if raw[0] == '"' {
		if err := json.Unmarshal(raw, &one); err != nil {
			return nil, err
		}
		if one == "" {
			return nil, errors.New("is empty")
		}
		return []string{one}, nil
	}
	var list []*string // pointers: a null would pass for ""
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, errors.New("must be a string or a list of strings")
	}
	if len(list) == 0 {
		return nil, errors.New("is empty")
	}
	var out []string
	for _, s := range list {
		if s == nil || *s == "" {
			return nil, errors.New("holds an empty value")
		}
		out = append(out, *s)
	}
	return out, nil
}

func alphanumeric(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9')
	}) < 0
}
