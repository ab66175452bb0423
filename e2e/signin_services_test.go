package e2e_test

import (
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
	"sync"
	"testing"
	"time"
)

// signInServices are the services of IAM Identity Center and of aws login on loopback. A refresh
// token is valid for one use.
type signInServices struct {
	url string
	key *ecdsa.PrivateKey // of aws login

	mu       sync.Mutex
	changed  *sync.Cond // redeemed or refused has changed
	redeemed int        // redemptions of a refresh token
	refused  int        // attempts to redeem one that is not valid
	hold     func()     // called after a redemption, before its response
}

const (
	signInAccount = "123456789012"
	loginARN      = "arn:aws:sts::" + signInAccount + ":assumed-role/Jill/jill"
	loginClient   = "arn:aws:signin:::devtools/same-device"
)

func startSignInServices(t *testing.T) *signInServices {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &signInServices{key: key}
	s.changed = sync.NewCond(&s.mu)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", s.createToken)
	mux.HandleFunc("POST /v1/token", s.createOAuth2Token)
	mux.HandleFunc("GET /federation/credentials", s.roleCredentials)
	mux.HandleFunc("POST /{$}", callerIdentity)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// env returns the variables that lead to the services.
func (s *signInServices) env() []string {
	return []string{"AWS_ENDPOINT_URL_SSO=" + s.url, "AWS_ENDPOINT_URL_SSO_OIDC=" + s.url,
		"AWS_ENDPOINT_URL_SIGNIN=" + s.url, "AWS_ENDPOINT_URL_STS=" + s.url, "AWS_REGION=eu-west-1",
		"AWS_DEFAULT_REGION=eu-west-1"}
}

func refreshToken(n int) string { return fmt.Sprintf("refresh-%d", n) }

func accessToken(n int) string { return fmt.Sprintf("access-%d", n) }

// redeem redeems a refresh token and returns the number of the next one. ok is false if the token
// is not valid.
func (s *signInServices) redeem(token string) (n int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.changed.Broadcast()
	if token != refreshToken(s.redeemed) {
		s.refused++
		return 0, false
	}
	s.redeemed++
	n = s.redeemed
	if hold := s.hold; hold != nil {
		s.changed.Broadcast()
		s.mu.Unlock()
		hold()
		s.mu.Lock()
	}
	return n, true
}

// counts returns how many tokens were redeemed and refused.
func (s *signInServices) counts() (redeemed, refused int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.redeemed, s.refused
}

// waitFor waits until this many tokens were redeemed and refused. It reports whether they were.
func (s *signInServices) waitFor(redeemed, refused int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	deadline := time.Now().Add(hangLimit / 2)
	timer := time.AfterFunc(hangLimit/2, s.changed.Broadcast)
	defer timer.Stop()
	for s.redeemed < redeemed || s.refused < refused {
		if time.Now().After(deadline) {
			return false
		}
		s.changed.Wait()
	}
	return true
}

// createToken is CreateToken of IAM Identity Center.
func (s *signInServices) createToken(rw http.ResponseWriter, r *http.Request) {
	var in struct{ ClientID, ClientSecret, GrantType, RefreshToken string }
	err := json.NewDecoder(r.Body).Decode(&in)
	n, ok := 0, false
	if err == nil && in.ClientID == "client" && in.ClientSecret == "hush" &&
		in.GrantType == "refresh_token" {
		n, ok = s.redeem(in.RefreshToken)
	}
	if !ok {
		answer(rw, http.StatusBadRequest, "InvalidGrantException",
			map[string]any{"error": "invalid_grant", "error_description": "invalid refresh token"})
		return
	}
	answer(rw, http.StatusOK, "", map[string]any{"accessToken": accessToken(n), "expiresIn": 28800,
		"refreshToken": refreshToken(n), "tokenType": "Bearer"})
}

// roleCredentials is GetRoleCredentials of IAM Identity Center.
func (s *signInServices) roleCredentials(rw http.ResponseWriter, r *http.Request) {
	redeemed, _ := s.counts()
	if token := r.Header.Get("X-Amz-Sso_bearer_token"); redeemed == 0 ||
		token != accessToken(redeemed) {
		answer(rw, http.StatusUnauthorized, "UnauthorizedException",
			map[string]any{"message": "Session token not found or invalid"})
		return
	}
	answer(rw, http.StatusOK, "", map[string]any{"roleCredentials": map[string]any{
		"accessKeyId": fmt.Sprintf("ASIASSO%d", redeemed), "secretAccessKey": "s", "sessionToken": "t",
		"expiration": time.Now().Add(time.Hour).UnixMilli(),
	}})
}

// createOAuth2Token is CreateOAuth2Token of AWS Sign-In.
func (s *signInServices) createOAuth2Token(rw http.ResponseWriter, r *http.Request) {
	var in struct{ ClientID, GrantType, RefreshToken string }
	err := json.NewDecoder(r.Body).Decode(&in)
	n, ok := 0, false
	if err == nil && in.ClientID == loginClient && in.GrantType == "refresh_token" &&
		s.isProof(r.Header.Get("DPoP")) {
		n, ok = s.redeem(in.RefreshToken)
	}
	if !ok {
		answer(rw, http.StatusForbidden, "AccessDeniedException",
			map[string]any{"error": "TOKEN_EXPIRED", "message": "invalid refresh token"})
		return
	}
	answer(rw, http.StatusOK, "", map[string]any{
		"accessToken": map[string]any{"accessKeyId": fmt.Sprintf("ASIALOGIN%d", n),
			"secretAccessKey": "s", "sessionToken": "t"},
		"tokenType": "aws_sigv4", "expiresIn": 900, "refreshToken": refreshToken(n),
	})
}

// callerIdentity is GetCallerIdentity of STS, which the AWS CLI calls with the credentials.
func callerIdentity(rw http.ResponseWriter, _ *http.Request) {
	_, _ = fmt.Fprint(rw, `<GetCallerIdentityResponse><GetCallerIdentityResult>`+
		`<Account>`+signInAccount+`</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`)
}

// isProof reports whether a DPoP proof (RFC 9449) is signed with the key of the sign-in (ES256).
func (s *signInServices) isProof(proof string) bool {
	signed, signature, _ := cutLast(proof, ".")
	raw, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || len(raw) != 64 {
		return false
	}
	sum := sha256.Sum256([]byte(signed))
	return ecdsa.Verify(&s.key.PublicKey, sum[:], new(big.Int).SetBytes(raw[:32]),
		new(big.Int).SetBytes(raw[32:]))
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

func answer(rw http.ResponseWriter, status int, code string, body any) {
	rw.Header().Set("Content-Type", "application/json")
	if code != "" {
		rw.Header().Set("X-Amzn-ErrorType", code)
	}
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(body) // the client reports an incomplete response
}

// signInKind is a kind of sign-in.
type signInKind struct {
	profile string // its settings
	file    string // the token file, below the home directory
	// expiry returns the object in the token that has the member expiresAt.
	expiry func(token map[string]any) map[string]any
}

var signInKinds = map[string]signInKind{
	"sso": {
		profile: "[profile sso]\nsso_session = corp\nsso_account_id = " + signInAccount +
			"\nsso_role_name = Jill\n[sso-session corp]\nsso_region = eu-west-1\n" +
			"sso_start_url = https://example.awsapps.com/start\n",
		file:   filepath.Join(".aws", "sso", "cache", hash(sha1.New(), "corp")+".json"),
		expiry: func(token map[string]any) map[string]any { return token },
	},
	"login": {
		profile: "[profile login]\nlogin_session = " + loginARN + "\nregion = eu-west-1\n",
		file:    filepath.Join(".aws", "login", "cache", hash(sha256.New(), loginARN)+".json"),
		expiry: func(token map[string]any) map[string]any {
			return token["accessToken"].(map[string]any)
		},
	},
}

// signIn writes the config file and an expired token file of a sign-in. It returns the file's path.
func (s *signInServices) signIn(t *testing.T, h *home, kind string) string {
	t.Helper()
	k := signInKinds[kind]
	h.write(t, "config", k.profile)
	past := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
	token := map[string]any{
		"startUrl": "https://example.awsapps.com/start", "region": "eu-west-1",
		"accessToken": accessToken(0), "expiresAt": past, "refreshToken": refreshToken(0),
		"clientId": "client", "clientSecret": "hush", "unknownMember": 7,
		"registrationExpiresAt": time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339),
	}
	if kind == "login" {
		der, err := x509.MarshalECPrivateKey(s.key)
		if err != nil {
			t.Fatal(err)
		}
		token = map[string]any{
			"accessToken": map[string]any{"accessKeyId": "ASIAOLD", "secretAccessKey": "old",
				"sessionToken": "old", "accountId": signInAccount, "expiresAt": past},
			"tokenType": "aws_sigv4", "refreshToken": refreshToken(0), "idToken": "id",
			"clientId": loginClient, "unknownMember": 7,
			"dpopKey": string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})),
		}
	}
	path := filepath.Join(h.dir, k.file)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	writeToken(t, path, token)
	return path
}

func readToken(t *testing.T, path string) (token map[string]any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &token)
	}
	if err != nil {
		t.Fatalf("token file: %v", err)
	}
	return token
}

func writeToken(t *testing.T, path string, token map[string]any) {
	t.Helper()
	text, err := json.Marshal(token)
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// expire makes the token in a file expire.
func expire(t *testing.T, path, kind string) {
	t.Helper()
	token := readToken(t, path)
	signInKinds[kind].expiry(token)["expiresAt"] =
		time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
	writeToken(t, path, token)
}

func hash(h interface {
	Write([]byte) (int, error)
	Sum([]byte) []byte
}, text string) string {
	_, _ = h.Write([]byte(text)) // never fails
	return hex.EncodeToString(h.Sum(nil))
}
