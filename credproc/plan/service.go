package plan

import (
	"fmt"
	"strings"

	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// The services other than STS that sources call, by their SDK IDs.
const (
	ServiceSSO    = "SSO"
	ServiceOIDC   = "SSO OIDC"
	ServiceSignin = "Signin"
)

// Service is a service with a configured endpoint.
type Service struct {
	ID      string
	URL     string
	URLFrom string // where it was found: a variable or a setting
}

// Service returns the configured endpoint of a service that the source calls. Its URL is empty if
// the region decides.
func (p Plan) Service(id string) Service {
	for _, s := range p.Services {
		if s.ID == id {
			return s
		}
	}
	return Service{ID: id}
}

// servicesOf returns the services other than STS that the source of a chain calls at a configured
// endpoint. The source's profile and the environment decide it. The error is a [*diag.Error].
func servicesOf(c profiles.Chain, getenv func(string) string) ([]Service, error) {
	var ids []string
	switch c.Source.Type {
	case profiles.SSO:
		ids = []string{ServiceSSO}
		if c.Source.SSOSession != "" {
			ids = append(ids, ServiceOIDC)
		}
	case profiles.Login:
		ids = []string{ServiceSignin}
	}
	var found []Service
	for _, id := range ids {
		s, err := serviceOf(id, c.SourceProfile, c.SourceServices, getenv)
		if err != nil {
			err.Profile = c.Profile.Name
			return nil, err
		}
		if s.URL != "" {
			found = append(found, s)
		}
	}
	return found, nil
}

// The variables that set the endpoint of every service, and those that ignore all of them.
const (
	endpointVariable        = "AWS_ENDPOINT_URL"
	ignoreEndpointsVariable = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"
)

// ServiceEndpoint returns the configured endpoint of a service for a profile and its [services]
// section. Its URL is empty if the region decides. The error is a [*diag.Error].
func ServiceEndpoint(
	id string, p, services profiles.Section, getenv func(string) string,
) (Service, error) {
	s, err := serviceOf(id, p, services, getenv)
	if err != nil {
		err.Profile = p.Name
		return Service{}, err
	}
	return s, nil
}

// serviceOf returns the configured endpoint of a service for a profile and its [services] section,
// in the order of precedence of
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
func serviceOf(
	id string, p, services profiles.Section, getenv func(string) string,
) (Service, *diag.Error) {
	s := Service{ID: id}
	ignore := getenv(ignoreEndpointsVariable)
	if ignore == "" {
		ignore = p.Get("ignore_configured_endpoint_urls")
	}
	if strings.EqualFold(ignore, "true") {
		return s, nil
	}
	variable := serviceVariable(id)
	key := strings.ToLower(strings.ReplaceAll(id, " ", "_"))
	for _, configured := range []struct{ setting, from, url string }{
		{variable, variable, getenv(variable)},
		{endpointVariable, endpointVariable, getenv(endpointVariable)},
		{
			"services", "the endpoint_url of " + key + " in [services " + services.Name + "]",
			services.Sub(key, "endpoint_url"),
		},
		{"endpoint_url", "the endpoint_url of [profile " + p.Name + "]", p.Get("endpoint_url")},
	} {
		if configured.url == "" {
			continue
		}
		if !isEndpointURL(configured.url) {
			return Service{}, &diag.Error{
				Where: id + " endpoint", Setting: configured.setting,
				Err:  fmt.Errorf("%s is not an http or https URL", configured.from),
				Hint: "write it as https://host[:port]",
			}
		}
		s.URL, s.URLFrom = configured.url, configured.from
		break
	}
	return s, nil
}

// isEndpointURL reports whether s is an http or https URL with a host. The SDK reports other
// mistakes. Package net/url would be initialized by every get with a cached session, with package
// net/netip and all that sorts before that.
func isEndpointURL(s string) bool {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return false
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	host, port := rest[strings.LastIndexByte(rest, '@')+1:], ""
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		host, port = host[:i], host[i+1:]
	}
	isSpace := func(r rune) bool { return r <= ' ' || r == 0x7f }
	return host != "" && strings.Trim(port, "0123456789") == "" && !strings.ContainsFunc(s, isSpace)
}

// serviceVariable returns the variable that sets the endpoint of a service.
func serviceVariable(id string) string {
	return endpointVariable + "_" + strings.ToUpper(strings.ReplaceAll(id, " ", "_"))
}

// endpointVariables returns the variables that set endpoints in this environment. Commands inherit
// them.
func endpointVariables(getenv func(string) string) (set []string) {
	for _, name := range []string{
		endpointVariable, ignoreEndpointsVariable, serviceVariable("STS"), serviceVariable(ServiceSSO),
		serviceVariable(ServiceOIDC), serviceVariable(ServiceSignin),
	} {
		if value := getenv(name); value != "" {
			set = append(set, name+"="+value)
		}
	}
	return set
}
