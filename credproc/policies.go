package credproc

import (
	"fmt"
	"strings"

	"aws-credproc/profiles"
)

// RolePolicies are the two documents that must allow a role to be assumed, as the chain before it implies them.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_permissions-to-switch.html
type RolePolicies struct {
	Profile  string         `json:"profile"`
	RoleARN  string         `json:"role_arn"`
	Caller   string         `json:"caller"` // an ARN; it holds ACCOUNT, USER or ROLE where the config does not tell
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

// Policies gives the documents for each role that a chain assumes, in the chain's order.
func Policies(c profiles.Chain) []RolePolicies {
	all := []RolePolicies{}
	for i, h := range c.Hops {
		actions := []string{"sts:AssumeRole"}
		if len(h.SessionTags) > 0 {
			actions = append(actions, "sts:TagSession")
		}
		if h.SourceIdentity != "" {
			actions = append(actions, "sts:SetSourceIdentity")
		}
		conditions := map[string]map[string]string{}
		add := func(operator, key, value string) {
			if conditions[operator] == nil {
				conditions[operator] = map[string]string{}
			}
			conditions[operator][key] = value
		}
		if h.ExternalID != "" {
			add("StringEquals", "sts:ExternalId", h.ExternalID)
		}
		if h.MFASerial != "" {
			add("Bool", "aws:MultiFactorAuthPresent", "true")
		}
		caller := sourceARN(c, h)
		if i > 0 {
			caller = c.Hops[i-1].RoleARN
		}
		principal := caller
		if strings.Contains(caller, "*") { // which no principal may hold
			add("ArnLike", "aws:PrincipalArn", caller)
			principal = strings.Join(append(strings.SplitN(caller, ":", 6)[:5], "root"), ":")
		}
		all = append(all, RolePolicies{
			Profile: h.Profile, RoleARN: h.RoleARN, Caller: caller,
			Identity: document(PolicyStatement{Effect: "Allow", Action: actions, Resource: h.RoleARN}),
			Trust:    document(PolicyStatement{Effect: "Allow", Principal: map[string]string{"AWS": principal}, Action: actions, Condition: conditions}),
		})
	}
	return all
}

func document(s PolicyStatement) PolicyDocument {
	return PolicyDocument{Version: "2012-10-17", Statement: []PolicyStatement{s}}
}

// sourceARN gives who a chain's source is, as far as the config tells.
func sourceARN(c profiles.Chain, first profiles.Hop) string {
	s := c.Source
	account := firstOf(s.AccountID, s.SSOAccountID, accountOf(first.MFASerial), "ACCOUNT")
	partition := partitionOf(c)
	switch s.Type {
	case profiles.WebIdentity:
		return s.RoleARN
	case profiles.SSO:
		return fmt.Sprintf("arn:%s:iam::%s:role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_%s_*", partition, account, s.SSORoleName)
	case profiles.EC2Metadata, profiles.ECSMetadata:
		return fmt.Sprintf("arn:%s:iam::%s:role/ROLE", partition, account)
	}
	return fmt.Sprintf("arn:%s:iam::%s:user/USER", partition, account)
}

// deniedBy says which document a denial is probably of, by STS's message. AWS names it in newer messages only.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func deniedBy(message string) string {
	for _, other := range []string{"service control policy", "resource control policy", "permissions boundary", "session policy", "VPC endpoint policy"} {
		if strings.Contains(message, other) {
			return "here a " + other + " stands against it"
		}
	}
	switch {
	case strings.Contains(message, "role trust policy"), strings.Contains(message, "resource-based policy"):
		return "here it is the trust policy that does not"
	case strings.Contains(message, "identity-based policy"):
		return "here it is the caller's policy that does not"
	}
	return "probably it is the trust policy that does not"
}
