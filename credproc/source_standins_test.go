package credproc

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/ssotest"
	"aws-credproc/internal/ststest"
	"aws-credproc/profiles"
)

const (
	account = "123456789012"
	jillARN = "arn:aws:iam::" + account + ":user/jill"
	devARN  = "arn:aws:iam::" + account + ":role/Dev"
	webARN  = "arn:aws:iam::" + account + ":role/Web"
	opsARN  = "arn:aws:iam::" + account + ":role/Ops"
	issuer  = "https://token.example.com/tenant"
)

// fixture has a home directory, config files, a cache and an STS. The user jill, and sessions of
// the role Web, may assume the role Dev. AWS_PROFILE and the keys in the environment are not valid.
type fixture struct {
	t        *testing.T
	dir      string
	sts      *ststest.Server
	given    cache.Session // a session of jill that sources return
	resolver *Resolver
	stderr   *strings.Builder
	warnings *strings.Builder
	tokenKey []byte          // signs web identity tokens
	sso      *ssotest.Server // started by identityCenter
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	s, err := ststest.Start()
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	w := &fixture{t: t, dir: t.TempDir(), sts: s, stderr: &strings.Builder{},
		warnings: &strings.Builder{}, tokenKey: []byte("a secret of thirty-two bytes....")}
	user, err := s.AddUser(account, "jill",
		ststest.Document(ststest.Statement{Action: []string{"sts:*"}, Resource: []string{"*"}}))
	must(t, err)
	provider := ststest.OIDCProvider{Account: account, Issuer: issuer,
		ClientIDs: []string{"sts.amazonaws.com"}, Key: w.tokenKey}
	must(t, s.AddOIDCProvider(provider))
	must(t, s.AddRole(ststest.Role{ARN: webARN, Trust: ststest.TrustPolicy(provider.ARN()),
		Policy: ststest.AllowAssume(devARN)}))
	must(t, s.AddRole(ststest.Role{ARN: devARN, Trust: ststest.Document(
		ststest.Statement{Principal: ststest.Principal{"AWS": {jillARN, webARN}},
			Action: []string{"sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"}})}))

	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") ||
			strings.HasSuffix(strings.ToUpper(name), "_PROXY") || name == plan.ChainVariable {
			t.Setenv(name, "")
		}
	}
	for name, value := range map[string]string{
		"HOME": w.dir, "USERPROFILE": w.dir, "AWS_ENDPOINT_URL_STS": s.URL, "AWS_MAX_ATTEMPTS": "1",
		"GORACE":      "atexit_sleep_ms=0", // for this binary as a command: under the race detector it sleeps before it ends
		"AWS_PROFILE": "nobody", "AWS_ACCESS_KEY_ID": "AKIANOBODY", "AWS_SECRET_ACCESS_KEY": "nobody",
		"AWS_CONFIG_FILE": filepath.Join(w.dir,
			"nowhere"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(w.dir, "nowhere"),
	} {
		t.Setenv(name, value)
	}

	client := sts.New(sts.Options{Region: "us-east-1", BaseEndpoint: &s.URL,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: user.Key.ID, SecretAccessKey: user.Key.Secret}, nil
		})})
	out, err := client.GetSessionToken(t.Context(),
		&sts.GetSessionTokenInput{DurationSeconds: aws.Int32(3600)})
	must(t, err)
	w.given = cache.Session{
		AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey,
		SessionToken: *out.Credentials.SessionToken, AccountID: account,
		Expiration: out.Credentials.Expiration.Truncate(time.Second),
	}
	s.ResetRequests()

	warnf := func(format string, args ...any) { fmt.Fprintf(w.warnings, format+"\n", args...) }
	c, err := cache.Open(cache.Options{Dir: filepath.Join(w.dir, "state"), Choice: cache.File,
		Warnf: warnf})
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	w.resolver = &Resolver{
		Cache: c, Getenv: os.Getenv, Now: time.Now, Warnf: warnf, Tracef: func(string,
			...any) {
		}, Version: "test", Stderr: w.stderr,
	}
	return w
}

