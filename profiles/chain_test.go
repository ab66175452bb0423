package profiles

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aws-credproc/internal/diag"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const (
	arnA = "arn:aws:iam::111111111111:role/A"
	arnB = "arn:aws:iam::222222222222:role/path/B"
	keys = "aws_access_key_id = AKIAX\naws_secret_access_key = s\n"
)

// summary returns a chain in short form: "static base > arn (profile) > ...".
func summary(c Chain) string {
	out := string(c.Source.Type) + " " + c.Source.Profile
	for _, h := range c.Hops {
		out += " > " + h.RoleARN + " (" + h.Profile + ")"
	}
	return out
}

func TestChain(t *testing.T) {
	for name, test := range map[string]struct{ config, credentials, profile, want string }{
		"static keys in the credentials file": {"", "[p]\n" + keys, "p", "static p"},
		"static keys in the config file":      {"[profile p]\n" + keys, "", "p", "static p"},
		"static keys of both files": {
			"[profile p]\naws_access_key_id = AKIAX", "[p]\naws_secret_access_key = s", "p",
			"static p",
		},
		"role with source profile": {
			"[profile p]\nrole_arn = " + arnA + "\nsource_profile = b", "[b]\n" + keys, "p",
			"static b > " + arnA + " (p)",
		},
		"three roles": {
			"[profile p]\nrole_arn = " + arnB + "\nsource_profile = q\n[profile q]\nrole_arn = " + arnA +
				"\nsource_profile = r\n[profile r]\nrole_arn = " + arnB + "\nsource_profile = b",
			"[b]\n" + keys, "p", "static b > " + arnB + " (r) > " + arnA + " (q) > " + arnB + " (p)",
		},
		"role settings in the credentials file": {
			"", "[b]\n" + keys + "[p]\nrole_arn = " + arnA + "\nsource_profile = b", "p",
			"static b > " + arnA + " (p)",
		},
		"keys of an intermediate profile end a chain": {
			"[profile p]\nrole_arn = " + arnA + "\nsource_profile = q\n[profile q]\n" +
				"role_arn = " + arnB + "\nsource_profile = b\n" + keys,
			"[b]\n" + keys, "p", "static q > " + arnA + " (p)",
		},
		"the selected profile's role beats its keys": {
			"[profile p]\nrole_arn = " + arnA + "\nsource_profile = b\n" + keys, "[b]\n" + keys,
			"p", "static b > " + arnA + " (p)",
		},
		"own source with keys": {
			"[profile p]\nrole_arn = " + arnA + "\nsource_profile = p\n" + keys, "", "p",
			"static p > " + arnA + " (p)",
		},
		"account ID is not checked": {
			"[profile p]\nrole_arn = arn:x:iam::1:role/A\nsource_profile = b", "[b]\n" + keys, "p",
			"static b > arn:x:iam::1:role/A (p)",
		},
		"environment": {
			"[profile p]\nrole_arn = " + arnA + "\ncredential_source = Environment", "", "p",
			"environment p > " + arnA + " (p)",
		},
		"instance": {
			"[profile p]\nrole_arn = " + arnA + "\ncredential_source = Ec2InstanceMetadata", "",
			"p", "ec2_instance_metadata p > " + arnA + " (p)",
		},
		"container": {
			"[profile p]\nrole_arn = " + arnA + "\ncredential_source = EcsContainer", "", "p",
			"ecs_container p > " + arnA + " (p)",
		},
		"web identity": {
			"[profile p]\nrole_arn = " + arnA + "\nweb_identity_token_file = /t", "", "p",
			"web_identity p",
		},
		"web identity as a source": {
			"[profile p]\nrole_arn = " + arnB + "\nsource_profile = w\n[profile w]\n" +
				"role_arn = " + arnA + "\nweb_identity_token_file = /t",
			"", "p", "web_identity w > " + arnB + " (p)",
		},
		"SSO by session": {
			"[profile p]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n" +
				"[sso-session s]\nsso_region = x\nsso_start_url = u",
			"", "p", "sso p",
		},
		"SSO session alone": {
			"[profile p]\nsso_session = s\n[sso-session s]\nsso_region = x\nsso_start_url = u", "",
			"p", "sso p",
		},
		"SSO in the legacy form": {
			"[profile p]\nsso_region = x\nsso_start_url = u\nsso_account_id = 1\nsso_role_name = r",
			"", "p", "sso p",
		},
		"login": {
			"[profile p]\nlogin_session = arn:x", "", "p", "login p",
		},
		"process": {
			"[profile p]\ncredential_process = /bin/x y", "", "p", "process p",
		},
		"SSO beats static keys": {
			"[profile p]\nsso_region = x\nsso_start_url = u\nsso_account_id = 1\nsso_role_name = r",
			"[p]\n" + keys, "p", "sso p",
		},
		"SSO beats static keys in a source": {
			"[profile p]\nrole_arn = " + arnA + "\nsource_profile = q\n[profile q]\n" +
				"sso_region = x\nsso_start_url = u\nsso_account_id = 1\nsso_role_name = r",
			"[q]\n" + keys, "p", "sso q > " + arnA + " (p)",
		},
		"SSO session alone does not beat keys": {
			"[profile p]\nsso_session = s\n[sso-session s]\nsso_region = x\nsso_start_url = u",
			"[p]\n" + keys, "p", "static p",
		},
		"a process beats keys in the config": {
			"[profile p]\ncredential_process = /bin/x y\n" + keys, "", "p", "process p",
		},
		"web identity beats static keys": {
			"[profile p]\nrole_arn = " + arnA + "\nweb_identity_token_file = /t", "[p]\n" + keys,
			"p", "web_identity p",
		},
		"static keys beat a process": {
			"[profile p]\ncredential_process = /bin/x y", "[p]\n" + keys, "p", "static p",
		},
		"source beats a process": {
			"[profile p]\ncredential_process = /bin/x\nrole_arn = " + arnA + "\nsource_profile = b",
			"[b]\n" + keys, "p", "static b > " + arnA + " (p)",
		},
		"wired to this helper": {
			"[profile p]\ncredential_process = aws-credproc get q\nregion = x\n[profile q]\nrole_arn = " +
				arnA + "\nsource_profile = b",
			"[b]\n" + keys, "p", "static b > " + arnA + " (q)",
		},
		"a wired profile as a source": {
			"[profile z]\nrole_arn = " + arnB + "\nsource_profile = p\n[profile p]\n" +
				"credential_process = \"/opt/my tools/aws-credproc\" --store file get --verbose q\n" +
				"[profile q]\nrole_arn = " + arnA + "\nsource_profile = b",
			"[b]\n" + keys, "z", "static b > " + arnA + " (q) > " + arnB + " (z)",
		},
		"other program with a similar name": {
			"[profile p]\ncredential_process = not-aws-credproc get q", "", "p", "process p",
		},
		"wired, and keys in the config file": {
			"[profile p]\ncredential_process = aws-credproc get q\n" + keys + "[profile q]\nrole_arn = " +
				arnA + "\nsource_profile = b",
			"[b]\n" + keys, "p", "static b > " + arnA + " (q)",
		},
		"keys in the credentials file beat a wired process": {
			"[profile p]\ncredential_process = aws-credproc get q\n", "[p]\n" + keys, "p",
			"static p",
		},
		"wired, name like a flag": {
			"[profile p]\ncredential_process = aws-credproc get -- -q\n[profile -q]\nrole_arn = " + arnA +
				"\nsource_profile = b",
			"[b]\n" + keys, "p", "static b > " + arnA + " (-q)",
		},
		"role with an empty token file": {
			"[profile p]\nrole_arn = " + arnA + "\nsource_profile = b\nweb_identity_token_file =\n" + keys,
			"[b]\n" + keys, "p", "static p",
		},
		"another command of this helper": {
			"[profile p]\ncredential_process = aws-credproc explain q", "", "p", "process p",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := mustLoad(t, test.config, test.credentials).Chain(test.profile)
			if err != nil {
				t.Fatal(err)
			}
			if got := summary(c); got != test.want {
				t.Errorf("chain %s\n want %s", got, test.want)
			}
		})
	}
}

