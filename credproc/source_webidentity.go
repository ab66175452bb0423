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

// maxWebIdentityToken is what STS takes.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
const maxWebIdentityToken = 20000

// webIdentitySession assumes the source's role with a token. It is our own STS client that calls, so that endpoint, CA
// bundle and retries are those of every other call.
func (w *way) webIdentitySession(ctx context.Context) (cache.Session, error) {
	token, err := w.webIdentityToken(ctx)
	if err != nil {
		return cache.Session{}, err
	}
	client, err := w.sts()
	if err != nil {
		return cache.Session{}, err
	}
	s, err := client.assumeRoleWithWebIdentity(ctx, token, w.plan.Chain.Source)
	if err != nil {
		return cache.Session{}, client.explainFailure(err, w, 0, cache.Session{})
	}
	return s, nil
}

func (w *way) webIdentityToken(ctx context.Context) (string, error) {
	s := w.plan.Chain.Source
	from := "web_identity_token_file " + s.WebIdentityTokenFile
	var token, hint string
	if s.WebIdentityTokenProcess != "" {
		from, hint = "web_identity_token_process", "it must print the token and nothing else"
		out, err := shell.Output(ctx, s.WebIdentityTokenProcess, w.passed(), w.Stderr)
		if err != nil {
			return "", w.commandError(from, err)
		}
		token = out
	} else {
		hint = "correct web_identity_token_file; the file holds the token and nothing else"
		b, err := files.Read(s.WebIdentityTokenFile, plan.MaxTextFile)
		if err != nil {
			return "", w.sourceError(fmt.Errorf("web identity token: %w", err), hint)
		}
		token = strings.TrimSpace(string(b))
	}
	switch {
	case token == "":
		return "", w.sourceError(errors.New(from+" gave no token"), hint)
	case len(token) > maxWebIdentityToken:
		return "", w.sourceError(fmt.Errorf("%s gave %d characters, and a token has %d at most", from, len(token), maxWebIdentityToken), hint)
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", w.sourceError(errors.New(from+" gave characters that no token has"), hint)
	}
	return token, nil
}
