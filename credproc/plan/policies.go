package plan

import (
	"cmp"
	"fmt"
	"strings"

	"aws-credproc/profiles"
)

// RolePolicies holds the two policies that must allow a role to be assumed, as far as the chain
// implies them.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_permissions-to-switch.html
type RolePolicies struct {
	Profile  string         `json:"profile"`
	RoleARN  string         `json:"role_arn"`
	Caller   string         `json:"caller"` // an ARN, with ACCOUNT, USER or ROLE for what is unknown
	Identity PolicyDocument `json:"identity_policy"`
	Trust    PolicyDocument `json:"trust_policy"`
}

// PolicyDocument is an IAM policy.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
type PolicyDocument struct {
	Version   string            `json:"Version"`
	Statement []PolicyStatement `json:"Statement"`
}

// PolicyStatement is a statement of a policy.
type PolicyStatement struct {
	Effect    string                       `json:"Effect"`
	Principal map[string]string            `json:"Principal,omitempty"`
	Action    []string                     `json:"Action"`
	Resource  string                       `json:"Resource,omitempty"`
	Condition map[string]map[string]string `json:"Condition,omitempty"`
}

// Policies returns the policies for each role that a chain assumes, in the order of the chain.
func Policies(c profiles.Chain) []RolePolicies {
	all := []RolePolicies{}
	for i, h := range c.Hops {
		caller := sourceARN(c, h)
		if i > 0 {
			caller = c.Hops[i-1].RoleARN
		}
		conditions := conditionsOf(h)
		principal := caller
		if strings.Contains(caller, "*") { // a wildcard is not allowed in the ARN of a principal
			conditions["ArnLike"] = map[string]string{"aws:PrincipalArn": caller}
			principal = strings.Join(append(strings.SplitN(caller, ":", 6)[:5], "root"), ":")
		}
		actions := actionsOf(h)
		all = append(all, RolePolicies{
			Profile: h.Profile, RoleARN: h.RoleARN, Caller: caller,
			Identity: document(PolicyStatement{Action: actions, Resource: h.RoleARN}),
			Trust: document(PolicyStatement{
				Principal: map[string]string{"AWS": principal}, Action: actions, Condition: conditions,
			}),
		})
	}
	return all
}

func actionsOf(h profiles.Hop) []string {
	actions := []string{"sts:AssumeRole"}
	if len(h.SessionTags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	if h.SourceIdentity != "" {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	return actions
}

func conditionsOf(h profiles.Hop) map[string]map[string]string {
	conditions := map[string]map[string]string{}
	if h.ExternalID != "" {
		conditions["StringEquals"] = map[string]string{"sts:ExternalId": h.ExternalID}
	}
	if h.MFASerial != "" {
		conditions["Bool"] = map[string]string{"aws:MultiFactorAuthPresent": "true"}
	}
	return conditions
}

func document(s PolicyStatement) PolicyDocument {
	s.Effect = "Allow"
	return PolicyDocument{Version: "2012-10-17", Statement: []PolicyStatement{s}}
}

// sourceARN returns the ARN of a chain's source, as far as the config reveals it.
func sourceARN(c profiles.Chain, first profiles.Hop) string {
	s := c.Source
	account := cmp.Or(s.AccountID, s.SSOAccountID, AccountOf(first.MFASerial), "ACCOUNT")
	prefix := fmt.Sprintf("arn:%s:iam::%s:", Partition(c), account)
	switch s.Type {
	case profiles.WebIdentity:
		return s.RoleARN
	case profiles.SSO:
		return prefix + "role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_" + s.SSORoleName + "_*"
	case profiles.EC2Metadata, profiles.ECSMetadata:
		return prefix + "role/ROLE"
	}
	return prefix + "user/USER"
}