func TestCommandOfSeveralLinesIsOneCommand(t *testing.T) {
	c, err := mustLoad(t, "[profile p]\ncredential_process = tool --a\n    b\n\t--c\n", "").Chain("p")
	if err != nil || c.Source.Command != "tool --a b --c" {
		t.Errorf("the command is %q, %v", c.Source.Command, err)
	}
}

func TestChainErrors(t *testing.T) {
	role := "role_arn = " + arnA + "\nsource_profile = b\n"
	sso := "[sso-session s]\nsso_region = x\nsso_start_url = u\n"
	for name, test := range map[string]struct{ config, credentials, want string }{
		"no such profile": {"[profile pq]\na = b", "", "no such profile in "},
		"nearest name":    {"[profile Pp]\na = b", "", "did you mean Pp?"},
		"section without the word profile": {
			"[p]\n" + keys, "",
			"config:1: section [p] is not a profile in the config file\n" +
				"hint: change the line to [profile p]",
		},
		"profile in capitals": {
			"[Profile p]\n" + keys, "", "config:1: section [Profile p] is not a profile: " +
				"profile must be in lower case\nhint: change the line to [profile p]",
		},
		"profile word in the credentials file": {
			"", "[profile p]\n" + keys, "credentials:1: section [profile p] is not a profile in the " +
				"credentials file\nhint: change the line to [p]",
		},
		"unclosed header": {
			"[profile p\n" + keys, "", `config:1: missing "]": "[profile ..."`,
		},
		"faulty line in the section": {
			"[profile p]\nregion\n" + keys, "", `config:2: expected "key = value": "region"`,
		},
		"faulty line in the other file": {
			"[profile p]\nregion = x\n", "[p]\n" + keys + "===\n", `credentials:4: no key before "="`,
		},
		"faulty line in the source": {
			"[profile p]\nrole_arn = " + arnA + "\nsource_profile = b\n[profile b]\n" + keys + "foo\n", "",
			`p: profile b: `,
		},
		"role with an empty token file": {
			"[profile p]\n" + role + "web_identity_token_file =\n", "[b]\n" + keys,
			"config:4: web_identity_token_file is empty\nhint: add the path of the token file",
		},
		"no credentials": {
			"[profile p]\nregion = x", "", "no credentials and no role",
		},
		"settings of granted": {
			"[profile p]\ngranted_sso_start_url = https://x", "",
			"config:2: no credentials and no role\nhint: only granted reads granted_sso_start_url; " +
				"aws-credproc doctor p translates it",
		},
		"all settings of granted": {
			"[profile p]\ngranted_sso_start_url = https://x\ngranted_sso_region = r\n" +
				"granted_sso_account_id = 1\ngranted_sso_role_name = n\n", "",
			"config:2: no credentials and no role\nhint: only granted reads granted_sso_start_url; " +
				"aws-credproc setup p translates it",
		},
		"settings of granted, of a wired profile": {
			"[profile p]\ncredential_process = aws-credproc get q\n[profile q]\n" +
				"granted_sso_start_url = https://x\ngranted_sso_region = r\n" +
				"granted_sso_account_id = 1\ngranted_sso_role_name = n\n", "",
			"aws-credproc doctor q translates it",
		},
		"settings of aws-vault": {
			"[profile p]\nrole_arn = " + arnB + "\ninclude_profile = b", "[b]\n" + keys,
			"config:3: role_arn without source_profile or credential_source\nhint: only aws-vault reads " +
				"include_profile; aws-credproc setup p translates it",
		},
		"source without role": {
			"[profile p]\nsource_profile = b", "", "source_profile without role_arn",
		},
		"missing source": {
			"[profile p]\n" + role, "", "config:3: profile b: no such profile in ",
		},
		"role without source": {
			"[profile p]\nrole_arn = " + arnA, "",
			"role_arn without source_profile or credential_source",
		},
		"role and process only": {
			"[profile p]\ncredential_process = x\nrole_arn = " + arnA, "",
			"role_arn without source_profile or credential_source",
		},
		"both sources": {
			"[profile p]\n" + role + "credential_source = Environment", "",
			"config:4: both source_profile and credential_source",
		},
		"unknown credential source": {
			"[profile p]\nrole_arn = " + arnA + "\ncredential_source = environment", "",
			`unknown credential_source "environment"`,
		},
		"web identity without role": {
			"[profile p]\nweb_identity_token_file = /t", "",
			"web_identity_token_file without role_arn",
		},
		"half a pair, no secret": {
			"[profile p]\naws_access_key_id = AKIAX", "",
			"aws_access_key_id without aws_secret_access_key",
		},
		"half a pair, no ID": {
			"[profile p]\naws_secret_access_key = s", "",
			"aws_secret_access_key without aws_access_key_id",
		},
		"half a pair in the source": {
			"[profile p]\n" + role, "[b]\naws_access_key_id = AKIAX", "p: profile b: ",
		},
		"cycle": {
			"[profile p]\n" + role + "[profile b]\nrole_arn = " + arnA + "\nsource_profile = p", "",
			"p -> b -> p",
		},
		"cycle through keys": {
			"[profile p]\n" + role + keys + "[profile b]\nrole_arn = " + arnA + "\n" +
				"source_profile = p",
			"", "p -> b -> p",
		},
		"own source without keys": {
			"[profile p]\nrole_arn = " + arnA + "\nsource_profile = p", "", "p -> p",
		},
		"wired to itself": {
			"[profile p]\ncredential_process = aws-credproc get p", "",
			"config:2: credential_process gets the credentials of the profile itself\n" +
				"hint: if its keys were imported, aws-credproc import p finds them",
		},
		"not an ARN": {
			"[profile p]\nrole_arn = Dev\nsource_profile = b", "[b]\n" + keys,
			`role_arn is "Dev", which is not an ARN`,
		},
		"empty ARN": {
			"[profile p]\nrole_arn =\nsource_profile = b", "[b]\n" + keys, "not an ARN",
		},
		"duration below the bounds": {
			"[profile p]\n" + role + "duration_seconds = 899", "[b]\n" + keys, "900 (15 minutes)",
		},
		"duration above the bounds": {
			"[profile p]\n" + role + "duration_seconds = 43201", "[b]\n" + keys, "43200",
		},
		"duration without number": {
			"[profile p]\n" + role + "duration_seconds = 1h", "[b]\n" + keys, "whole number",
		},
		"duration beyond any integer": {
			"[profile p]\n" + role + "duration_seconds = 99999999999999999999", "[b]\n" + keys,
			"whole number",
		},
		"session name": {
			"[profile p]\n" + role + "role_session_name = a b", "[b]\n" + keys,
			"role_session_name has the character ' '\nhint: AWS allows letters",
		},
		"external ID too short": {
			"[profile p]\n" + role + "external_id = x", "[b]\n" + keys, "2 to 1224",
		},
		"SSO pair": {
			"[profile p]\nsso_session = s\nsso_account_id = 1\n" + sso, "",
			"SSO profile without sso_role_name",
		},
		"SSO session mistyped": {
			"[profile p]\nsso_session = copr\n[sso-session corp]\nsso_region = x", "",
			"no [sso-session copr] in ",
		},
		"nearest SSO session": {
			"[profile p]\nsso_session = copr\n[sso-session corp]\nsso_region = x", "",
			"hint: did you mean corp?",
		},
		"SSO session missing": {
			"[profile p]\nsso_session = s", "", "no [sso-session s] in ",
		},
		"SSO session without region": {
			"[profile p]\nsso_session = s\n[sso-session s]\nsso_start_url = u", "", "no sso_region",
		},
		"SSO regions differ": {
			"[profile p]\nsso_session = s\nsso_region = y\n" + sso, "",
			"sso_region differs from that of [sso-session s]",
		},
		"SSO without session": {
			"[profile p]\nsso_account_id = 1\nsso_role_name = r", "",
			"SSO profile without sso_session",
		},
		"services missing": {
			"[profile p]\nservices = v\nrole_arn = " + arnA + "\nsource_profile = p\n" + keys, "",
			"config:2: no [services v] in ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := mustLoad(t, test.config, test.credentials).Chain("p")
			var e *diag.Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v, want a *diag.Error", err)
			}
			if !errHas(err, test.want) {
				t.Errorf("error %q\n want %q", err, test.want)
			}
			if !strings.HasPrefix(err.Error(), "p: ") {
				t.Errorf("error %q does not start with the profile", err)
			}
		})
	}
}

