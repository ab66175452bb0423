package credproc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/files"
	"aws-credproc/profiles"
)

// reachPatience bounds the wait for an STS that is only asked whether it is there.
const reachPatience = 10 * time.Second

// Reached is what was found on the way to an STS.
type Reached struct {
	URL   string        // of the endpoint; fit to be shown
	Proxy string        // the host of the proxy on the way; "" for none
	Ahead time.Duration // how far this machine's clock is ahead of the one there; negative where it is behind
}

// Reach asks the STS of a chain whether it is there and what time it has. Nothing is signed and nothing told. The error
// is an [*diag.Error]; of Reached, what was known before it came to that is given with it.
func (r *Resolver) Reach(ctx context.Context, c profiles.Chain) (Reached, error) {
	w, err := r.way(c)
	if err != nil {
		return Reached{}, err
	}
	fail := func(to Reached, err error, hint string) (Reached, error) {
		return to, &diag.Error{Profile: c.Profile.Name, Where: "reach STS", Err: err, Hint: hint, Flags: diag.Temporary}
	}
	var to Reached
	if to.URL, err = w.stsURL(ctx); err != nil {
		return to, err
	}
	client, err := w.sts()
	if err != nil {
		return to, err
	}
	ctx, cancel := context.WithTimeout(ctx, reachPatience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, to.URL, nil)
	if err != nil {
		return fail(to, err, "correct the endpoint")
	}
	proxy, err := http.ProxyFromEnvironment(request) // as the SDK's client does
	if err != nil {
		return fail(to, errors.New("HTTPS_PROXY or HTTP_PROXY is no URL"), "write it as http://host:port")
	}
	if proxy != nil {
		to.Proxy = proxy.Host
	}
	start := r.Now()
	// Not the client that bounds answers and takes a redirect for none of STS: whoever answers has a clock.
	response, err := client.http.HTTPClient.Do(request)
	if err != nil {
		return fail(to, reason(ctx, err, r.Now().Sub(start)), "check the network, the proxy and the endpoint")
	}
	took := r.Now().Sub(start)
	if err := response.Body.Close(); err != nil { // unread: the head has the time, and a body may have no end
		return fail(to, reason(ctx, err, took), "check the network and the proxy")
	}
	date, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return fail(to, errBadAnswer{"it has no date"}, "check the proxy and the endpoint")
	}
	// The answer is of half-way between; and a Date has whole seconds, so it is half a second later on average.
	to.Ahead = start.Add(took / 2).Sub(date.Add(time.Second / 2))
	return to, nil
}

// reason gives why a request failed after a while, without the words that net/http puts around it, the URL among them.
func reason(ctx context.Context, err error, after time.Duration) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) { // or that of the caller, if it is sooner
		return fmt.Errorf("no answer within %s", after.Round(time.Second))
	}
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err
	}
	return errText(err.Error())
}

// Caller asks STS whose the credentials are that a chain starts with, and gives the ARN. A cached session of the source
// will do. It asks nobody for anything. The error is an [*diag.Error], or comes from ctx.
func (r *Resolver) Caller(ctx context.Context, c profiles.Chain) (arn string, err error) {
	w, err := r.way(c)
	if err != nil {
		return "", err
	}
	if err := w.checkRecursion(); err != nil {
		return "", err
	}
	s, err := w.session(ctx, 0, plan.IsSource)
	if err != nil {
		return "", err
	}
	client, err := w.sts()
	if err != nil {
		return "", err
	}
	out, err := client.with(s).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		e := client.explainFailure(err, &w, 0, s)
		e.Where = "ask STS whose access key " + shownKeyID(s.AccessKeyID) + " is"
		if api := smithy.APIError(nil); errors.As(err, &api) && !e.Has(diag.Temporary) {
			code, message := client.refused(api, err)
			e.Hint = hintFor(code, message, c.Profile.Name, profiles.Hop{Profile: c.Source.Profile}, c.Source, c.Source.Profile)
		}
		return "", e
	}
	return aws.ToString(out.Arn), nil
}

// Try gets the session that a chain stands for anew, as Refresh does with since, and keeps it. Where that would take a code of an
// MFA device, it asks nobody and is an [*diag.Error] with NeedsPerson.
func (r *Resolver) Try(ctx context.Context, c profiles.Chain, since time.Time) (cache.Session, error) {
	w, err := r.way(c)
	if err != nil {
		return cache.Session{}, err
	}
	if w.needsPerson() {
		return cache.Session{}, &diag.Error{Profile: c.Profile.Name, Where: w.plan.Links[w.plan.Last()].String(), Err: errors.New("it takes a code of the MFA device " + c.MFA.Serial),
			Hint: "aws-credproc refresh " + profiles.Argument(c.Profile.Name), Flags: diag.NeedsUser | diag.Local}
	}
	return r.Refresh(ctx, c, since, false)
}

// CheckKeys says why the long-term keys of a chain's source cannot be taken out of the keyring, nil where they can or
// are elsewhere. The error is the [*diag.Error] that [Resolver.Credentials] gives. It reads them, and raises no prompt.
func (r *Resolver) CheckKeys(ctx context.Context, c profiles.Chain) error {
	if c.Source.Type != profiles.Keyring {
		return nil
	}
	w, err := r.way(c)
	if err != nil {
		return err
	}
	_, err = w.keyringSession(ctx)
	return err
}

// Check says why a chain's settings are refused, as far as that can be told without sending anything or running a
// command; for those of the connection see CheckConnection. The error is an [*diag.Error].
func (r *Resolver) Check(c profiles.Chain) error {
	w, err := r.way(c)
	if err != nil {
		return err
	}
	if w.plan.Last() > 0 || c.Source.Type == profiles.WebIdentity {
		if _, err := w.stsURL(context.Background()); err != nil {
			return err
		}
	}
	if s := c.Source; s.Type == profiles.WebIdentity && s.WebIdentityTokenFile != "" {
		if err := files.Check(s.WebIdentityTokenFile, plan.MaxTextFile); err != nil {
			e := w.sourceError(fmt.Errorf("web identity token: %w", err), "correct web_identity_token_file; the file holds the token and nothing else")
			e.Profile, e.Setting = s.Profile, "web_identity_token_file"
			return e
		}
	}
	return nil
}

// ConnectionSettings are the settings of the selected profile that CheckConnection looks at, beside the environment.
var ConnectionSettings = []string{"ca_bundle", "max_attempts", "retry_mode"}

// CheckConnection says why the settings of a chain's connection to AWS are refused. It reads a CA bundle whole. The error
// is an [*diag.Error].
func (r *Resolver) CheckConnection(c profiles.Chain) error {
	_, err := r.newSTSClient(c, plan.Endpoint{})
	return err
}

// CheckMFA says which profile's role can never be assumed with the MFA device that it names, and why; nil where there is
// none. The error is an [*diag.Error].
func (r *Resolver) CheckMFA(c profiles.Chain) (profile string, err error) {
	return plan.CheckMFA(c, r.Getenv)
}
