package credproc

import (
	"errors"

	"aws-credproc/credproc/plan"
	"aws-credproc/internal/awsregion"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// ErrUnknownRegion means that no endpoint was found because the region does not exist.
var ErrUnknownRegion = errors.New("unknown region")

// unknownRegion is a region that the AWS SDK does not know, and the setting that has it. A host name
// with it probably does not exist.
type unknownRegion struct{ name, setting string }

// regionOfEndpoint returns the region of an STS endpoint if it is unknown and decides the host. ok is
// false if it does not.
func regionOfEndpoint(e plan.Endpoint, profile string) (r unknownRegion, ok bool) {
	if e.URL != "" || awsregion.IsKnown(e.Region) {
		return r, false
	}
	return unknownRegion{e.Region, regionSetting(e, profile)}, true
}

// regionOfSource returns the region of the service that a source calls if it is unknown and decides
// the host.
func regionOfSource(s source) (r unknownRegion, ok bool) {
	switch from := s.plan.Chain.Source; from.Type {
	case profiles.SSO:
		r = unknownRegion{from.SSORegion, "sso_region in [profile " + from.Profile + "]"}
		if from.SSOSession != "" {
			r.setting = "sso_region in [sso-session " + from.SSOSession + "]"
		}
		ok = s.plan.Service(plan.ServiceSSO).URL == "" || s.plan.Service(plan.ServiceOIDC).URL == ""
	case profiles.Login:
		e := s.plan.Endpoint
		r = unknownRegion{e.Region, regionSetting(e, s.plan.Chain.Profile.Name)}
		ok = s.plan.Service(plan.ServiceSignin).URL == ""
	}
	return r, ok && !awsregion.IsKnown(r.name)
}

// regionSetting returns the setting that decides the region of an endpoint.
func regionSetting(e plan.Endpoint, profile string) string {
	if e.RegionFrom == "AWS_REGION" || e.RegionFrom == "AWS_DEFAULT_REGION" {
		return e.RegionFrom
	}
	return "region in [profile " + profile + "]"
}

// describe sets the cause and the hint of the error of a service that could not be reached.
func (r unknownRegion) describe(e *diag.Error, service string) {
	e.Problem = "cannot reach " + service + ": there is no region " + r.name
	if awsregion.IsPossible(r.name) {
		e.Problem = "cannot reach " + service + ": " + r.name + " is not a known region"
	}
	e.Err, e.Hint = ErrUnknownRegion, awsregion.Hint(r.name, r.setting)
	e.Flags |= diag.Local // profiles with other regions share the session
}
