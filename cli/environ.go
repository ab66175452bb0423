package cli

import (
	"runtime"
	"slices"
	"strings"
	"time"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
)

// variable is an environment variable.
type variable struct{ name, value string }

// credentialSources are the variables from which SDKs take credentials or what describes them. exec
// removes them: most would be preferred to the credentials of the profile, and the others describe
// different credentials.
var credentialSources = []string{
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CREDENTIAL_EXPIRATION",
	"AWS_ACCOUNT_ID",
	"AWS_PROFILE", "AWS_DEFAULT_PROFILE", // the JavaScript SDK prefers a profile to keys
	"AWS_SECURITY_TOKEN", // the former name of the session token, which botocore reads first
	"AWS_ACCESS_KEY", "AWS_SECRET_KEY", "AMAZON_ACCESS_KEY_ID", "AMAZON_SECRET_ACCESS_KEY",
	"AMAZON_SESSION_TOKEN", "AWS_CREDENTIAL_FILE",
	"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME",
	"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
	"AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
	"AWS_SESSION_EXPIRATION", // set by older versions of aws-vault
}

// credentialVariables returns credentials as environment variables.
//
// https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html
func credentialVariables(s cache.Session) []variable {
	all := []variable{
		{"AWS_ACCESS_KEY_ID", s.AccessKeyID},
		{"AWS_SECRET_ACCESS_KEY", s.SecretAccessKey},
		{"AWS_SESSION_TOKEN", s.SessionToken},
	}
	if at := plan.PrintedExpiration(s, time.Now()); !at.IsZero() {
		expiration := at.UTC().Format(time.RFC3339)
		all = append(all, variable{"AWS_CREDENTIAL_EXPIRATION", expiration})
	}
	return withoutEmpty(all)
}

// contextVariables returns the account and the region as environment variables.
func contextVariables(s cache.Session, region string) []variable {
	return withoutEmpty([]variable{
		{"AWS_ACCOUNT_ID", s.AccountID},
		{"AWS_REGION", region}, {"AWS_DEFAULT_REGION", region}, // some tools read only one of them
	})
}

func withoutEmpty(all []variable) []variable {
	return slices.DeleteFunc(all, func(v variable) bool { return v.value == "" })
}

// childEnviron returns an environment without credentialSources and with the variables of set. One
// without a value is removed.
func childEnviron(environ []string, set []variable) []string {
	same := func(a, b string) bool { return a == b }
	if runtime.GOOS == "windows" {
		same = strings.EqualFold
	}
	env := slices.DeleteFunc(slices.Clone(environ), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.ContainsFunc(credentialSources, func(c string) bool { return same(c, name) }) ||
			slices.ContainsFunc(set, func(s variable) bool { return same(s.name, name) })
	})
	for _, v := range withoutEmpty(slices.Clone(set)) {
		env = append(env, v.name+"="+v.value)
	}
	return env
}