func TestMissingSourceIsNotErrNoProfile(t *testing.T) {
	f := mustLoad(t, "[profile p]\nrole_arn = "+arnA+"\nsource_profile = gone", "")
	if _, err := f.Chain("gone"); !errors.Is(err, ErrNoProfile) {
		t.Errorf("error %v, want ErrNoProfile", err)
	}
	if _, err := f.Chain("p"); err == nil || errors.Is(err, ErrNoProfile) {
		t.Errorf("error %v is ErrNoProfile", err)
	}
}

func TestChainHasAllSettings(t *testing.T) {
	f := mustLoad(t, `[profile p]
role_arn = `+arnA+`
source_profile = b
role_session_name = jill
external_id = x-1
duration_seconds = 7200
mfa_serial = arn:aws:iam::111111111111:mfa/jill
region = eu-west-1
services = local
[services local]
sts =
  endpoint_url = http://localhost:1
`, "[b]\n"+keys+"aws_session_token = t\naws_account_id = 111111111111\n")
	c, err := f.Chain("p")
	if err != nil {
		t.Fatal(err)
	}
	wantSource := Source{
		Type: Static, Profile: "b", AccessKeyID: "AKIAX", SecretAccessKey: "s", SessionToken: "t",
		AccountID: "111111111111", Location: "credentials file",
	}
	if diff := cmp.Diff(wantSource, c.Source); diff != "" {
		t.Errorf("source (-want +got):\n%s", diff)
	}
	wantHops := []Hop{{
		Profile: "p", RoleARN: arnA, RoleSessionName: "jill", ExternalID: "x-1",
		Duration: 2 * time.Hour, MFASerial: "arn:aws:iam::111111111111:mfa/jill",
	}}
	if diff := cmp.Diff(wantHops, c.Hops); diff != "" {
		t.Errorf("hops (-want +got):\n%s", diff)
	}
	if got := c.Services.Sub("sts", "endpoint_url"); got != "http://localhost:1" {
		t.Errorf("endpoint_url of sts is %q", got)
	}
	if c.Profile.Get("region") != "eu-west-1" {
		t.Error("the selected profile's settings are lost")
	}
}

