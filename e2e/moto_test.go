package e2e_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// motoAccount is the account that moto plays.
const motoAccount = "123456789012"

// A moto is a moto server that checks signatures and policies, and a home that may do anything there.
type moto struct {
	url   string
	admin *home
}

// A call is one call of boto3: service, operation, parameters.
type call [3]any

// params are the parameters of a call.
type params map[string]any

// accessKey is an IAM user's long-term key.
type accessKey struct {
	ID     string `json:"AccessKeyId"`
	Secret string `json:"SecretAccessKey"`
}

// env returns the variables that every SDK takes the key from.
func (k accessKey) env() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + k.ID, "AWS_SECRET_ACCESS_KEY=" + k.Secret}
}

// section returns the key as a section of the credentials file.
func (k accessKey) section(profile string) string {
	return fmt.Sprintf("[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", profile, k.ID, k.Secret)
}

// startMoto starts moto and lets an administrator in, as the last who needs no permission.
func startMoto(t *testing.T) *moto {
	t.Helper()
	needCommands(t, "bash")
	need(t, exists(repoPath(t, "build", "venv", "installed.txt")) || hasPythonParts(t), "moto, boto3 or AWS CLI v1")
	url := startBeside(t, []string{"MOTO_NO_AUTH=3"}, []string{repoPath(t, "scripts", "with-moto.sh")}, "MOTO_URL")[0]
	m := &moto{url: url, admin: newHome(t, "AWS_ENDPOINT_URL="+url, "AWS_DEFAULT_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID=nobody", "AWS_SECRET_ACCESS_KEY=nobody")}
	key := m.do(t, createUser("admin", allow("*", "*"))...).accessKey(t)
	m.admin = m.admin.with(key.env()...)
	return m
}

func hasPythonParts(t *testing.T) bool {
	return exec.Command(python(t), "-c", "import awscli, boto3, moto.server").Run() == nil
}

func python(t *testing.T) string { return repoPath(t, "build", "venv", "bin", "python") }

// answers are what the calls of one [moto.do] answered.
type answers []json.RawMessage

// do makes calls as the administrator.
func (m *moto) do(t *testing.T, calls ...call) answers {
	t.Helper()
	stdin, err := json.Marshal(calls)
	if err != nil {
		t.Fatal(err)
	}
	r := m.admin.runInput(t, string(stdin), python(t), repoPath(t, "testdata", "e2e", "calls.py"))
	var a answers
	if err := json.Unmarshal([]byte(r.stdout), &a); err != nil || r.code != 0 {
		t.Fatalf("moto: exit code %d\n%s", r.code, r.stderr)
	}
	return a
}

// accessKey returns the key that one of the calls made.
func (a answers) accessKey(t *testing.T) accessKey {
	t.Helper()
	for _, answer := range a {
		var created struct{ AccessKey accessKey }
		if err := json.Unmarshal(answer, &created); err == nil && created.AccessKey.ID != "" {
			return created.AccessKey
		}
	}
	t.Fatal("no access key was made")
	return accessKey{}
}

// allow returns a policy that allows an action on a resource.
func allow(action, resource string) string {
	return fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": %q, "Resource": %q}]}`,
		action, resource)
}

// trust returns a trust policy for a principal; with an external ID, on condition of that.
func trust(principal, externalID string) string {
	condition := ""
	if externalID != "" {
		condition = fmt.Sprintf(`, "Condition": {"StringEquals": {"sts:ExternalId": %q}}`, externalID)
	}
	return fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": %q}, `+
		`"Action": "sts:AssumeRole"%s}]}`, principal, condition)
}

// roleARN returns the ARN of a role, whose name includes its path.
func roleARN(name string) string { return "arn:aws:iam::" + motoAccount + ":role/" + name }

// userARN returns the ARN of a user.
func userARN(name string) string { return "arn:aws:iam::" + motoAccount + ":user/" + name }

// createUser makes a user with an inline policy, if one is given, and a key.
func createUser(name, policy string) []call {
	calls := []call{{"iam", "create_user", params{"UserName": name}}}
	if policy != "" {
		calls = append(calls, call{"iam", "put_user_policy",
			params{"UserName": name, "PolicyName": "inline", "PolicyDocument": policy}})
	}
	return append(calls, call{"iam", "create_access_key", params{"UserName": name}})
}

// deleteUser takes away what [createUser] with the same policy made.
func deleteUser(name, policy string, key accessKey) []call {
	calls := []call{{"iam", "delete_access_key", params{"UserName": name, "AccessKeyId": key.ID}}}
	if policy != "" {
		calls = append(calls, call{"iam", "delete_user_policy", params{"UserName": name, "PolicyName": "inline"}})
	}
	return append(calls, call{"iam", "delete_user", params{"UserName": name}})
}

// createRole makes a role with a trust policy and an inline policy; its name may begin with a path.
func createRole(name, trustPolicy, policy string) []call {
	path, name := splitPath(name)
	return []call{
		{"iam", "create_role", params{"RoleName": name, "Path": path, "AssumeRolePolicyDocument": trustPolicy}},
		{"iam", "put_role_policy", params{"RoleName": name, "PolicyName": "inline", "PolicyDocument": policy}},
	}
}

// deleteRole takes away what [createRole] made.
func deleteRole(name string) []call {
	_, name = splitPath(name)
	return []call{
		{"iam", "delete_role_policy", params{"RoleName": name, "PolicyName": "inline"}},
		{"iam", "delete_role", params{"RoleName": name}},
	}
}

// splitPath splits "MyApp/MyRole" into IAM's path "/MyApp/" and "MyRole".
func splitPath(name string) (path, base string) {
	i := strings.LastIndex(name, "/") + 1
	return "/" + name[:i], name[i:]
}

// wired returns a config file with two profiles: "dev", which starts the program for "dev-role", and "dev-role" with
// these settings beside its source profile "base".
func wired(program, settings string) string {
	return fmt.Sprintf("[profile dev]\ncredential_process = %s get dev-role\nregion = us-east-1\n\n"+
		"[profile dev-role]\nregion = us-east-1\nsource_profile = base\n%s\n", program, settings)
}
