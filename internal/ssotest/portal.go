package ssotest

import (
	"net/http"
	"slices"
	"strconv"
)

// withToken returns an action of the portal, which requires a valid access token.
func (s *Server) withToken(
	do func(*http.Request) (any, *apiError),
) func(*http.Request) (any, *apiError) {
	return func(r *http.Request) (any, *apiError) {
		expires, ok := s.access[r.Header.Get("X-Amz-Sso_bearer_token")]
		if !ok || !s.settings.Now().Before(expires) {
			return nil, fail(http.StatusUnauthorized, "UnauthorizedException",
				"Session token not found or invalid")
		}
		return do(r)
	}
}

// hasRole reports whether an account has a role.
func (s *Server) hasRole(account, role string) bool {
	return slices.ContainsFunc(s.accounts, func(a Account) bool {
		return a.ID == account && slices.Contains(a.Roles, role)
	})
}

func (s *Server) getRoleCredentials(r *http.Request) (any, *apiError) {
	account, role := r.URL.Query().Get("account_id"), r.URL.Query().Get("role_name")
	if !s.hasRole(account, role) {
		return nil, fail(http.StatusForbidden, "ForbiddenException", "No access")
	}
	c := s.settings.Credentials(account, role)
	return map[string]any{"roleCredentials": map[string]any{
		"accessKeyId": c.AccessKeyID, "secretAccessKey": c.SecretAccessKey,
		"sessionToken": c.SessionToken, "expiration": c.Expiration.UnixMilli(),
	}}, nil
}

func (s *Server) listAccounts(r *http.Request) (any, *apiError) {
	var list []any
	for _, a := range s.accounts {
		list = append(list, map[string]string{
			"accountId": a.ID, "accountName": a.Name, "emailAddress": a.Email,
		})
	}
	return s.page(r, "accountList", list)
}

func (s *Server) listAccountRoles(r *http.Request) (any, *apiError) {
	id := r.URL.Query().Get("account_id")
	i := slices.IndexFunc(s.accounts, func(a Account) bool { return a.ID == id })
	if i < 0 {
		return nil, fail(http.StatusForbidden, "ForbiddenException", "No access")
	}
	var list []any
	for _, role := range s.accounts[i].Roles {
		list = append(list, map[string]string{"accountId": id, "roleName": role})
	}
	return s.page(r, "roleList", list)
}

// page returns the page of a list that a request asks for.
func (s *Server) page(r *http.Request, name string, list []any) (any, *apiError) {
	size, start := s.settings.PageSize, 0
	q := r.URL.Query()
	if v := q.Get("max_result"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 100 {
			return nil, badRequest("InvalidRequestException", "max_result")
		}
		size = min(size, n)
	}
	if v := q.Get("next_token"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n >= len(list) {
			return nil, badRequest("InvalidRequestException", "next_token")
		}
		start = n
	}
	end := min(start+size, len(list))
	answer := map[string]any{name: append([]any{}, list[start:end]...)}
	if end < len(list) {
		answer["nextToken"] = strconv.Itoa(end)
	}
	return answer, nil
}

func (s *Server) logout(r *http.Request) (any, *apiError) {
	delete(s.access, r.Header.Get("X-Amz-Sso_bearer_token"))
	return map[string]any{}, nil
}

// IsSignedIn reports whether an access token is valid.
func (s *Server) IsSignedIn(accessToken string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	expires, ok := s.access[accessToken]
	return ok && s.settings.Now().Before(expires)
}

// AddSignIn makes the server accept these tokens, as if a user had signed in. It registers the
// client. The access token may be empty: it has expired.
func (s *Server) AddSignIn(accessToken, refreshToken, clientID, clientSecret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if accessToken != "" {
		s.access[accessToken] = s.settings.Now().Add(s.settings.TokenLifetime)
	}
	if refreshToken == "" {
		return
	}
	s.refresh[refreshToken] = &grant{clientID}
	s.clients[clientID] = &client{
		secret: clientSecret, expires: s.settings.Now().Add(s.settings.RegistrationLifetime),
		scopes: []string{"sso:account:access"},
	}
}
