package e2e_test

import "strings"

// difference is a config that the three do not resolve alike.
type difference struct {
	generated
	ours, boto, goSDK      string
	ourWhy, botoWhy, goWhy string
}

// rule says why one of the SDKs differs from us where it does.
type rule struct {
	name string
	// applies reports whether the rule decides this difference.
	applies func(d difference) bool
}

// decide gives the rules by which we are right against each SDK that differs from us; none if one of them differs for no
// known reason.
func (d difference) decide() (names []string) {
	for _, party := range []struct {
		outcome string
		rules   []rule
	}{{d.boto, botoRules}, {d.goSDK, goRules}} {
		if party.outcome == d.ours {
			continue
		}
		name := firstRule(d, party.rules)
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

// botoRules are where botocore reads the file's form otherwise than the format says. What a config means, once it is
// read, boto3 and we agree upon.
var botoRules = []rule{
	{"format: a duplicate key's last value wins (botocore refuses the file)", func(d difference) bool {
		return d.traits["key twice"] && strings.HasPrefix(d.botoWhy, "ConfigParseError")
	}},
	{"format: white space within the brackets is trimmed (botocore does not know the profile)", func(d difference) bool {
		return d.traits["white space in brackets"]
	}},
	{"format: white space and # start a comment in a property (botocore takes it for the value)", func(d difference) bool {
		return d.traits["inline comment"]
	}},
}

// goRules are where the Go SDK's own resolution differs from that of the AWS CLI, which we follow.
var goRules = []rule{
	{"duration: unset, nothing is sent (the Go SDK sends 900)", func(d difference) bool {
		return d.goSDK == withGoDuration(d.ours)
	}},
	{"chain: static keys in an intermediate profile end it (the Go SDK assumes that profile's role too)", func(d difference) bool {
		first, rest, _ := strings.Cut(d.goSDK, " > ")
		ours, last, _ := strings.Cut(withGoDuration(d.ours), " > ")
		return first == ours && strings.HasSuffix(rest, last) && d.has("role and keys", "role to itself with keys")
	}},
	{"chain: one kind of credentials beside another is no error where the AWS CLI takes one (the Go SDK refuses the profile)", func(d difference) bool {
		return strings.HasPrefix(d.goWhy, "only one credential type may be specified")
	}},
	{"chain: a role and a process need a source (the Go SDK assumes the role with the process)", func(d difference) bool {
		return strings.Contains(d.ourWhy, "role_arn without source_profile or credential_source") && strings.HasPrefix(d.goSDK, "PROCESS > ")
	}},
	{"SSO: account and role go together (the Go SDK asks for a role without a name)", func(d difference) bool {
		return strings.Contains(d.ourWhy, "SSO profile without sso_role_name")
	}},
	{"several kinds of credentials: no rule, so in the AWS CLI's order (the Go SDK takes static keys first)", func(d difference) bool {
		return strings.HasPrefix(d.goSDK, "AKIA") && !strings.HasPrefix(d.ours, "AKIA") &&
			d.has("sso and keys", "process and keys in config", "web identity and keys")
	}},
}

// withGoDuration is an outcome with the duration that the Go SDK's provider sends where none is set.
func withGoDuration(outcome string) string {
	parts := strings.Split(outcome, " > ")
	for i := 1; i < len(parts); i++ {
		if rest, unset := strings.CutSuffix(parts[i], " -"); unset {
			parts[i] = rest + " 900"
		}
	}
	return strings.Join(parts, " > ")
}