// write writes a file in the home directory and returns its path.
func (w *fixture) write(name, text string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	must(w.t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(w.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func (w *fixture) config(text string) { w.write("config", text) }

func (w *fixture) chain(profile string) (profiles.Chain, error) {
	f, err := profiles.Load(filepath.Join(w.dir, "config"), filepath.Join(w.dir, "credentials"))
	if err != nil {
		return profiles.Chain{}, err
	}
	return f.Chain(profile)
}

// get does what the get command does.
func (w *fixture) get(profile string) (cache.Session, error) {
	w.t.Helper()
	c, err := w.chain(profile)
	if err != nil {
		return cache.Session{}, err
	}
	return w.resolver.Credentials(w.t.Context(), c)
}

// mustGet fails the test on an error or a warning.
func (w *fixture) mustGet(profile string) cache.Session {
	w.t.Helper()
	s, err := w.get(profile)
	must(w.t, err)
	if w.warnings.Len() > 0 {
		w.t.Errorf("warnings: %s", w.warnings)
	}
	return s
}

// token returns a valid web identity token.
func (w *fixture) token(lifetime time.Duration) string {
	w.t.Helper()
	now := time.Now()
	token, err := ststest.SignToken(w.tokenKey, map[string]any{
		"iss": issuer, "aud": "sts.amazonaws.com", "sub": "jill", "iat": now.Add(-2 * time.Hour).Unix(),
		"exp": now.Add(lifetime).Unix(),
	})
	must(w.t, err)
	return token
}

// fakeService is a service on loopback that counts the valid requests.
type fakeService struct {
	*httptest.Server
	good   atomic.Int32
	breaks func(rw http.ResponseWriter) bool // handles a request if it returns true
}

func (s *fakeService) calls() int { return int(s.good.Load()) }

// serve starts a service. answer returns the response to a valid request, or a status and error
// code.
func serve(t *testing.T, answer func(r *http.Request) (body any, status int,
	code string)) *fakeService {
	t.Helper()
	s := &fakeService{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if s.breaks != nil && s.breaks(rw) {
			return
		}
		body, status, code := answer(r)
		rw.Header().Set("Content-Type", "application/json")
		if code != "" {
			rw.Header().Set("X-Amzn-ErrorType", code)
			rw.WriteHeader(status)
			fmt.Fprintf(rw, `{"code":%q,"message":"refused by the stand-in"}`, code)
			return
		}
		if text, ok := body.(string); ok {
			fmt.Fprint(rw, text)
			return
		}
		s.good.Add(1)
		if err := json.NewEncoder(rw).Encode(body); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// instance starts an instance metadata service, IMDSv2 only, with a role that has jill's
// credentials.
func (w *fixture) instance() *fakeService {
	const token = "AQAEAToken=="
	s := serve(w.t, func(r *http.Request) (any, int, string) {
		switch {
		case r.URL.Path == "/latest/api/token" && r.Method == http.MethodPut &&
			r.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds") != "":
			return token, 0, ""
		case r.Method != http.MethodGet || r.Header.Get("X-Aws-Ec2-Metadata-Token") != token:
			return nil, http.StatusUnauthorized, "Unauthorized"
		case r.URL.Path == "/latest/meta-data/iam/security-credentials/":
			return "jills-role", 0, ""
		case r.URL.Path == "/latest/meta-data/iam/security-credentials/jills-role":
			return map[string]any{
				"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": time.Now().UTC(),
				"AccessKeyId":     w.given.AccessKeyID,
				"SecretAccessKey": w.given.SecretAccessKey, "Token": w.given.SessionToken,
				"Expiration": w.given.Expiration,
			}, 0, ""
		}
		return nil, http.StatusNotFound, "NotFound"
	})
	ttl := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			rw.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
		}
		ttl.ServeHTTP(rw, r)
	})
	w.t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", s.URL)
	return s
}

// container starts the credentials endpoint of a task or pod.
func (w *fixture) container(authorization string) *fakeService {
	return serve(w.t, func(r *http.Request) (any, int, string) {
		if r.Method != http.MethodGet || r.URL.Path != "/v1/credentials" ||
			r.Header.Get("Authorization") != authorization {
			return nil, http.StatusForbidden, "AccessDenied"
		}
		return map[string]any{
			"AccessKeyId": w.given.AccessKeyID, "SecretAccessKey": w.given.SecretAccessKey,
			"Token":      w.given.SessionToken,
			"Expiration": w.given.Expiration, "AccountId": account, "RoleArn": devARN,
		}, 0, ""
	})
}

const (
	ssoAccess         = "aoaAccessToken"
	ssoStart          = "https://example.awsapps.com/start"
	ssoProfile        = "sso_account_id = " + account + "\nsso_role_name = Jill\n"
	ssoSessionSection = "[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = " + ssoStart +
		"\n"
)

// identityCenter starts an IAM Identity Center where jill is signed in. Roles have her credentials.
func (w *fixture) identityCenter() *ssotest.Server {
	if w.sso != nil {
		return w.sso
	}
	w.sso = ssotest.Start(ssotest.Settings{Credentials: func(string, string) ssotest.Credentials {
		return ssotest.Credentials{
			AccessKeyID: w.given.AccessKeyID, SecretAccessKey: w.given.SecretAccessKey,
			SessionToken: w.given.SessionToken, Expiration: w.given.Expiration,
		}
	}})
	w.t.Cleanup(w.sso.Close)
	roles := []string{"Jill"}
	for i := range 10 {
		roles = append(roles, fmt.Sprint("Jill", i))
	}
	w.sso.SetAccounts(ssotest.Account{ID: account, Roles: roles})
	w.sso.AddSignIn(ssoAccess, "again", "client", "hush")
	return w.sso
}

// portal starts the IAM Identity Center service that returns a role's credentials.
func (w *fixture) portal() *fakeService {
	s := count(w.t, w.identityCenter().Handler())
	w.t.Setenv("AWS_ENDPOINT_URL_SSO", s.URL)
	return s
}

// oidc starts the IAM Identity Center service that returns a new access token, once.
func (w *fixture) oidc() *fakeService {
	s := count(w.t, w.identityCenter().Handler())
	w.t.Setenv("AWS_ENDPOINT_URL_SSO_OIDC", s.URL)
	return s
}

// count starts a service that counts the successful requests.
func count(t *testing.T, handler http.Handler) *fakeService {
	t.Helper()
	s := &fakeService{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if s.breaks != nil && s.breaks(rw) {
			return
		}
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, r)
		if recorder.Code == http.StatusOK {
			s.good.Add(1)
		}
		for name, values := range recorder.Header() {
			rw.Header()[name] = values
		}
		rw.WriteHeader(recorder.Code)
		_, _ = rw.Write(recorder.Body.Bytes()) // fails only if the client is gone
	}))
	t.Cleanup(s.Close)
	return s
}

