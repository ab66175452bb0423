package e2e_test

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
)

// differentialConfigs is how many generated configs TestE2EDifferential resolves.
const differentialConfigs = 600

// TestE2EDifferential resolves the profile p of many generated configs by this program, by boto3 and by the Go SDK.
// Where one differs from us, the rule that decides must be known: see rules.
func TestE2EDifferential(t *testing.T) {
	python := repoPath(t, "build", "venv", "bin", "python")
	need(t, exists(python), "build/venv")
	h := newHome(t, "AWS_CA_BUNDLE=", "AWS_ACCESS_KEY_ID=ENVKEY", "AWS_SECRET_ACCESS_KEY=s", "AWS_REGION=us-east-1")
	program := buildProgram(t)
	writeSSOTokens(t, h.dir)
	for _, variable := range h.env {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value) // for the Go SDK, which runs in this process
	}

	g := generator{rand.New(rand.NewPCG(1, 2)), h.dir}
	var folders []string
	cases := map[string]generated{}
	for i := range differentialConfigs {
		c := g.config()
		folder := filepath.Join(h.dir, "cases", fmt.Sprintf("%03d", i))
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"config": c.config, "credentials": c.credentials} {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		folders = append(folders, folder)
		cases[filepath.Base(folder)] = c
	}

	byBoto := map[string][2]string{}
	for line := range strings.Lines(h.ok(t, python, append([]string{repoPath(t, "testdata", "e2e", "resolve.py")}, folders...)...)) {
		var r struct{ Folder, Outcome, Why string }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		byBoto[r.Folder] = [2]string{r.Outcome, r.Why}
	}

	same, decided := 0, map[string]int{}
	var list strings.Builder
	for _, folder := range folders {
		c := cases[filepath.Base(folder)]
		ours, ourWhy := resolveByUs(t, h, program, folder)
		boto := byBoto[filepath.Base(folder)]
		goSDK, goWhy := resolveByGoSDK(t, folder)
		if ours == boto[0] && ours == goSDK {
			same++
			continue
		}
		d := difference{generated: c, ours: ours, boto: boto[0], goSDK: goSDK, ourWhy: ourWhy, botoWhy: boto[1], goWhy: goWhy}
		names := d.decide()
		if len(names) == 0 {
			t.Errorf("no rule decides %s:\n ours   %s  (%s)\n boto3  %s  (%s)\n Go SDK %s  (%s)\n--- config\n%s--- credentials\n%s",
				filepath.Base(folder), ours, ourWhy, boto[0], boto[1], goSDK, goWhy, c.config, c.credentials)
		}
		for _, name := range names {
			decided[name]++
		}
		fmt.Fprintf(&list, "%s\n ours   %s  %s\n boto3  %s  %s\n Go SDK %s  %s\n %s\n--- config\n%s--- credentials\n%s\n", filepath.Base(folder),
			ours, ourWhy, boto[0], boto[1], goSDK, goWhy, strings.Join(names, "\n "), c.config, c.credentials)
	}
	if err := os.WriteFile(repoPath(t, "build", "differential.txt"), []byte(list.String()), 0o644); err != nil {
		t.Error(err)
	}
	t.Log("every difference, with its rules, is in build/differential.txt")
	t.Logf("%d configs: %d resolved alike by all three", len(folders), same)
	for _, name := range slices.Sorted(maps.Keys(decided)) {
		t.Logf("%4d decided by: %s", decided[name], name)
	}
	if alike := same + decided[goRules[0].name]; alike < differentialConfigs/2 {
		t.Errorf("only %d of %d configs are resolved alike, but for a duration: the generator makes too much that is odd", alike, differentialConfigs)
	}
}

// generated is one pair of files, with what is special about it.
type generated struct {
	config, credentials string
	traits              map[string]bool
}

// generator makes configs out of recipes for the profiles p, q and r.
type generator struct {
	*rand.Rand
	home string
}