// Temporary credentials that were pasted into the config file may leave a token there, which does
// not belong to the key in the credentials file.
func TestSessionTokenOfOtherFileIsIgnored(t *testing.T) {
	token := "aws_session_token = t\n"
	for name, test := range map[string]struct{ config, credentials, want string }{
		"of the config file":      {"[profile p]\n" + keys + token, "[p]\n" + keys, ""},
		"of the credentials file": {"[profile p]\n" + keys, "[p]\n" + keys + token, "t"},
		"all in the config file":  {"[profile p]\n" + keys + token, "", "t"},
		"pair from both files": {
			"[profile p]\naws_access_key_id = A\n" + token, "[p]\naws_secret_access_key = s", "t",
		},
		"all in the credentials file": {"", "[p]\n" + keys + token, "t"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := mustLoad(t, test.config, test.credentials).Chain("p")
			if err != nil || string(c.Source.SessionToken) != test.want {
				t.Errorf("error %v, token %q, want %q", err, string(c.Source.SessionToken), test.want)
			}
		})
	}
}

func TestList(t *testing.T) {
	f := mustLoad(t, `[profile dev]
credential_process = aws-credproc get dev-role
[profile dev-role]
role_arn = `+arnA+`
source_profile = base
s3 =
  max_concurrent_requests = 20
[profile settings]
region = x
[sso-session corp]
sso_region = eu-west-1
`, "[base]\n"+keys+"aws_session_token = t\n[dev-role]\nregion = y\n")
	got, sessions, err := f.List()
	if err != nil {
		t.Fatal(err)
	}
	want := []Summary{
		{Name: "dev", Kind: "process", Source: "dev-role", Wired: true, File: "config"},
		{Name: "dev-role", Kind: "assume_role", Source: "base", File: "both"},
		{Name: "settings", Kind: "none", File: "config"},
		{Name: "base", Kind: "static", File: "credentials"},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Summary{}, "Properties")); diff != "" {
		t.Errorf("profiles (-want +got):\n%s", diff)
	}
	properties := map[string]string{
		"role_arn": arnA, "source_profile": "base", "s3": "\nmax_concurrent_requests = 20",
		"region": "y",
	}
	if diff := cmp.Diff(properties, got[1].Properties); diff != "" {
		t.Errorf("properties of dev-role (-want +got):\n%s", diff)
	}
	properties = map[string]string{
		"aws_access_key_id": "AKIAX", "aws_secret_access_key": "***", "aws_session_token": "***",
	}
	if diff := cmp.Diff(properties, got[3].Properties); diff != "" {
		t.Errorf("properties of base (-want +got):\n%s", diff)
	}
	wantSessions := []SessionSummary{{"corp", map[string]string{"sso_region": "eu-west-1"}}}
	if diff := cmp.Diff(wantSessions, sessions); diff != "" {
		t.Errorf("SSO sessions (-want +got):\n%s", diff)
	}
}

