package credproc

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
)

// waiting calls [Resolver.Waiting] with a fixed text.
func (r *Resolver) waiting(text string) (done func()) {
	return r.waitingFunc(func() string { return text })
}

func (r *Resolver) waitingFunc(text func() string) (done func()) {
	if r.Waiting == nil {
		return func() {}
	}
	return r.Waiting(text)
}

// waitingClient reports the wait for each response to [Resolver.Waiting].
type waitingClient struct {
	aws.HTTPClient
	resolver         *Resolver
	profile, service string
}

func (c waitingClient) Do(r *http.Request) (*http.Response, error) {
	defer c.resolver.waiting(c.profile + ": waiting for " + c.service)()
	return c.HTTPClient.Do(r)
}

// waitingRetryer reports the delay before each retry to [Resolver.Waiting].
type waitingRetryer struct {
	aws.RetryerV2
	resolver *Resolver
	profile  string
}

// watchRetries returns a waitingRetryer for the retryer of an SDK client.
func (r *Resolver) watchRetries(retryer aws.Retryer, profile string) aws.Retryer {
	if v2, ok := retryer.(aws.RetryerV2); ok {
		return waitingRetryer{v2, r, profile}
	}
	return retryer
}

func (w waitingRetryer) RetryDelay(attempt int, err error) (time.Duration, error) {
	delay, noDelay := w.RetryerV2.RetryDelay(attempt, err)
	if noDelay == nil {
		text := w.profile + ": retrying in " + delay.Round(time.Second/10).String()
		if reason := retryReason(err); reason != "" {
			text += ": " + reason
		}
		done := w.resolver.waiting(text)
		time.AfterFunc(delay, done)
	}
	return delay, noDelay
}

// retryReason returns the error code of AWS, or what else failed in a few words.
func retryReason(err error) string {
	var api smithy.APIError
	var status interface{ HTTPStatusCode() int }
	switch {
	case errors.As(err, &api) && api.ErrorCode() != "":
		return api.ErrorCode()
	case errors.As(err, &status) && status.HTTPStatusCode() != 0:
		return http.StatusText(status.HTTPStatusCode())
	}
	return "no response"
}

// waitingForProcess reports the wait for a lock to [Resolver.Waiting]: for the MFA prompt of
// another process, if there is one.
func (r *resolution) waitingForProcess() (done func()) {
	name, device := r.plan.Chain.Profile.Name, r.plan.Chain.MFA.Serial
	prompts, _ := r.TokenCodes.(interface{ PromptPID(serial string) int })
	return r.waitingFunc(func() string {
		if prompts != nil && device != "" {
			if pid := prompts.PromptPID(device); pid != 0 {
				return fmt.Sprintf("%s: waiting for the MFA code that process %d asks for", name, pid)
			}
		}
		return name + ": waiting for another process"
	})
}
