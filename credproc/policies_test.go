package credproc

import (
	"encoding/json"
	"strings"
	"testing"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/ststest"
	"aws-credproc/profiles"
)

// The chain works with both policies of each role, and not without any of them.
func TestBothPoliciesAreNeededAndSufficient(t *testing.T) {
	const (
		userARN = "arn:aws:iam::111111111111:user/jill"
		roleX   = "arn:aws:iam::222222222222:role/X"
		roleY   = "arn:aws:iam::333333333333:role/Y"
		x       = "role_arn = " + roleX + "\nsource_profile = base\n"
	)
	for name, config := range map[string]string{
		"a role":            "[profile p]\n" + x,
		"an external ID":    "[profile p]\n" + x + "external_id = x-42",
		"MFA":               "[profile p]\n" + x + "mfa_serial = " + mfaSerial,
		"tags":              "[profile p]\n" + x + "session_tags = team=red",
		"a source identity": "[profile p]\n" + x + "source_identity = jill",
		"all of it": "[profile p]\n" + x +
			"external_id = x-42\nsource_identity = jill\nsession_tags = team=red\nmfa_serial = " + mfaSerial,
		"two roles": "[profile p]\nrole_arn = " + roleY + "\nsource_profile = q\n[profile q]\n" +
			x + "external_id = x-42",
	} {
		t.Run(name, func(t *testing.T) {
			o := newTestChain(t, 1, "")
			chain := chainOf(t, config, strings.Replace(base, "[base]\n",
				"[base]\naws_account_id = 111111111111\n", 1))
			o.TokenCodes = &deviceOwner{clock: o.clock}
			chain.Source.AccessKeyID, chain.Source.SecretAccessKey = o.chain.Source.AccessKeyID,
				o.chain.Source.SecretAccessKey
			must(t, o.sts.AddMFADevice(userARN, mfaSerial, mfaSeed))
			all := plan.Policies(chain)
			text := func(d plan.PolicyDocument) string {
				b, err := json.Marshal(d)
				must(t, err)
				return strings.ReplaceAll(string(b), "user/USER", "user/jill")
			}
			const nothing = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "*"}]}`
			// try gets credentials with all documents but one, by its number; those of each role are two.
			try := func(without int) error {
				identity := []string{text(all[0].Identity)}
				if without == 0 {
					identity = nil
				}
				must(t, o.sts.SetUserPolicy(userARN, identity...))
				for i, p := range all {
					role := ststest.Role{ARN: p.RoleARN, Trust: text(p.Trust), Policy: nothing}
					if i+1 < len(all) && without != 2*(i+1) {
						role.Policy = text(all[i+1].Identity)
					}
					if without == 2*i+1 {
						role.Trust = ststest.TrustPolicy("999999999999")
					}
					must(t, o.sts.AddRole(role))
				}
				c, err := cache.Open(cache.Options{Dir: t.TempDir(), Choice: cache.File, Now: o.clock.Now})
				must(t, err)
				t.Cleanup(func() { must(t, c.Close()) })
				o.Cache = c
				_, err = o.Credentials(t.Context(), chain)
				return err
			}
			if err := try(-1); err != nil {
				t.Errorf("with both documents: %v", err)
			}
			for i := range 2 * len(all) {
				if err := try(i); err == nil ||
					!strings.Contains(diag.Text(err),
						"aws-credproc explain --policies p prints the two policies") {
					t.Errorf("without document %d: %v", i, err)
				}
			}
		})
	}
}

func TestDenialIsShortAndNamesThePolicy(t *testing.T) {
	const (
		x      = "arn:aws:iam::222222222222:role/X"
		denied = "User: arn:aws:iam::111111111111:user/jill is not authorized to perform: "
		jill   = "AccessDenied for arn:aws:iam::111111111111:user/jill"
		both   = "aws-credproc explain --policies p prints the two policies that must allow it"
		id     = "; if the role requires an external ID, set external_id in [profile q]"
	)
	call := stsCall{
		profile: "p", keyID: "AKIAX", hop: profiles.Hop{Profile: "q", RoleARN: x},
		link: plan.Link{Type: plan.TypeAssumeRole, Role: &profiles.Hop{}},
	}
	for message, want := range map[string]struct{ text, hint string }{
		denied + "sts:AssumeRole on resource: " + x: {jill, both + id},
		denied + "sts:AssumeRole on resource: " + x +
			" because no identity-based policy allows the sts:AssumeRole action": {
			jill + " because no identity-based policy allows the sts:AssumeRole action", both},
		denied + "sts:AssumeRole on resource: " + x +
			" because no role trust policy allows the sts:AssumeRole action": {
			jill + " because no role trust policy allows the sts:AssumeRole action", both + id},
		denied + "sts:AssumeRole on resource: " + x +
			" because no resource-based policy allows the sts:AssumeRole action": {
			jill + " because no resource-based policy allows the sts:AssumeRole action", both + id},
		denied + "sts:AssumeRole on resource: " + x +
			" with an explicit deny in a service control policy": {
			jill + " with an explicit deny in a service control policy",
			"the service control policy must allow it"},
		denied + "sts:AssumeRole on resource: " + x +
			" because no permissions boundary allows the sts:AssumeRole action": {
			jill + " because no permissions boundary allows the sts:AssumeRole action",
			"the permissions boundary must allow it"},
		denied + "sts:TagSession on resource: " + x: {jill + " to perform sts:TagSession", both + id},
		denied + "sts:AssumeRole on resource: *":    {jill + " on *", both + id},
		denied + "sts:GetSessionToken": {jill +
			": not authorized to perform: sts:GetSessionToken", both + id},
		"Access denied": {
			"AccessDenied for access key AKIAX: Access denied", both + id,
		},
	} {
		if got := call.refusalText("AccessDenied", message); got != want.text {
			t.Errorf("%s\n got %s\nwant %s", message, got, want.text)
		}
		if got := call.hint("AccessDenied", message); got != want.hint {
			t.Errorf("%s\n got hint %s\nwant %s", message, got, want.hint)
		}
	}
	call.hop.RoleARN = "arn:aws:iam::111111111111:role/X"
	if got := call.hint("AccessDenied",
		denied+"sts:AssumeRole on resource: "+call.hop.RoleARN); got != both {
		t.Errorf("a role of the same account: hint %s", got)
	}
	call.hop.ExternalID = "x"
	if got := call.hint("AccessDenied",
		denied+"sts:AssumeRole"); got != both+"; check external_id in [profile q]" {
		t.Errorf("with an external ID: hint %s", got)
	}
}