func TestSourceHasAllSettings(t *testing.T) {
	for name, test := range map[string]struct {
		config string
		want   Source
	}{
		"web identity by process": {
			"role_arn = " + arnA + "\nweb_identity_token_process = token -x\nrole_session_name = jill\n" +
				"policy = {}\npolicy_arns = arn:aws:iam::aws:policy/A\n" +
				"duration_seconds = none of its business",
			Source{
				Type: WebIdentity, RoleARN: arnA, WebIdentityTokenProcess: "token -x",
				RoleSessionName: "jill", Policy: "{}",
				PolicyARNs: []string{"arn:aws:iam::aws:policy/A"},
			},
		},
		"instance": {
			"role_arn = " + arnA + "\ncredential_source = Ec2InstanceMetadata\n" +
				"ec2_metadata_service_endpoint = http://x\nec2_metadata_service_endpoint_mode = IPv6",
			Source{Type: EC2Metadata, MetadataEndpoint: "http://x", MetadataEndpointMode: "IPv6"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := mustLoad(t, "[profile p]\n"+test.config, "").Chain("p")
			if err != nil {
				t.Fatal(err)
			}
			test.want.Profile = "p"
			if diff := cmp.Diff(test.want, c.Source); diff != "" {
				t.Errorf("source (-want +got):\n%s", diff)
			}
			if got, want := c.Source.RunsCommand(), test.want.WebIdentityTokenProcess != ""; got != want {
				t.Errorf("runs a command: %v", got)
			}
			if filepath.Base(c.ConfigPath) != "config" || filepath.Base(c.CredentialsPath) != "credentials" {
				t.Errorf("read from %q and %q", c.ConfigPath, c.CredentialsPath)
			}
		})
	}
}

