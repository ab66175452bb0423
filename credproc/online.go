package credproc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/printable"
	"aws-credproc/internal/tui"
	"aws-credproc/profiles"
)

// reachPatience limits how long Reach waits for STS.
const reachPatience = 10 * time.Second

// maxIdentity is the limit of an account ID, ARN or user ID in bytes. An ARN has at most 2048.
const maxIdentity = 2048

// Reached describes an STS endpoint.
type Reached struct {
	URL   string        // without a password
	Proxy string        // the host of the proxy, if there is one
	Ahead time.Duration // how far this machine's clock is ahead of the server's; negative if behind
}

// Reach connects to the STS of a chain and compares the clocks. It sends no credentials. The error
// is a [*diag.Error]; what is known of the endpoint is returned with it.
func (r *Resolver) Reach(ctx context.Context, c profiles.Chain) (Reached, error) {
	var to Reached
	p, err := r.newPlan(c)
	if err != nil {
		return to, err
	}
	if to.URL, err = stsURL(ctx, p); err != nil {
		return to, err
	}
	client, err := r.newSTSClient(p.Chain, p.Endpoint)
	if err != nil {
		return to, err
	}
	fail := func(err error, hint string) (Reached, error) {
		e := &diag.Error{
			Profile: c.Profile.Name, Where: "connect to STS", Err: err, Hint: hint, Flags: diag.Temporary,
		}
		if region, ok := regionOfEndpoint(p.Endpoint, c.Profile.Name); ok {
			region.describe(e, "STS at "+to.URL)
		}
		return to, e
	}
	ctx, cancel := context.WithTimeout(ctx, reachPatience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, to.URL, nil)
	if err != nil {
		return fail(err, "correct the endpoint")
	}
	proxy, err := http.ProxyFromEnvironment(request) // as the SDK's client does
	if err != nil {
		return fail(errors.New("HTTPS_PROXY or HTTP_PROXY is not a URL"), "write it as http://host:port")
	}
	if proxy != nil {
		to.Proxy = proxy.Host
	}
	start := r.Now()
	// Any response will do, even a redirect, so this bypasses limitedClient.
	response, err := client.http.HTTPClient.Do(request)
	if err != nil {
		return fail(reason(ctx, err, r.Now().Sub(start)), networkHint)
	}
	took := r.Now().Sub(start)
	// The body is not read: it may have no end.
	if err := response.Body.Close(); err != nil {
		return fail(reason(ctx, err, took), "check the network and the proxy")
	}
	date, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return fail(errBadAnswer{"no Date header"}, "check the proxy and the endpoint")
	}
	// The server answered half-way. A Date is truncated to seconds, by half a second on average.
	to.Ahead = start.Add(took / 2).Sub(date.Add(time.Second / 2))
	return to, nil
}

// reason returns why a request failed after a time, without the URL that net/http adds.
func reason(ctx context.Context, err error, after time.Duration) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("no response within %s", tui.Span(after))
	}
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err
	}
	return errText(err.Error())
}

// Caller is the identity behind credentials, as STS reports it. See
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
type Caller struct{ Account, ARN, UserID string }

// Source returns the identity of a chain's source. It may use a cached session of the source. The
// error is a [*diag.Error] or that of ctx.
func (r *Resolver) Source(ctx context.Context, c profiles.Chain) (Caller, error) {
	res, err := r.start(c)
	if err != nil {
		return Caller{}, err
	}
	s, err := res.session(ctx, 0, plan.IsSource)
	if err != nil {
		return Caller{}, err
	}
	return res.caller(ctx, 0, s)
}

// Whoami returns the identity of s, the credentials of a chain. The error is a [*diag.Error] or
// that of ctx.
func (r *Resolver) Whoami(
	ctx context.Context, c profiles.Chain, s cache.Session,
) (Caller, error) {
	res, err := r.start(c)
	if err != nil {
		return Caller{}, err
	}
	return res.caller(ctx, len(res.plan.Links)-1, s)
}

// caller returns the identity of s, the session after link n.
func (r *resolution) caller(ctx context.Context, n int, s cache.Session) (Caller, error) {
	client, err := r.sts()
	if err != nil {
		return Caller{}, err
	}
	out, err := client.with(s).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		e := client.explain(err, callOf(r.plan, n, s))
		e.Where = "GetCallerIdentity"
		return Caller{}, e
	}
	clean := func(p *string) string { return printable.Clean(aws.ToString(p), maxIdentity) }
	caller := Caller{clean(out.Account), clean(out.Arn), clean(out.UserId)}
	if !profiles.IsAccountID(caller.Account) || !strings.HasPrefix(caller.ARN, "arn:") {
		e := client.explain(errBadAnswer{"no account and ARN"}, callOf(r.plan, n, s))
		e.Where = "GetCallerIdentity"
		return Caller{}, e
	}
	return caller, nil
}
