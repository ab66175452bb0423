package e2e_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"aws-credproc/internal/ststest"
)

// TestE2EStories follows tutorials on roles, against moto.
func TestE2EStories(t *testing.T) {
	m := startMoto(t)
	program := buildProgram(t)
	t.Run("1 Python prints the account", func(t *testing.T) { storyPython(t, m, program) })
	t.Run("2 user without permissions", func(t *testing.T) { storyNoPermissions(t, m, program) })
	t.Run("3 Jill lists users from JavaScript", func(t *testing.T) { storyJill(t, m, program) })
	t.Run("4 group, path and external ID", func(t *testing.T) { storyExternalID(t, m, program) })

	// Only the administrator may be left.
	left := m.do(t, call{"iam", "list_users", params{}}, call{"iam", "list_groups", params{}},
		call{"iam", "list_roles", params{}}, call{"iam", "list_policies", params{"Scope": "Local"}},
		call{"s3", "list_buckets", params{}})
	for i, want := range []int{1, 0, 0, 0, 0} {
		n := strings.Count(string(left[i]), `"CreateDate"`) +
			strings.Count(string(left[i]), `"CreationDate"`)
		if n != want {
			t.Errorf("%d are left, want %d: %s", n, want, left[i])
		}
	}
}

// storyPython has a user whose inline policy allows sts:AssumeRole on a role that trusts the user.
// The profiles have the endpoint.
func storyPython(t *testing.T, m *moto, program string) {
	policy := allow("sts:AssumeRole", roleARN("Reports"))
	key := m.do(t, createUser("ann", policy)...).accessKey(t)
	m.do(t, createRole("Reports", trust(userARN("ann"), ""), allow("s3:GetObject", "*"))...)
	t.Cleanup(func() { m.do(t, append(deleteRole("Reports"), deleteUser("ann", policy, key)...)...) })

	h := newHome(t)
	h.write(t, "config",
		"[profile dev]\nendpoint_url = "+m.url+"\nregion = eu-west-1\ncredential_process = "+
			program+" get dev-role\n\n"+
			"[profile dev-role]\nendpoint_url = "+m.url+"\nrole_arn = "+
			roleARN("Reports")+"\nsource_profile = base\n")
	h.write(t, "credentials", key.section("base"))
	var identity struct{ Account, Arn string }
	out := h.ok(t, python(t), repoPath(t, "testdata", "e2e", "whoami.py"), "dev")
	if err := json.Unmarshal([]byte(out), &identity); err != nil {
		t.Fatal(err)
	}
	if identity.Account != motoAccount || !strings.Contains(identity.Arn, ":assumed-role/Reports/") {
		t.Errorf("got %+v, want the role Reports of account %s", identity, motoAccount)
	}
}

// storyNoPermissions has a user who may only assume the role. After user and role are deleted,
// refresh fails.
func storyNoPermissions(t *testing.T, m *moto, program string) {
	key := m.do(t, createUser("bob", "")...).accessKey(t)
	m.do(t, createRole("Lister", trust(userARN("bob"), ""), allow("s3:ListAllMyBuckets", "*"))...)
	h := newHome(t, "AWS_ENDPOINT_URL="+m.url)
	h.write(t, "config",
		wired(program, "role_arn = "+roleARN("Lister"))+"[profile base]\nregion = us-east-1\n")
	h.write(t, "credentials", key.section("base"))

	s3ls := []string{"-m", "awscli", "s3", "ls", "--profile"}
	r := h.run(t, python(t), append(s3ls, "base")...)
	if r.code == 0 || !strings.Contains(r.stderr, "AccessDenied") {
		t.Errorf("s3 ls with the user's keys: exit code %d, want AccessDenied\n%s", r.code, r.stderr)
	}
	policy := allow("sts:AssumeRole", roleARN("Lister"))
	m.do(t,
		call{"iam", "put_user_policy", params{
			"UserName": "bob", "PolicyName": "inline", "PolicyDocument": policy,
		}},
		call{"s3", "create_bucket", params{"Bucket": "bobs-bucket"}})
	if out := h.ok(t, python(t), append(s3ls, "dev")...); !strings.Contains(out, "bobs-bucket") {
		t.Errorf("s3 ls with the role: no bucket in %q", out)
	}

	m.do(t, append(append(deleteRole("Lister"), deleteUser("bob", policy, key)...),
		call{"s3", "delete_bucket", params{"Bucket": "bobs-bucket"}})...)
	h.run(t, program, "refresh", "dev-role").
		failed(t, 1, "aws-credproc: dev-role: ", roleARN("Lister"), "InvalidClientTokenId")
}

// storyJill has a user who may list IAM users only with the role, from JavaScript.
func storyJill(t *testing.T, m *moto, program string) {
	policy := allow("sts:AssumeRole", roleARN("UserLister"))
	key := m.do(t, createUser("jill", policy)...).accessKey(t)
	m.do(t, createRole("UserLister", trust(userARN("jill"), ""), allow("iam:ListUsers", "*"))...)
	t.Cleanup(func() {
		m.do(t, append(deleteRole("UserLister"), deleteUser("jill", policy, key)...)...)
	})

	h := newHome(t, "AWS_ENDPOINT_URL="+m.url)
	h.write(t, "config",
		wired(program, "role_arn = "+roleARN("UserLister"))+"[profile base]\nregion = us-east-1\n")
	h.write(t, "credentials", key.section("base"))
	listUsers := repoPath(t, "testdata", "e2e", "js", "list-users.js")
	r := h.with("AWS_PROFILE=base").run(t, node(t), listUsers)
	if r.code == 0 || !strings.Contains(r.stderr, "AccessDenied") {
		t.Errorf("without the role: exit code %d, want AccessDenied\n%s", r.code, r.stderr)
	}
	var names []string
	out := h.with("AWS_PROFILE=dev").ok(t, node(t), listUsers)
	if err := json.Unmarshal([]byte(out), &names); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(names, "jill") {
		t.Errorf("users %v, want jill among them", names)
	}
}

