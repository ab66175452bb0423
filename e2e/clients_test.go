package e2e_test

import (
	"encoding/json"
	"path/filepath"
	"testing"
)

// TestE2EClients: all clients use the same profile and get the same session.
func TestE2EClients(t *testing.T) {
	m := startMoto(t)
	program := buildProgram(t)
	policy := allow("sts:AssumeRole", roleARN("Dev"))
	key := m.do(t, createUser("ann", policy)...).accessKey(t)
	m.do(t, createRole("Dev", trust(userARN("ann"), ""), allow("s3:ListAllMyBuckets", "*"))...)
	t.Cleanup(func() { m.do(t, append(deleteRole("Dev"), deleteUser("ann", policy, key)...)...) })

	stores := map[string]func(t *testing.T) []string{
		"file":    func(*testing.T) []string { return nil },
		"keyring": func(t *testing.T) []string { return startSecretService(t).env },
	}
	for store, env := range stores {
		t.Run(store, func(t *testing.T) {
			h := newHome(t, append(env(t),
				"AWS_CREDPROC_STORE="+store, "AWS_ENDPOINT_URL="+m.url, "AWS_PROFILE=dev")...)
			h.write(t, "config", wired(program, "role_arn = "+roleARN("Dev")))
			h.write(t, "credentials", key.section("base"))
			first := h.run(t, program, "get", "dev-role").credentials(t, 0)

			for _, c := range clients {
				t.Run(c.name, func(t *testing.T) {
					var got struct{ Account, Arn string }
					out := h.ok(t, c.find(t), c.whoami(t, m.url)...)
					if err := json.Unmarshal([]byte(out), &got); err != nil {
						t.Fatalf("%v in %q", err, out)
					}
					want := "arn:aws:sts::" + motoAccount + ":assumed-role/Dev"
					if got.Account != motoAccount || filepath.Dir(got.Arn) != want {
						t.Errorf("account %s, ARN %s; want account %s, ARN %s/*",
							got.Account, got.Arn, motoAccount, want)
					}
				})
			}
			last := h.run(t, program, "get", "dev-role").credentials(t, 0)
			if last.AccessKeyId != first.AccessKeyId {
				t.Error("there is a second session")
			}
		})
	}
}
