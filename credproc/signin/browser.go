package signin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// callbackPath is the path of the redirect URI that the AWS CLI registers too.
const callbackPath = "/oauth/callback"

// ErrListen means that this machine does not let the program receive the browser's answer.
var ErrListen = errors.New("cannot receive the browser's answer")

// WithBrowser signs in with an authorization code, which the browser brings to a port of this
// machine (RFC 8252), and PKCE (RFC 7636). It calls show once with the URL to be opened.
func (c *Client) WithBrowser(ctx context.Context, show func(page string)) (t Token, err error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return Token{}, fmt.Errorf("%w: %w", ErrListen, err)
	}
	// Serve closes it too; a second Close is harmless.
	defer func() { _ = listener.Close() }()
	r, err := c.register(ctx, codeGrant)
	if err != nil {
		return Token{}, err
	}
	a := &authorization{
		host: listener.Addr().String(), state: randomText(), verifier: randomText(),
		answers: make(chan answer),
	}
	page := c.authorizeURL(a, r)
	if err := c.checkPage(page); err != nil {
		return Token{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, maxWait, ErrExpired)
	defer cancel()
	a.ctx = ctx
	server := &http.Server{
		Handler: a, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 32 << 10,
	}
	go func() { _ = server.Serve(listener) }() // returns when the server is shut down
	defer func() {
		// The browser may still be reading the page.
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = server.Shutdown(ctx)
		_ = server.Close()
	}()
	show(page)
	select {
	case <-ctx.Done():
		return Token{}, context.Cause(ctx)
	case got := <-a.answers:
		t, err := c.redeem(ctx, a, r, got)
		got.result <- err
		select {
		case <-got.shown: // else a busy machine would close the connection too early
		case <-time.After(pagePatience):
		}
		return t, err
	}
}

// randomText returns 256 random bits in 43 characters, as RFC 7636, section 4.1, recommends.
func randomText() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// authorizeURL returns the URL at which the user allows the sign-in. It holds no secret.
func (c *Client) authorizeURL(a *authorization, r registration) string {
	sum := sha256.Sum256([]byte(a.verifier))
	q := url.Values{
		"response_type": {"code"}, "client_id": {r.id}, "redirect_uri": {a.redirectURI()},
		"state": {a.state}, "scopes": {strings.Join(c.Session.Scopes, " ")},
		"code_challenge_method": {"S256"},
		"code_challenge":        {base64.RawURLEncoding.EncodeToString(sum[:])},
	}
	return strings.TrimSuffix(c.OIDCURL, "/") + "/authorize?" + q.Encode()
}

// redeem exchanges the code of an answer for a token.
func (c *Client) redeem(
	ctx context.Context, a *authorization, r registration, got answer,
) (Token, error) {
	if got.err != nil {
		return Token{}, got.err
	}
	redirect := a.redirectURI()
	out, err := c.createToken(ctx, &ssooidc.CreateTokenInput{
		ClientId: &r.id, ClientSecret: &r.secret, GrantType: aws.String(codeGrant),
		Code: &got.code, CodeVerifier: &a.verifier, RedirectUri: &redirect,
	})
	if err != nil {
		return Token{}, err
	}
	return c.token(r, out)
}

// authorization is a sign-in that waits for the browser.
type authorization struct {
	ctx             context.Context // ends with the sign-in
	host            string          // "127.0.0.1:port"
	state, verifier string
	answers         chan answer
}

// answer is what the browser has brought.
type answer struct {
	code   string
	err    error
	result chan error    // receives whether the sign-in has succeeded
	shown  chan struct{} // closed when the page is written
}

// pagePatience is how long the program waits until the browser has the page at the end.
const pagePatience = 5 * time.Second

func (a *authorization) redirectURI() string { return "http://" + a.host + callbackPath }

// ServeHTTP handles the redirect. A request without the state is not from the page that the user
// was sent to; it does not end the sign-in.
func (a *authorization) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	sent := []byte(q.Get("state"))
	switch {
	case r.URL.Path != callbackPath || r.Host != a.host:
		writePage(w, http.StatusNotFound, "Not found", "There is nothing here.")
		return
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		writePage(w, http.StatusMethodNotAllowed, "Not allowed", "There is nothing here.")
		return
	case subtle.ConstantTimeCompare(sent, []byte(a.state)) != 1:
		writePage(w, http.StatusBadRequest, "This is another sign-in",
			"Use the page that the terminal shows, or start aws-credproc login again.")
		return
	}
	got := answer{code: q.Get("code"), result: make(chan error, 1), shown: make(chan struct{})}
	defer close(got.shown)
	switch refusal := q.Get("error"); {
	case refusal == "access_denied":
		got.err = ErrDenied
	case refusal != "":
		got.err = refusedError(refusal, q.Get("error_description"))
	case !isToken(got.code):
		got.err = errors.New("the browser brought no valid code")
	}
	select {
	case a.answers <- got:
	case <-a.ctx.Done():
		writePage(w, http.StatusGone, "The sign-in has ended", "Start aws-credproc login again.")
		return
	}
	if err := <-got.result; err != nil {
		writePage(w, http.StatusBadRequest, "You are not signed in",
			pageText(err)+" The terminal says what to do.")
		return
	}
	writePage(w, http.StatusOK, "You are signed in",
		"You can close this window and return to the terminal.")
}

// isNetworkError reports whether a request failed on its way, or at the service for a reason that
// passes.
func isNetworkError(err error) bool {
	var response interface{ HTTPStatusCode() int }
	if errors.As(err, &response) && response.HTTPStatusCode() >= 500 {
		return true
	}
	return errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, new(*smithyhttp.RequestSendError))
}