// storyExternalID has a group with a managed policy, and a role with a path and an external ID.
func storyExternalID(t *testing.T, m *moto, program string) {
	role := roleARN("MyApp/MyS3Access")
	key := m.do(t, createUser("carl", "")...).accessKey(t)
	managed := "arn:aws:iam::" + motoAccount + ":policy/AssumeMyS3Access"
	m.do(t, slices.Concat(
		createRole("MyApp/MyS3Access", trust(userARN("carl"), "right-id"),
			allow("s3:ListAllMyBuckets", "*")),
		[]call{
			{"iam", "create_policy", params{
				"PolicyName": "AssumeMyS3Access", "PolicyDocument": allow("sts:AssumeRole", role),
			}},
			{"iam", "create_group", params{"GroupName": "MyAppUsers"}},
			{"iam", "attach_group_policy", params{"GroupName": "MyAppUsers", "PolicyArn": managed}},
			{"iam", "add_user_to_group", params{"GroupName": "MyAppUsers", "UserName": "carl"}},
			{"s3", "create_bucket", params{"Bucket": "carls-bucket"}},
		})...)
	t.Cleanup(func() {
		m.do(t, slices.Concat([]call{
			{"s3", "delete_bucket", params{"Bucket": "carls-bucket"}},
			{"iam", "remove_user_from_group", params{"GroupName": "MyAppUsers", "UserName": "carl"}},
			{"iam", "detach_group_policy", params{"GroupName": "MyAppUsers", "PolicyArn": managed}},
			{"iam", "delete_group", params{"GroupName": "MyAppUsers"}},
			{"iam", "delete_policy", params{"PolicyArn": managed}},
		}, deleteRole("MyApp/MyS3Access"), deleteUser("carl", "", key))...)
	})

	h := newHome(t, "AWS_ENDPOINT_URL="+m.url)
	h.write(t, "credentials", key.section("base"))
	h.write(t, "config", wired(program, "role_arn = "+role+"\nexternal_id = wrong-id"))
	h.run(t, program, "get", "dev-role").
		failed(t, 1, "aws-credproc: dev-role: ", role, userARN("carl"), "AccessDenied")

	h.write(t, "config", wired(program, "role_arn = "+role+"\nexternal_id = right-id"))
	for name, aws := range map[string][]string{
		"AWS CLI v1": {python(t), "-m", "awscli"},
		"AWS CLI v2": {cli2(t), "--endpoint-url", m.url},
	} {
		out := h.ok(t, aws[0], append(aws[1:], "s3", "ls", "--profile", "dev")...)
		if !strings.Contains(out, "carls-bucket") {
			t.Errorf("%s: no bucket in %q", name, out)
		}
	}
}

// TestE2EStoryBareSection has a section without the word "profile", as in many tutorials. The
// user's policy allows sts:AssumeRole on role/*, and the role trusts the account, which moto does
// not support. Both policies are needed.
func TestE2EStoryBareSection(t *testing.T) {
	program := buildProgram(t)
	sts, err := ststest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sts.Close(); err != nil {
			t.Error(err)
		}
	})
	user, err := sts.AddUser(motoAccount, "user1")
	if err != nil {
		t.Fatal(err)
	}
	role := roleARN("s3fullaccess")
	setRole := func(trust string) {
		t.Helper()
		if err := sts.AddRole(ststest.Role{ARN: role, Trust: trust}); err != nil {
			t.Fatal(err)
		}
	}
	setPolicy := func(policies ...string) {
		t.Helper()
		if err := sts.SetUserPolicy(user.ARN, policies...); err != nil {
			t.Fatal(err)
		}
	}
	var (
		policy  = allow("sts:AssumeRole", "arn:aws:iam::"+motoAccount+":role/*")
		root    = trust("arn:aws:iam::"+motoAccount+":root", "")
		nobody  = trust(userARN("somebody-else"), "")
		profile = "s3fullaccess-user1"
		section = "]\nrole_arn = " + role + "\nsource_profile = user1\n"
	)

	h := newHome(t, "AWS_ENDPOINT_URL_STS="+sts.URL)
	h.write(t, "credentials", accessKey{user.Key.ID, user.Key.Secret}.section("user1"))
	h.write(t, "config", "["+profile+section)
	h.run(t, program, "get", profile).failed(t, 1, h.path("config"), "[profile "+profile+"]")
	if n := len(sts.Requests()); n != 0 {
		t.Errorf("%d STS calls for a section that is not a profile", n)
	}

	h.write(t, "config", "[profile "+profile+section)
	for _, missing := range []struct {
		name     string
		trust    string
		policies []string
	}{
		{"both documents", nobody, nil},
		{"the user's policy", root, nil},
		{"the trust policy", nobody, []string{policy}},
	} {
		t.Run("denied without "+missing.name, func(t *testing.T) {
			setRole(missing.trust)
			setPolicy(missing.policies...)
			h.run(t, program, "refresh", profile).
				failed(t, 1, "aws-credproc: "+profile+": ", role, user.ARN, "AccessDenied")
		})
	}
	setRole(root)
	setPolicy(policy)
	h.ok(t, program, "refresh", profile)
	h.run(t, program, "get", profile).credentials(t, 0)
}
