package doctor

import (
	"errors"
	"fmt"
	"time"

	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// facts describes the setup.
func (x *examination) facts() []Fact {
	raw := x.config.raw
	store := string(x.health.Store)
	if x.health.Reason != "" {
		store += " (" + x.health.Reason + ")"
	}
	facts := []Fact{
		{"config", raw[0].describe()},
		{"credentials", raw[len(raw)-1].describe()},
		{"store", store},
	}
	if text := x.describeExec(); text != "" {
		facts = append(facts, Fact{"exec", text})
	}
	for _, e := range x.sts.endpoints {
		facts = append(facts, e.facts(x.env.now())...)
	}
	if x.sts.outOfTime {
		facts = append(facts, Fact{"STS",
			"not everything was checked in time: use a longer --timeout, or name a profile"})
	}
	return facts
}

func (r rawFile) describe() string {
	switch err := profiles.CheckHome(r.Path); {
	case r.err != nil:
		return r.Path + " (cannot be read)"
	case err != nil:
		return cause(err)
	case !r.found:
		return r.Path + " (not found)"
	case len(r.Lines) == 0:
		return r.Path + " (empty)"
	}
	return r.Path
}

// describeExec describes the `aws-credproc exec` that runs this process; "" if there is none.
func (x *examination) describeExec() string {
	var what string
	switch end := x.env.execExpiry(); {
	case x.env.execProfile() == "":
		return ""
	case x.env.hasExecKeys() && end.IsZero():
		what = "tools use its keys"
	case x.env.hasExecKeys():
		what = "tools use its session, which expires at " + end.UTC().Format(time.RFC3339)
	case x.env.hasEndpoint():
		what = "tools get its credentials from an endpoint, unless they are run with a profile"
	default:
		return "" // its credentials were removed from the environment
	}
	if x.config.isExecConfig() {
		what += ", and do not see the file with [default]"
	}
	return shorten(x.env.execProfile()) + " (" + what + ")"
}

// facts describes the answers of an endpoint.
func (e *stsEndpoint) facts(now time.Time) (facts []Fact) {
	if e.err == nil {
		text := e.URL
		if e.Proxy != "" {
			text += " through the proxy " + e.Proxy
		}
		facts = append(facts, Fact{"STS", text + " (this machine's clock " + clockOffset(e.Ahead) + ")"})
	}
	for _, s := range e.sources {
		if s.err == nil {
			facts = append(facts, Fact{"source", s.profile + ": " + s.arn})
		}
	}
	for _, r := range e.roles {
		left := r.session.Expiration.Sub(now)
		switch d := (*diag.Error)(nil); {
		case r.err == nil && left <= 0:
			facts = append(facts, Fact{"role",
				r.profile + ": assumed, but already expired by this machine's clock"})
		case r.err == nil:
			facts = append(facts, Fact{"role",
				fmt.Sprintf("%s: assumed, valid for %dm", r.profile, left.Round(time.Minute)/time.Minute)})
		case errors.As(r.err, &d) && d.Has(diag.NeedsUser):
			facts = append(facts, Fact{"role",
				fmt.Sprintf("%s: not tried: %s (%s)", r.profile, d.What(), d.Hint)})
		}
	}
	return facts
}
