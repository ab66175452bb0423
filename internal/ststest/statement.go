package ststest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
)

// Statement is a statement of a policy. The supported subset of
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html is: Effect
// Allow; * as the only wildcard; principals AWS and Federated; and the conditions StringEquals
// sts:ExternalId, Bool aws:MultiFactorAuthPresent and NumericLessThan aws:MultiFactorAuthAge.
type Statement struct {
	Sid       string    `json:",omitempty"`
	Effect    string    // "" means "Allow" in [Document]
	Principal Principal `json:",omitempty"`
	Action    List
	Resource  List `json:",omitempty"`
	// Condition has the values by operator and key.
	Condition map[string]map[string]List `json:",omitempty"`
}

// Principal is the value of a Principal element: principals by type.
type Principal map[string]List

// UnmarshalJSON accepts "*" too.
func (p *Principal) UnmarshalJSON(b []byte) error {
	if string(b) == `"*"` {
		*p = Principal{"AWS": {"*"}}
		return nil
	}
	return decode(b, (*map[string]List)(p))
}

// List is a list of strings. In JSON it may be a single string.
type List []string

// UnmarshalJSON accepts a string or a list of strings.
func (l *List) UnmarshalJSON(b []byte) error {
	list, err := oneOrMore[string](b)
	*l = list
	return err
}

// oneOrMore decodes a value or a list of values.
func oneOrMore[T any](b []byte) (list []T, err error) {
	if b[0] == '[' {
		err = decode(b, &list)
		return list, err
	}
	var one T
	err = decode(b, &one)
	return []T{one}, err
}

// decode decodes one JSON value and refuses unknown fields.
func decode(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("data after the JSON value")
	}
	return nil
}

// Document returns the JSON of a policy.
func Document(statements ...Statement) string {
	list := slices.Clone(statements)
	for i := range list {
		if list[i].Effect == "" {
			list[i].Effect = "Allow"
		}
	}
	// Marshalling strings cannot fail.
	b, _ := json.Marshal(struct{ Version, Statement any }{"2012-10-17", list})
	return string(b)
}

// Condition is a condition of [TrustPolicy].
type Condition struct {
	Operator string // "StringEquals"
	Key      string // "sts:ExternalId"
	Values   List
}

// MFA returns the condition that the caller used an MFA code.
func MFA() Condition {
	return Condition{"Bool", "aws:MultiFactorAuthPresent", List{"true"}}
}

// AllowAssume returns an identity policy that allows sts:AssumeRole on these roles.
func AllowAssume(roles ...string) string {
	return Document(Statement{Action: List{"sts:AssumeRole"}, Resource: roles})
}

// TrustPolicy returns a trust policy that allows a principal to assume the role if all conditions
// hold. The principal is an ARN, an account ID, "*" or the ARN of an OpenID Connect provider.
func TrustPolicy(principal string, conditions ...Condition) string {
	st := Statement{Principal: Principal{"AWS": {principal}}, Action: List{"sts:AssumeRole"}}
	if strings.Contains(principal, ":oidc-provider/") {
		st.Principal = Principal{"Federated": {principal}}
		st.Action = List{"sts:AssumeRoleWithWebIdentity"}
	}
	for _, c := range conditions {
		if st.Condition == nil {
			st.Condition = map[string]map[string]List{}
		}
		if st.Condition[c.Operator] == nil {
			st.Condition[c.Operator] = map[string]List{}
		}
		st.Condition[c.Operator][c.Key] = c.Values
	}
	return Document(st)
}
