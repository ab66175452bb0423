package e2e_test

import "strings"

// difference is a config that the program and the SDKs do not resolve to the same chain.
type difference struct {
	generated
	program, boto, goSDK resolved
}

// rule is a known difference between an SDK and the program.
type rule struct {
	name    string
	applies func(d difference) bool
}

// explain returns the rules for all SDKs that differ. It returns nil if there is no rule for one.
func (d difference) explain() (names []string) {
	for _, sdk := range []struct {
		chain string
		rules []rule
	}{{d.boto.chain, botoRules}, {d.goSDK.chain, goRules}} {
		if sdk.chain == d.program.chain {
			continue
		}
		name := firstRule(d, sdk.rules)
		if name == "" {
			return nil
		}
		names = append(names, name)
	}
	return names
}

func firstRule(d difference, rules []rule) string {
	for _, r := range rules {
		if r.applies(d) {
			return r.name
		}
	}
	return ""
}

// has reports whether a profile is made by one of these recipes.
func (d difference) has(recipes ...string) bool {
	for _, recipe := range recipes {
		for _, profile := range []string{"p", "q", "r"} {
			if d.traits[profile+":"+recipe] {
				return true
			}
		}
	}
	return false
}

// botoRules are the differences between botocore's parser and the documented file format. There are
// no differences in the resolution of what was parsed.
var botoRules = []rule{
	{
		"format: the last value of a duplicate key wins (botocore refuses the file)",
		func(d difference) bool {
			return d.traits["duplicate key"] && strings.HasPrefix(d.boto.err, "ConfigParseError")
		},
	},
	{
		"format: white space in the brackets is trimmed (botocore does not find the profile)",
		func(d difference) bool { return d.traits["white space in brackets"] },
	},
	{
		"format: # after white space starts a comment in a value (botocore does not support it)",
		func(d difference) bool { return d.traits["inline comment"] },
	},
}

// goRules are the differences between the Go SDK and the AWS CLI, which the program follows.
var goRules = []rule{
	{
		"duration: if unset, none is sent (the Go SDK sends 900)",
		func(d difference) bool { return d.goSDK.chain == withGoDuration(d.program.chain) },
	},
	{
		"chain: static keys in a source profile end it (the Go SDK assumes that profile's role too)",
		func(d difference) bool {
			first, rest, _ := strings.Cut(d.goSDK.chain, " > ")
			source, last, _ := strings.Cut(withGoDuration(d.program.chain), " > ")
			return first == source && strings.HasSuffix(rest, last) &&
				d.has("role and keys", "role to itself with keys")
		},
	},
	{
		"chain: two kinds of credentials, of which the AWS CLI uses one (the Go SDK refuses them)",
		func(d difference) bool {
			return strings.HasPrefix(d.goSDK.err, "only one credential type may be specified")
		},
	},
	{
		"chain: a role with a process needs a source (the Go SDK uses the process as its source)",
		func(d difference) bool {
			const problem = "role_arn without source_profile or credential_source"
			return strings.Contains(d.program.err, problem) &&
				strings.HasPrefix(d.goSDK.chain, "PROCESS > ")
		},
	},
	{
		"SSO: the account needs a role (the Go SDK requests a role without a name)",
		func(d difference) bool {
			return strings.Contains(d.program.err, "SSO profile without sso_role_name")
		},
	},
	{
		"several kinds of credentials: the AWS CLI's order (the Go SDK prefers static keys)",
		func(d difference) bool {
			return strings.HasPrefix(d.goSDK.chain, "AKIA") &&
				!strings.HasPrefix(d.program.chain, "AKIA") &&
				d.has("sso and keys", "process and keys in config", "web identity and keys")
		},
	},
}

// withGoDuration returns a chain with the duration that the Go SDK sends if none is set.
func withGoDuration(chain string) string {
	parts := strings.Split(chain, " > ")
	for i := 1; i < len(parts); i++ {
		if rest, unset := strings.CutSuffix(parts[i], " -"); unset {
			parts[i] = rest + " 900"
		}
	}
	return strings.Join(parts, " > ")
}
