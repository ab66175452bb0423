package credproc

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/credproc/shell"
	"aws-credproc/internal/files"
)

// maxWebIdentityToken is the length limit of STS.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
const maxWebIdentityToken = 20000

// tokenFileHint returns the hint for a token file that cannot be used.
func tokenFileHint(path string) string {
	if strings.HasPrefix(path, "~") || strings.Contains(path, "$") {
		return "write the full path in web_identity_token_file: " +
			"tools do not expand ~ or variables in it"
	}
	return "correct web_identity_token_file; the file must hold only the token"
}

// webIdentitySession assumes the source's role with a token. It uses the STS client of the plan, so
// that endpoint, CA bundle and retries are those of every other call.
func webIdentitySession(ctx context.Context, s source) (cache.Session, error) {
	token, err := webIdentityToken(ctx, s)
	if err != nil {
		return cache.Session{}, err
	}
	client, err := s.sts()
	if err != nil {
		return cache.Session{}, err
	}
	found, err := client.assumeRoleWithWebIdentity(ctx, token, s.plan.Chain.Source)
	if err != nil {
		return cache.Session{}, client.explain(err, callOf(s.plan, 0, cache.Session{}))
	}
	return found, nil
}

// webIdentityToken returns the token from the source's file or command.
func webIdentityToken(ctx context.Context, s source) (string, error) {
	config := s.plan.Chain.Source
	var token, from, hint string
	if config.WebIdentityTokenProcess != "" {
		const key = "web_identity_token_process"
		from, hint = "the output of "+key, "the command must print only the token"
		out, err := shell.Output(ctx, config.WebIdentityTokenProcess,
			chainOfProfiles(s.plan.Chain), s.Stderr)
		if err != nil {
			return "", commandError(s, key, err)
		}
		token = out
	} else {
		path := config.WebIdentityTokenFile
		from, hint = "web_identity_token_file "+path, tokenFileHint(path)
		b, err := files.Read(config.WebIdentityTokenFile, plan.MaxTextFile)
		if err != nil {
			return "", s.fail(fmt.Errorf("web identity token: %w", err), hint)
		}
		token = strings.TrimSpace(string(b))
	}
	switch {
	case token == "":
		return "", s.fail(errors.New(from+" has no token"), hint)
	case len(token) > maxWebIdentityToken:
		return "", s.fail(fmt.Errorf("%s has %d characters, more than the %d of the longest token",
			from, len(token), maxWebIdentityToken), hint)
	case !isGraphic(token):
		return "", s.fail(errors.New(from+" has characters that a token cannot have"), hint)
	}
	return token, nil
}
