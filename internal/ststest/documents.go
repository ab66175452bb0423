package ststest

import (
	"encoding/json"
	"strings"
)

// Statement is one statement of a policy document, for [Document].
type Statement struct {
	Effect    string              `json:"Effect"` // "" for "Allow"
	Principal map[string][]string `json:"Principal,omitempty"`
	Action    []string            `json:"Action"`
	Resource  []string            `json:"Resource,omitempty"`
	// Condition is operator, condition key, values.
	Condition map[string]map[string][]string `json:"Condition,omitempty"`
}

// Document returns the JSON of a policy of these statements.
func Document(statements ...Statement) string {
	list := make([]Statement, len(statements))
	for i, st := range statements {
		if st.Effect == "" {
			st.Effect = "Allow"
		}
		list[i] = st
	}
	// Strings, lists and maps of them: there is nothing that could fail.
	b, _ := json.Marshal(struct{ Version, Statement any }{"2012-10-17", list})
	return string(b)
}

// Condition is one condition for [TrustPolicy].
type Condition struct {
	Operator string // "StringEquals"
	Key      string // "sts:ExternalId"
	Values   []string
}

// MFA is the condition that the caller has shown a token code, as trust policies usually put it.
func MFA() Condition {
	return Condition{"Bool", "aws:MultiFactorAuthPresent", []string{"true"}}
}

// AllowAssume returns an identity policy that allows sts:AssumeRole on these roles, which may hold wildcards.
func AllowAssume(roles ...string) string {
	return Document(Statement{Action: []string{"sts:AssumeRole"}, Resource: roles})
}

// TrustPolicy returns a trust policy that lets a principal assume the role where all the conditions hold. The principal is an ARN,
// an account or "*" and may sts:AssumeRole; or the ARN of an OpenID Connect provider and may sts:AssumeRoleWithWebIdentity.
func TrustPolicy(principal string, conditions ...Condition) string {
	st := Statement{Principal: map[string][]string{"AWS": {principal}}, Action: []string{"sts:AssumeRole"}}
	if strings.Contains(principal, ":oidc-provider/") {
		st.Principal = map[string][]string{"Federated": {principal}}
		st.Action = []string{"sts:AssumeRoleWithWebIdentity"}
	}
	for _, c := range conditions {
		if st.Condition == nil {
			st.Condition = make(map[string]map[string][]string)
		}
		if st.Condition[c.Operator] == nil {
			st.Condition[c.Operator] = make(map[string][]string)
		}
		st.Condition[c.Operator][c.Key] = c.Values
	}
	return Document(st)
}
