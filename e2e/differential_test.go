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

// differentialConfigs is the number of generated configs.
const differentialConfigs = 600

// resolved is the result for a config: the source and the roles, or an error.
type resolved struct{ chain, err string }

func (r resolved) String() string { return r.chain + "  " + r.err }

// TestE2EDifferential resolves the profile p of generated configs with the program, boto3 and the
// Go SDK. There must be a rule for each difference.
func TestE2EDifferential(t *testing.T) {
	need(t, exists(python(t)), "build/venv")
	h := newHome(t, "AWS_CA_BUNDLE=", "AWS_ACCESS_KEY_ID=ENVKEY", "AWS_SECRET_ACCESS_KEY=s",
		"AWS_REGION=us-east-1")
	program := buildProgram(t)
	writeSSOTokens(t, h.dir)
	for _, variable := range h.env {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value) // for the Go SDK, which runs in this process
	}

	g := generator{Rand: rand.New(rand.NewPCG(1, 2)), home: h.dir}
	var folders []string
	cases := map[string]generated{}
	for i := range differentialConfigs {
		folder := filepath.Join(h.dir, "cases", fmt.Sprintf("%03d", i))
		folders = append(folders, folder)
		cases[folder] = g.config()
		cases[folder].write(t, folder)
	}

	byBoto := resolveByBoto(t, h, folders)
	same, explained := 0, map[string]int{}
	var list strings.Builder
	for _, folder := range folders {
		d := difference{
			generated: cases[folder],
			program:   resolveByProgram(t, h, program, folder),
			boto:      byBoto[filepath.Base(folder)],
			goSDK:     resolveByGoSDK(t, folder),
		}
		if d.program.chain == d.boto.chain && d.program.chain == d.goSDK.chain {
			same++
			continue
		}
		rules := d.explain()
		text := fmt.Sprintf("%s\n program %v\n boto3   %v\n Go SDK  %v\n %s\n"+
			"--- config\n%s--- credentials\n%s\n", filepath.Base(folder), d.program, d.boto, d.goSDK,
			strings.Join(rules, "\n "), d.config, d.credentials)
		if len(rules) == 0 {
			t.Errorf("no rule for %s", text)
		}
		for _, name := range rules {
			explained[name]++
		}
		list.WriteString(text)
	}
	path := repoPath(t, "build", "differential.txt")
	if err := os.WriteFile(path, []byte(list.String()), 0o644); err != nil {
		t.Error(err)
	}
	t.Log("all differences and their rules are in build/differential.txt")
	t.Logf("%d configs, %d without a difference", len(folders), same)
	for _, name := range slices.Sorted(maps.Keys(explained)) {
		t.Logf("%4d differences: %s", explained[name], name)
	}
	if n := same + explained[goRules[0].name]; n < differentialConfigs/2 {
		t.Errorf("only %d of %d configs differ at most in the duration: the generated configs "+
			"are too unusual", n, differentialConfigs)
	}
}

// generated is a generated pair of files and what is unusual in them.
type generated struct {
	config, credentials string
	traits              map[string]bool
}

// write writes the files to a folder.
func (c generated) write(t *testing.T, folder string) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"config": c.config, "credentials": c.credentials} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// generator generates configs with the profiles p, q and r.
type generator struct {
	*rand.Rand
	home  string
	plain bool // no odd forms
}

func (g generator) pick(from ...string) string { return from[g.IntN(len(from))] }

func (g generator) config() generated {
	c := generated{traits: map[string]bool{}}
	odd := !g.plain && g.IntN(4) == 0
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
				if header[1] == ' ' {
					c.traits["white space in brackets"] = true
				}
			}
			configText.WriteString(header + "\n")
			g.writeLines(&configText, c.traits, odd, inConfig)
		}
		if len(inCredentials) > 0 {
			credentialsText.WriteString("[" + name + "]\n")
			g.writeLines(&credentialsText, c.traits, odd, inCredentials)
		}
	}
	configText.WriteString(
		"[sso-session corp]\nsso_region = us-east-1\nsso_start_url = https://corp.example\n")
	c.config, c.credentials = configText.String(), credentialsText.String()
	if g.IntN(20) == 0 {
		c.config = strings.ReplaceAll(c.config, "\n", "\r\n")
	}
	return c
}

// recipe returns the recipe for a profile, see body. The profile p is usually a role.
func (g generator) recipe(name string) string {
	recipes := []string{
		"role", "role", "role", "role", "keys", "keys in config", "keys in both", "missing",
		"settings", "half ID", "half secret", "role and keys", "role alone", "role to itself",
		"role to itself with keys", "role with both sources", "role by environment", "process",
		"process and keys", "process and keys in config", "web identity and keys",
		"role and process", "role, source and process", "sso", "sso legacy", "sso half",
		"sso and keys", "web identity", "web identity without role", "web identity and source",
		"source without role",
	}
	if name == "p" && g.IntN(2) == 0 {
		return "role"
	}
	if name != "p" && g.IntN(3) == 0 {
		return "keys"
	}
	return recipes[g.IntN(len(recipes))]
}