// signedIn writes the token file of aws sso login. key is the SSO session's name or the start URL.
func (w *fixture) signedIn(key, accessToken string, lifetime time.Duration,
	more map[string]any) string {
	w.t.Helper()
	token := map[string]any{"accessToken": accessToken,
		"expiresAt": time.Now().Add(lifetime).UTC().Format(time.RFC3339), "startUrl": ssoStart,
		"region": "eu-west-1"}
	for k, v := range more {
		token[k] = v
	}
	b, err := json.Marshal(token)
	must(w.t, err)
	sum := sha1.Sum([]byte(key))
	return w.write(filepath.Join(".aws", "sso", "cache", hex.EncodeToString(sum[:])+".json"),
		string(b))
}

const loginSessionARN = "arn:aws:sts::" + account + ":assumed-role/Jill/jill"

// signin starts the service of aws login that returns new credentials for a refresh token and a
// proof of the key.
func (w *fixture) signin() (s *fakeService, tokenFile string) {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(w.t, err)
	s = serve(w.t, func(r *http.Request) (any, int, string) {
		var in struct{ ClientID, GrantType, RefreshToken string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.Method != http.MethodPost ||
			r.URL.Path != "/v1/token" {
			return nil, http.StatusBadRequest, "ValidationException"
		}
		if !proves(r.Header.Get("DPoP"), &key.PublicKey) ||
			in.ClientID != "arn:aws:signin:::devtools/same-device" || in.GrantType != "refresh_token" ||
			in.RefreshToken != "again" {
			return nil, http.StatusForbidden, "AccessDeniedException"
		}
		return map[string]any{
			"accessToken": map[string]any{
				"accessKeyId": w.given.AccessKeyID, "secretAccessKey": w.given.SecretAccessKey,
				"sessionToken": w.given.SessionToken,
			},
			"tokenType": "aws_sigv4", "expiresIn": int(time.Until(w.given.Expiration).Seconds()),
			"refreshToken": "and again",
		}, 0, ""
	})
	w.t.Setenv("AWS_ENDPOINT_URL_SIGNIN", s.URL)
	der, err := x509.MarshalECPrivateKey(key)
	must(w.t, err)
	b, err := json.Marshal(map[string]any{
		"accessToken": map[string]any{
			"accessKeyId": "ASIAOLD", "secretAccessKey": "old", "sessionToken": "old", "accountId": account,
			"expiresAt": time.Now().Add(-time.Minute),
		},
		"tokenType": "aws_sigv4", "refreshToken": "again",
		"clientId": "arn:aws:signin:::devtools/same-device",
		"dpopKey":  string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})),
	})
	must(w.t, err)
	sum := sha256.Sum256([]byte(loginSessionARN))
	return s, w.write(filepath.Join(".aws", "login", "cache", hex.EncodeToString(sum[:])+".json"),
		string(b))
}

// proves reports whether a DPoP proof (RFC 9449) is signed with the key (ES256).
func proves(proof string, key *ecdsa.PublicKey) bool {
	parts := strings.Split(proof, ".")
	if len(parts) != 3 {
		return false
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(signature) != 64 {
		return false
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	return ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(signature[:32]),
		new(big.Int).SetBytes(signature[32:]))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