func (g generator) pick(from ...string) string { return from[g.IntN(len(from))] }

func (g generator) config() generated {
	c := generated{traits: map[string]bool{}}
	odd := g.IntN(4) == 0
	var configText, credentialsText strings.Builder
	for _, name := range []string{"p", "q", "r"} {
		recipe := g.recipe(name)
		if recipe == "missing" {
			continue
		}
		c.traits[name+":"+recipe] = true
		inConfig, inCredentials := g.body(name, recipe)
		if len(inConfig) > 0 || len(inCredentials) == 0 {
			header := "[profile " + name + "]"
			if odd && g.IntN(4) == 0 {
				header = g.pick("[ profile\t"+name+" ]", "[profile "+name+"] ; note")
				c.traits["white space in brackets"] = c.traits["white space in brackets"] || header[1] == ' '
			}
			configText.WriteString(header + "\n")
			g.write(&configText, c.traits, odd, inConfig)
		}
		if len(inCredentials) > 0 {
			credentialsText.WriteString("[" + name + "]\n")
			g.write(&credentialsText, c.traits, odd, inCredentials)
		}
	}
	configText.WriteString("[sso-session corp]\nsso_region = us-east-1\nsso_start_url = https://corp.example\n")
	c.config, c.credentials = configText.String(), credentialsText.String()
	if g.IntN(20) == 0 {
		c.config = strings.ReplaceAll(c.config, "\n", "\r\n")
	}
	return c
}

// recipe says what a profile is made of. The profile p is mostly a role.
func (g generator) recipe(name string) string {
	recipes := []string{
		"role", "role", "role", "role", "keys", "keys in config", "keys in both", "missing", "settings", "half ID", "half secret",
		"role and keys", "role alone", "role to itself", "role to itself with keys", "role with both sources", "role by environment",
		"process", "process and keys", "process and keys in config", "web identity and keys", "role and process", "role, source and process", "sso", "sso legacy", "sso half", "sso and keys",
		"web identity", "web identity without role", "web identity and source", "source without role",
	}
	if name == "p" && g.IntN(2) == 0 {
		return "role"
	}
	if name != "p" && g.IntN(3) == 0 {
		return "keys"
	}
	return recipes[g.IntN(len(recipes))]
}

// body gives a profile's lines in each file.
func (g generator) body(name, recipe string) (inConfig, inCredentials []string) {
	id, secret := "aws_access_key_id = AKIA"+strings.ToUpper(name), "aws_secret_access_key = s"
	role := []string{"role_arn = arn:aws:iam::111111111111:role/" + name}
	if g.IntN(3) == 0 {
		role = append(role, "external_id = id-"+name)
	}
	if g.IntN(4) == 0 {
		role = append(role, "duration_seconds = "+g.pick("900", "3600"))
	}
	source := "source_profile = " + g.pick(slices.DeleteFunc([]string{"p", "q", "q", "r", "r"}, func(s string) bool { return s == name })...)
	process := "credential_process = cat " + filepath.ToSlash(filepath.Join(g.home, "process.json"))
	sso := []string{"sso_session = corp", "sso_account_id = 111111111111", "sso_role_name = R"}
	switch recipe {
	case "role":
		return append(role, source), nil
	case "keys":
		return nil, []string{id, secret}
	case "keys in config":
		return []string{id, secret}, nil
	case "keys in both":
		return []string{strings.Replace(id, "AKIA", "AKIAOLD", 1), secret}, []string{id, secret}
	case "settings":
		return []string{"region = eu-west-1", "s3 =", "  max_concurrent_requests = 20"}, nil
	case "half ID":
		return []string{"region = eu-west-1"}, []string{id}
	case "half secret":
		return []string{"region = eu-west-1"}, []string{secret}
	case "role and keys":
		return append(role, source), []string{id, secret}
	case "role alone":
		return role, nil
	case "role to itself":
		return append(role, "source_profile = "+name), nil
	case "role to itself with keys":
		return append(role, "source_profile = "+name), []string{id, secret}
	case "role with both sources":
		return append(role, source, "credential_source = Environment"), nil
	case "role by environment":
		return append(role, "credential_source = Environment"), nil
	case "process":
		return []string{process}, nil
	case "process and keys":
		return []string{process}, []string{id, secret}
	case "process and keys in config":
		return []string{process, id, secret}, nil
	case "web identity and keys":
		return append(role, "web_identity_token_file = "+filepath.ToSlash(filepath.Join(g.home, "token"))), []string{id, secret}
	case "role and process":
		return append(role, process), nil
	case "role, source and process":
		return append(role, source, process), nil
	case "sso":
		return sso, nil
	case "sso legacy":
		return append(sso[1:], "sso_region = us-east-1", "sso_start_url = https://corp.example"), nil
	case "sso half":
		return sso[:2], nil
	case "sso and keys":
		return sso, []string{id, secret}
	case "web identity":
		return append(role, "web_identity_token_file = "+filepath.ToSlash(filepath.Join(g.home, "token"))), nil
	case "web identity without role":
		return []string{"web_identity_token_file = " + filepath.ToSlash(filepath.Join(g.home, "token"))}, nil
	case "web identity and source":
		return append(role, source, "web_identity_token_file = "+filepath.ToSlash(filepath.Join(g.home, "token"))), nil
	case "source without role":
		return []string{source}, nil
	}
	panic("no recipe " + recipe)
}

