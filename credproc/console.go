package credproc

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	smithyhttp "github.com/aws/smithy-go/transport/http"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// SigninVariable is the variable that overrides the endpoint of [Resolver.ConsoleURL].
const SigninVariable = "AWS_CREDPROC_SIGNIN_ENDPOINT"

// signinHosts are the hosts that exchange a session for a sign-in to the console, by partition.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_enable-console-custom-url.html
var signinHosts = map[string]string{
	"aws":        "signin.aws.amazon.com",
	"aws-cn":     "signin.amazonaws.cn",
	"aws-us-gov": "signin.amazonaws-us-gov.com",
}

// CheckConsole returns an error if the credentials of a chain cannot sign in to the console, or not
// for this duration. A duration of 0 means that of the session.
func (r *Resolver) CheckConsole(c profiles.Chain, duration time.Duration) error {
	p, err := r.newPlan(c)
	if err != nil {
		return err
	}
	isLongTerm := r.hasLongTermKeys(c)
	switch {
	case len(c.Hops) == 0 && isLongTerm:
		return consoleRefusal(c, "the AWS console needs the session of a role, and this profile has "+
			"long-term keys only")
	case p.Links[p.Last()].IsSessionToken():
		return consoleRefusal(c, "the AWS console does not accept a session of GetSessionToken")
	case duration != 0 && (len(p.Links) != 2 || !isLongTerm):
		return &diag.Error{
			Profile: c.Profile.Name,
			Problem: "--duration can be used only with a role that long-term keys assume",
			Hint:    "leave out --duration: the sign-in lasts as long as the session",
		}
	}
	return nil
}

func consoleRefusal(c profiles.Chain, problem string) error {
	return &diag.Error{
		Profile: c.Profile.Name, Problem: problem,
		Hint: "use a profile with a role; aws-credproc list shows them",
	}
}

// hasLongTermKeys reports whether the source of a chain is a key pair without a session token.
func (r *Resolver) hasLongTermKeys(c profiles.Chain) bool {
	switch c.Source.Type {
	case profiles.Static, profiles.Keyring:
		return c.Source.SessionToken == ""
	case profiles.Environment:
		return r.Getenv("AWS_SESSION_TOKEN") == ""
	}
	return false
}

// ConsoleURL exchanges s, the credentials of a chain, for a URL that signs in to the console and
// leads to destination. The URL is a secret that is good for 15 minutes. The session is sent in the
// body of a POST. duration is that of the sign-in; 0 leaves it to AWS. The error is a [*diag.Error]
// or that of ctx.
func (r *Resolver) ConsoleURL(
	ctx context.Context, c profiles.Chain, s cache.Session, destination string, duration time.Duration,
) (string, error) {
	if s.SessionToken == "" {
		return "", consoleRefusal(c, "the AWS console needs a session, and these are long-term keys")
	}
	endpoint, err := signinEndpoint(r.Getenv, plan.Partition(c))
	if err != nil {
		return "", err
	}
	settings := connectionSettings{profile: c.Profile, getenv: r.Getenv}
	client, err := settings.httpClient()
	if err != nil {
		return "", err
	}
	if r.BeforeWait != nil {
		r.BeforeWait()
	}
	token, err := signinToken(ctx, withoutRedirects(client), endpoint, s, duration)
	if err != nil {
		return "", consoleError(ctx, c, endpoint, err)
	}
	return endpoint + "?" + url.Values{
		"Action": {"login"}, "Destination": {destination}, "SigninToken": {token},
	}.Encode(), nil
}

// consoleError returns the error of a sign-in that failed.
func consoleError(ctx context.Context, c profiles.Chain, endpoint string, err error) error {
	_, host, _ := strings.Cut(endpoint, "://")
	host, _, _ = strings.Cut(host, "/")
	e := &diag.Error{
		Profile: c.Profile.Name, Where: "sign in to the AWS console", Err: err, Flags: diag.Temporary,
	}
	var send *smithyhttp.RequestSendError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		e.Err = errInterrupted
	case ctx.Err() != nil:
		e.Err = fmt.Errorf("no response from %s before the timeout", host)
		e.Hint = "check the network and the proxy, or use a longer --timeout"
	case errors.Is(err, errSigninRefused):
		e.Flags = 0
		e.Hint = "get a new session: aws-credproc refresh " + profiles.Argument(c.Profile.Name)
	case errors.As(err, &send):
		e.Err = fmt.Errorf("cannot reach %s: %w", host, root(send))
		e.Hint = cmp.Or(diag.FileLimitHint(err), networkHint)
	default:
		e.Hint = "try again; if it keeps failing, check the proxy and the endpoint"
	}
	return e
}

// signinEndpoint returns the URL of the endpoint for a partition.
func signinEndpoint(getenv func(string) string, partition string) (string, error) {
	if text := getenv(SigninVariable); text != "" {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.User != nil || strings.ContainsAny(text, "?#") ||
			u.Scheme != "https" && (u.Scheme != "http" || !isLoopbackHost(u.Hostname())) {
			return "", &diag.Error{
				Setting: SigninVariable, Flags: diag.Local,
				Problem: SigninVariable + " is not an https URL, or http on this machine",
				Hint:    "correct or unset " + SigninVariable,
			}
		}
		return text, nil
	}
	host := signinHosts[partition]
	if host == "" {
		return "", &diag.Error{
			Problem: "the sign-in endpoint of the partition " + partition + " is not known",
			Hint:    "set " + SigninVariable,
		}
	}
	return "https://" + host + "/federation", nil
}

func isLoopbackHost(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Limits of the response, in bytes.
const (
	maxSigninResponse = 64 << 10
	maxSigninToken    = 16 << 10
)

// errSigninRefused means that the endpoint does not accept the session.
var errSigninRefused = errors.New("AWS does not accept the session")

// signinToken calls getSigninToken.
func signinToken(
	ctx context.Context, client *http.Client, endpoint string, s cache.Session, d time.Duration,
) (string, error) {
	session, err := json.Marshal(map[string]string{
		"sessionId": s.AccessKeyID, "sessionKey": s.SecretAccessKey, "sessionToken": s.SessionToken,
	})
	if err != nil {
		return "", errors.New("the session cannot be sent")
	}
	form := url.Values{"Action": {"getSigninToken"}, "Session": {string(session)}}
	if d != 0 {
		form.Set("SessionDuration", strconv.Itoa(int(d.Seconds())))
	}
	req, err := http.NewRequestWithContext(
		ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return "", errors.New("the URL of the endpoint is invalid")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := client.Do(req)
	if err != nil {
		return "", &smithyhttp.RequestSendError{Err: err}
	}
	defer resp.Body.Close()
	return readSigninToken(resp)
}

// readSigninToken returns the token of a response.
func readSigninToken(resp *http.Response) (string, error) {
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
		return "", fmt.Errorf("%w (status %d)", errSigninRefused, resp.StatusCode)
	default:
		return "", fmt.Errorf("the response has status %d", resp.StatusCode)
	}
	invalid := errors.New("the response did not come from AWS")
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || kind == "text/html" {
		return "", invalid
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxSigninResponse+1))
	if err != nil {
		return "", errors.New("the response is incomplete")
	}
	var out struct{ SigninToken string }
	if len(b) > maxSigninResponse || json.Unmarshal(b, &out) != nil {
		return "", invalid
	}
	isInvalid := func(r rune) bool { return r <= ' ' || r > '~' }
	if out.SigninToken == "" || len(out.SigninToken) > maxSigninToken ||
		strings.ContainsFunc(out.SigninToken, isInvalid) {
		return "", invalid
	}
	return out.SigninToken, nil
}