// Errors name the profile at fault and the setting, and wrap a sentinel.
func TestChainErrorFields(t *testing.T) {
	f := mustFiles(t, `[profile dev]
role_arn = Dev
source_profile = base
[profile top]
role_arn = arn:aws:iam::123456789012:role/Top
source_profile = dev
[profile lost]
role_arn = arn:aws:iam::123456789012:role/Lost
source_profile = nowhere
[profile alone]
role_arn = arn:aws:iam::123456789012:role/Alone
[profile lead]
role_arn = arn:aws:iam::123456789012:role/Lead
source_profile = a
[profile a]
role_arn = arn:aws:iam::123456789012:role/A
source_profile = b
[profile b]
credential_process = aws-credproc get a
`, "")
	for name, want := range map[string]struct {
		fault, key string // the profile at fault, if it is another
		is         error
		cycle      string
	}{
		"dev":   {key: "role_arn"},
		"top":   {fault: "dev", key: "role_arn"},
		"lost":  {is: ErrNoSource},
		"alone": {key: "role_arn", is: ErrNoSource},
		"gone":  {is: ErrNoProfile},
		"a":     {cycle: "a -> b -> a"},
		"lead":  {cycle: "a -> b -> a"},
	} {
		_, err := f.Chain(name)
		var e *diag.Error
		if !errors.As(err, &e) || e.Profile != name {
			t.Fatalf("%s: %+v", name, err)
		}
		wrapped := errors.As(e.Err, &e)
		if wrapped != (want.fault != "") || wrapped && e.Profile != want.fault || e.Setting != want.key {
			t.Errorf("%s: %+v", name, err)
		}
		if want.is != nil && !errors.Is(err, want.is) {
			t.Errorf("%s: error %v, want %v", name, err, want.is)
		}
		var cycle Cycle
		if errors.As(err, &cycle); cycle.Error() != want.cycle {
			t.Errorf("%s: the cycle is %v, want %s", name, cycle, want.cycle)
		}
	}
}