// write writes lines, where odd is set sometimes in an odder form that means the same.
func (g generator) write(b *strings.Builder, traits map[string]bool, odd bool, lines []string) {
	for _, line := range lines {
		key, value, _ := strings.Cut(line, "=")
		switch form := g.IntN(8); {
		case strings.HasPrefix(line, " ") || !odd:
		case form == 0:
			line = strings.ToUpper(key) + "=" + value
		case form == 1:
			line = strings.TrimSpace(key) + "=" + strings.TrimSpace(value) + "   "
		case form == 2:
			line = "# " + line + "\n\n" + line
		case form == 3 && value != "":
			line += " # note"
			traits["inline comment"] = true
		case form == 4 && value != "":
			line = key + "= other\n" + line
			traits["key twice"] = true
		}
		b.WriteString(line + "\n")
	}
}

// writeSSOTokens puts a valid token where `aws sso login` leaves it, and what the process and the token file give.
func writeSSOTokens(t *testing.T, home string) {
	t.Helper()
	dir := filepath.Join(home, ".aws", "sso", "cache")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	token := fmt.Sprintf(`{"accessToken":"t","expiresAt":%q,"region":"us-east-1","startUrl":"https://corp.example"}`,
		time.Now().Add(8*time.Hour).UTC().Format(time.RFC3339))
	for _, name := range []string{"corp", "https://corp.example"} {
		sum := sha1.Sum([]byte(name))
		if err := os.WriteFile(filepath.Join(dir, hex.EncodeToString(sum[:])+".json"), []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"process.json": `{"Version":1,"AccessKeyId":"PROCESS","SecretAccessKey":"s","SessionToken":"t"}`,
		"token":        "token",
	} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// resolveByUs gives our outcome in the form of resolve.py, and why it is an error.
func resolveByUs(t *testing.T, h *home, program, folder string) (outcome, why string) {
	t.Helper()
	r := h.with("AWS_CONFIG_FILE="+filepath.Join(folder, "config"), "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(folder, "credentials")).
		run(t, program, "explain", "--json", "p")
	if r.code != 0 {
		return "error", strings.TrimSpace(r.stderr)
	}
	var x struct {
		Chain []struct {
			Type            string `json:"type"`
			AccessKeyID     string `json:"access_key_id"`
			RoleARN         string `json:"role_arn"`
			ExternalID      string `json:"external_id"`
			DurationSeconds int    `json:"duration_seconds"`
			SSOAccountID    string `json:"sso_account_id"`
			SSORoleName     string `json:"sso_role_name"`
		}
	}
	if err := json.Unmarshal([]byte(r.stdout), &x); err != nil {
		t.Fatal(err)
	}
	var parts []string
	for i, e := range x.Chain {
		switch {
		case i > 0:
			parts = append(parts, hopText(e.RoleARN, e.ExternalID, fmt.Sprint(e.DurationSeconds)))
		case e.Type == "static":
			parts = append(parts, e.AccessKeyID)
		case e.Type == "environment":
			parts = append(parts, "ENVKEY")
		case e.Type == "process":
			parts = append(parts, "PROCESS")
		case e.Type == "sso" && e.SSOAccountID == "":
			return "error", "an sso leaf that get refuses"
		case e.Type == "sso":
			parts = append(parts, "SSO "+e.SSOAccountID+" "+e.SSORoleName)
		default:
			parts = append(parts, e.Type+" "+e.RoleARN)
		}
	}
	return strings.Join(parts, " > "), ""
}

func hopText(arn, externalID, duration string) string {
	dash := func(s string) string {
		if s == "" || s == "0" {
			return "-"
		}
		return s
	}
	return arn + " " + dash(externalID) + " " + dash(duration)
}

// resolveByGoSDK is resolveByUs for the Go SDK, with a recorder in the place of the network.
func resolveByGoSDK(t *testing.T, folder string) (outcome, why string) {
	t.Helper()
	rec := &recorder{}
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithSharedConfigProfile("p"), config.WithHTTPClient(rec),
		config.WithSharedConfigFiles([]string{filepath.Join(folder, "config")}),
		config.WithSharedCredentialsFiles([]string{filepath.Join(folder, "credentials")}))
	if err != nil {
		return "error", err.Error()
	}
	credentials, err := cfg.Credentials.Retrieve(context.WithoutCancel(t.Context()))
	if err != nil {
		return "error", err.Error()
	}
	if len(rec.parts) == 0 {
		return credentials.AccessKeyID, ""
	}
	return strings.Join(rec.parts, " > "), ""
}

// recorder answers for STS and the SSO portal, and notes what they are asked.
type recorder struct {
	parts []string
}

func (r *recorder) Do(req *http.Request) (*http.Response, error) {
	if strings.HasPrefix(req.URL.Host, "portal.sso.") {
		q := req.URL.Query()
		return answer(fmt.Sprintf(`{"roleCredentials":{"accessKeyId":"SSO %s %s","secretAccessKey":"s","sessionToken":"t","expiration":%d}}`,
			q.Get("account_id"), q.Get("role_name"), time.Now().Add(time.Hour).UnixMilli()))
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	action, arn := form.Get("Action"), form.Get("RoleArn")
	switch action {
	case "AssumeRoleWithWebIdentity":
		r.parts = append(r.parts, "web_identity "+arn)
	case "AssumeRole":
		if len(r.parts) == 0 {
			_, key, _ := strings.Cut(req.Header.Get("Authorization"), "Credential=")
			key, _, _ = strings.Cut(key, "/")
			r.parts = append(r.parts, key)
		}
		r.parts = append(r.parts, hopText(arn, form.Get("ExternalId"), form.Get("DurationSeconds")))
	default:
		return nil, fmt.Errorf("unexpected request to %s", req.URL.Host)
	}
	return answer(fmt.Sprintf(`<%[1]sResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><%[1]sResult><Credentials><AccessKeyId>ASIA%d</AccessKeyId>`+
		`<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%s</Expiration></Credentials></%[1]sResult></%[1]sResponse>`,
		action, len(r.parts), time.Now().Add(time.Hour).UTC().Format(time.RFC3339)))
}

func answer(body string) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
}
