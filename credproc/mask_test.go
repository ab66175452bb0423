package credproc

import (
	"encoding/json"
	"strings"
	"testing"

	"aws-credproc/internal/diag"
)

// Secrets in commands and URLs of endpoints are in no explanation and in no error.
func TestSecretsInCommandsAndURLsAreMasked(t *testing.T) {
	w := newFixture(t)
	w.config("[profile dev]\nrole_arn = " + devARN + "\nsource_profile = leaf\n" +
		"[profile leaf]\ncredential_process = " + command("print", w.write("out", processJSON(w.given))) +
		" --password\n  hush\n[profile web]\nrole_arn = " + webARN +
		"\nweb_identity_token_process = tool --token=\n  hush\n" +
		"[profile sso]\nsso_account_id = 123456789012\nsso_role_name = x\nsso_region = x\n" +
		"sso_start_url = https://h.example/?hush\n")
	t.Setenv("AWS_ENDPOINT_URL_STS", "http://jill:hush@127.0.0.1:1/?key=hush")
	for _, profile := range []string{"dev", "web", "sso"} {
		c, err := w.chain(profile)
		must(t, err)
		x, err := w.resolver.Explain(t.Context(), c)
		must(t, err)
		b, err := json.Marshal(x)
		must(t, err)
		if strings.Contains(string(b), "hush") || !strings.Contains(string(b), "***") {
			t.Errorf("explain: %s", b)
		}
	}
	_, err := w.get("dev")
	if err == nil || strings.Contains(diag.Text(err), "hush") ||
		!strings.Contains(diag.Text(err), "http://***@127.0.0.1:1") {
		t.Errorf("error %v", err)
	}
}
