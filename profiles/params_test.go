package profiles

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aws-credproc/internal/diag"

	"github.com/google/go-cmp/cmp"
)

func TestHopTagsAndPolicies(t *testing.T) {
	const role = "[profile p]\nrole_arn = " + arnA + "\nsource_profile = b\n"
	for name, test := range map[string]struct {
		config string
		want   Hop
	}{
		"none": {"", Hop{}},
		"source identity": {
			"source_identity = jill@example.com", Hop{SourceIdentity: "jill@example.com"},
		},
		"one tag": {
			"session_tags = team=core", Hop{SessionTags: []Tag{{"team", "core"}}},
		},
		"tags with spaces": {
			"session_tags = team = core team , cost= 12=3,empty=,",
			Hop{SessionTags: []Tag{{"team", "core team"}, {"cost", "12=3"}, {"empty", ""}}},
		},
		"transitive tags": {
			"session_tags = a=b,c=d\ntransitive_session_tags = c , A",
			Hop{SessionTags: []Tag{{"a", "b"}, {"c", "d"}}, TransitiveTagKeys: []string{"c", "A"}},
		},
		"policy":            {`policy = {"Statement":[]}`, Hop{Policy: `{"Statement":[]}`}},
		"policy over lines": {"policy = {\n  \"Statement\": [] # no comment here\n }\n", Hop{}},
		"policy file":       {"policy = file://~/policy.json", Hop{Policy: "file://~/policy.json"}},
		"managed policies": {
			"policy_arns = arn:aws:iam::aws:policy/A , arn:aws:iam::aws:policy/B",
			Hop{PolicyARNs: []string{"arn:aws:iam::aws:policy/A", "arn:aws:iam::aws:policy/B"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := mustLoad(t, role+test.config, "[b]\n"+keys).Chain("p")
			if name == "policy over lines" {
				// A # in a continuation is part of the value, so it is not JSON.
				if !errHas(err, "policy is not a JSON object") {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			test.want.Profile, test.want.RoleARN = "p", arnA
			if diff := cmp.Diff(test.want, c.Hops[0]); diff != "" {
				t.Errorf("hop (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHopBounds(t *testing.T) {
	many := func(n int, format string) string {
		var parts []string
		for i := range n {
			parts = append(parts, fmt.Sprintf(format, i))
		}
		return strings.Join(parts, ",")
	}
	const role = "[profile p]\nrole_arn = " + arnA + "\nsource_profile = b\n"
	const web = "[profile p]\nrole_arn = " + arnA + "\nweb_identity_token_process = x\n"
	long := strings.Repeat("é", 257)
	for name, test := range map[string]struct{ config, want string }{
		"source identity too short": {role + "source_identity = j", "2 to 64"},
		"source identity with a colon": {
			role + "source_identity = aws:jill", "source_identity has the character ':'",
		},
		"tag without a value": {
			role + "session_tags = team", `session_tags has "team", which is not key=value`,
		},
		"tag without a key": {role + "session_tags = =core", "not key=value"},
		"key twice": {
			role + "session_tags = a=b,A=c", `the key "A" twice`,
		},
		"reserved key": {
			role + "session_tags = AWS:x=y", "AWS reserves the prefix aws:",
		},
		"key too long": {
			role + "session_tags = " + strings.Repeat("k", 129) + "=v", "too long",
		},
		"value too long": {role + "session_tags = k=" + long, "too long"},
		"value with a character": {
			role + "session_tags = k=a*b", "AWS allows letters, digits, spaces",
		},
		"51 tags": {
			role + "session_tags = " + many(51, "k%d=v"), "has 51 tags, and AWS allows 50",
		},
		"transitive tag that is not a tag": {
			role + "session_tags = a=b\ntransitive_session_tags = c",
			`has "c", which is not in session_tags`,
		},
		"transitive tag without any": {
			role + "transitive_session_tags = c", "which is not in session_tags",
		},
		"policy that is not JSON": {
			role + "policy = {", "config:4: policy is not a JSON object",
		},
		"policy that is an array": {role + "policy = []", "not a JSON object"},
		"policy that is too long": {
			role + `policy = {"a":"` + strings.Repeat("x", 2041) + `"}`,
			"policy has 2049 characters, and AWS allows 2048",
		},
		"eleven managed policies": {
			role + "policy_arns = " + many(11, "arn:aws:iam::aws:policy/%d"),
			"has 11 policies, and AWS allows 10",
		},
		"managed policy that is not an ARN": {
			role + "policy_arns = ReadOnlyAccess", `has "ReadOnlyAccess", which is not an ARN`,
		},
		"both token file and process": {
			web + "web_identity_token_file = /t",
			"both web_identity_token_file and web_identity_token_process",
		},
		"token process without a role": {
			"[profile p]\nweb_identity_token_process = x",
			"web_identity_token_process without role_arn",
		},
		"tags of a web identity": {
			web + "session_tags = a=b", "session_tags is not possible with a web identity token",
		},
		"source identity of a web identity": {
			web + "source_identity = jill",
			"source_identity is not possible with a web identity token",
		},
		"policy of a web identity, not an object": {web + "policy = []", "not a JSON object"},
		"session name of a web identity": {
			web + "role_session_name = a b", "role_session_name has the character ' '",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := mustLoad(t, test.config, "[b]\n"+keys).Chain("p")
			var e *diag.Error
			if !errors.As(err, &e) || !errHas(err, test.want) || e.Hint == "" || e.Where == "" {
				t.Errorf("error %q\n want %q", err, test.want)
			}
		})
	}
	for _, config := range []string{
		"session_tags = " + many(50, "k%d=v"), "session_tags = k=" + long[2:],
		`policy = {"a":"` + strings.Repeat("é", 2040) + `"}`,
		"policy_arns = " + many(10, "arn:aws:iam::aws:policy/%d"),
	} {
		if _, err := mustLoad(t, role+config, "[b]\n"+keys).Chain("p"); err != nil {
			t.Errorf("at the bound: %v", err)
		}
	}
}

func TestPolicyFileExpandsHome(t *testing.T) {
	t.Setenv("HOME", "/home/jill")
	t.Setenv("USERPROFILE", "/home/jill")
	for policy, want := range map[string]string{
		"file://~/p.json": "/home/jill/p.json", "file:///p.json": "/p.json", "file://p.json": "p.json",
	} {
		if path, ok := PolicyFile(policy); filepath.ToSlash(path) != want || !ok {
			t.Errorf("%s: %q, %v", policy, path, ok)
		}
	}
	if _, ok := PolicyFile("{}"); ok {
		t.Error("a policy is taken for a file")
	}
}

func TestWithDuration(t *testing.T) {
	const config = "[profile dev]\nrole_arn = arn:aws:iam::111111111111:role/A\nsource_profile = base\n" +
		"duration_seconds = 900\n" +
		"[profile ops]\nrole_arn = arn:aws:iam::111111111111:role/B\nsource_profile = dev\n" +
		"[profile web]\nrole_arn = arn:aws:iam::111111111111:role/W\nweb_identity_token_file = /t\n" +
		"[profile base]\naws_access_key_id = AKIA\naws_secret_access_key = x\n"
	f := mustLoad(t, config, "")
	for _, test := range []struct {
		profile string
		d       time.Duration
		wantErr string
	}{
		{"dev", 12 * time.Hour, ""},
		{"ops", time.Hour, ""},
		{"ops", time.Hour + time.Second, ""}, // only AWS refuses it
		{"web", time.Hour, "a duration needs an AssumeRole call"},
		{"base", time.Hour, "a duration needs an AssumeRole call"},
	} {
		before, err := f.Chain(test.profile)
		if err != nil {
			t.Fatal(err)
		}
		hops := slices.Clone(before.Hops)
		c, err := before.WithDuration(test.d)
		if test.wantErr != "" {
			if !errHas(err, test.wantErr) {
				t.Errorf("%s, %s: error %v", test.profile, test.d, err)
			}
			continue
		}
		if err != nil || c.Hops[len(c.Hops)-1].Duration != test.d ||
			len(hops) > 1 && c.Hops[0].Duration != hops[0].Duration {
			t.Errorf("%s, %s: error %v, %+v", test.profile, test.d, err, c.Hops)
		}
		if diff := cmp.Diff(hops, before.Hops); diff != "" {
			t.Errorf("%s: the chain itself has changed: %s", test.profile, diff)
		}
	}
}

func TestCheckDuration(t *testing.T) {
	for d, ok := range map[time.Duration]bool{
		15 * time.Minute: true, 12 * time.Hour: true, 20*time.Minute + time.Second: true,
		0: false, -time.Hour: false, 15*time.Minute - time.Second: false,
		12*time.Hour + time.Second: false, time.Hour + time.Millisecond: false,
	} {
		if err := CheckDuration(d); (err == nil) != ok {
			t.Errorf("%s: %v", d, err)
		}
	}
}