// body returns the lines of a profile in each file.
func (g generator) body(name, recipe string) (inConfig, inCredentials []string) {
	id, secret := "aws_access_key_id = AKIA"+strings.ToUpper(name), "aws_secret_access_key = s"
	role := []string{"role_arn = arn:aws:iam::111111111111:role/" + name}
	if g.IntN(3) == 0 {
		role = append(role, "external_id = id-"+name)
	}
	if g.IntN(4) == 0 {
		role = append(role, "duration_seconds = "+g.pick("900", "3600"))
	}
	others := slices.DeleteFunc([]string{"p", "q", "q", "r", "r"}, func(s string) bool {
		return s == name
	})
	source := "source_profile = " + g.pick(others...)
	process := "credential_process = cat " + filepath.ToSlash(filepath.Join(g.home, "process.json"))
	token := "web_identity_token_file = " + filepath.ToSlash(filepath.Join(g.home, "token"))
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
		return append(role, token), []string{id, secret}
	case "role and process":
		return append(role, process), nil
	case "role, source and process":
		return append(role, source, process), nil
	case "sso":
		return sso, nil
	case "sso legacy":
		return append(sso[1:],
			"sso_region = us-east-1", "sso_start_url = https://corp.example"), nil
	case "sso half":
		return sso[:2], nil
	case "sso and keys":
		return sso, []string{id, secret}
	case "web identity":
		return append(role, token), nil
	case "web identity without role":
		return []string{token}, nil
	case "web identity and source":
		return append(role, source, token), nil
	case "source without role":
		return []string{source}, nil
	}
	panic("no recipe " + recipe)
}

// writeLines writes lines. If odd is set, it writes some in an unusual form with the same meaning.
func (g generator) writeLines(
	b *strings.Builder, traits map[string]bool, odd bool, lines []string,
) {
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
			traits["duplicate key"] = true
		}
		b.WriteString(line + "\n")
	}
}

// writeSSOTokens writes SSO tokens like "aws sso login", the output of the process and the token
// file.
func writeSSOTokens(t *testing.T, home string) {
	t.Helper()
	dir := filepath.Join(home, ".aws", "sso", "cache")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	token := fmt.Sprintf(`{"accessToken":"t","expiresAt":%q,"region":"us-east-1",`+
		`"startUrl":"https://corp.example"}`,
		time.Now().Add(8*time.Hour).UTC().Format(time.RFC3339))
	for _, name := range []string{"corp", "https://corp.example"} {
		sum := sha1.Sum([]byte(name))
		path := filepath.Join(dir, hex.EncodeToString(sum[:])+".json")
		if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
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

// resolveByBoto returns the results of boto3 by the folder's base name.
func resolveByBoto(t *testing.T, h *home, folders []string) map[string]resolved {
	t.Helper()
	script := repoPath(t, "testdata", "e2e", "resolve.py")
	all := map[string]resolved{}
	for line := range strings.Lines(h.ok(t, python(t), append([]string{script}, folders...)...)) {
		var r struct{ Folder, Outcome, Why string }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		all[r.Folder] = resolved{r.Outcome, r.Why}
	}
	return all
}

// resolveByProgram returns the result of the program, in the form of resolve.py.
func resolveByProgram(t *testing.T, h *home, program, folder string) resolved {
	t.Helper()
	r := h.with("AWS_CONFIG_FILE="+filepath.Join(folder, "config"),
		"AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(folder, "credentials")).
		run(t, program, "explain", "--json", "p")
	if r.code != 0 {
		return resolved{"error", strings.TrimSpace(r.stderr)}
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
			return resolved{"error", "get refuses a profile without SSO account"}
		case e.Type == "sso":
			parts = append(parts, "SSO "+e.SSOAccountID+" "+e.SSORoleName)
		default:
			parts = append(parts, e.Type+" "+e.RoleARN)
		}
	}
	return resolved{strings.Join(parts, " > "), ""}
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

// resolveByGoSDK returns the result of the Go SDK, whose requests go to a recorder.
func resolveByGoSDK(t *testing.T, folder string) resolved {
	t.Helper()
	rec := &recorder{}
	cfg, err := config.LoadDefaultConfig(t.Context(),
		config.WithSharedConfigProfile("p"), config.WithHTTPClient(rec),
		config.WithSharedConfigFiles([]string{filepath.Join(folder, "config")}),
		config.WithSharedCredentialsFiles([]string{filepath.Join(folder, "credentials")}))
	if err != nil {
		return resolved{"error", err.Error()}
	}
	credentials, err := cfg.Credentials.Retrieve(context.WithoutCancel(t.Context()))
	if err != nil {
		return resolved{"error", err.Error()}
	}
	if len(rec.parts) == 0 {
		return resolved{credentials.AccessKeyID, ""}
	}
	return resolved{strings.Join(rec.parts, " > "), ""}
}

// recorder responds to requests to STS and the SSO portal, and records them.
type recorder struct {
	parts []string
}

func (r *recorder) Do(req *http.Request) (*http.Response, error) {
	if strings.HasPrefix(req.URL.Host, "portal.sso.") {
		q := req.URL.Query()
		return respond(fmt.Sprintf(`{"roleCredentials":{"accessKeyId":"SSO %s %s",`+
			`"secretAccessKey":"s","sessionToken":"t","expiration":%d}}`,
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
	return respond(fmt.Sprintf(`<%[1]sResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">`+
		`<%[1]sResult><Credentials><AccessKeyId>ASIA%d</AccessKeyId>`+
		`<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>`+
		`<Expiration>%s</Expiration></Credentials></%[1]sResult></%[1]sResponse>`,
		action, len(r.parts), time.Now().Add(time.Hour).UTC().Format(time.RFC3339)))
}

func respond(body string) (*http.Response, error) {
	return &http.Response{
		StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)),
	}, nil
}
