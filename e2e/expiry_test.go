package e2e_test

import (
	"context"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"aws-credproc/internal/ststest"
)

// TestE2EGoClientsPastTheEndOfASession runs busy Go clients for longer than their first session of
// 30 seconds. The Go SDK uses credentials until their Expiration. A request that is then on its way
// must not arrive at AWS with an expired session.
func TestE2EGoClientsPastTheEndOfASession(t *testing.T) {
	t.Parallel()
	const (
		lifetime = 30 * time.Second
		latency  = 300 * time.Millisecond // between the signature and AWS's check
		clients  = 8
	)
	program := buildProgram(t)
	s, h := newDev(t)
	s.Fault(ststest.Fault{
		Action: "AssumeRole", Kind: ststest.Expired, By: -lifetime, Times: ststest.Always,
	})
	s.Fault(ststest.Fault{
		Action: "GetCallerIdentity", Kind: ststest.Slow, Delay: latency, Times: ststest.Always,
	})
	ctx, cancel := context.WithTimeout(t.Context(), lifetime+4*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for range clients {
		client := sts.New(sts.Options{
			Region: "eu-west-1", BaseEndpoint: &s.URL, RetryMaxAttempts: 1,
			Credentials: aws.NewCredentialsCache(processcreds.NewProviderCommand(
				processcreds.NewCommandBuilderFunc(func(ctx context.Context) (*exec.Cmd, error) {
					cmd := exec.CommandContext(ctx, program, "get", "dev")
					cmd.Env = h.env
					return cmd, nil
				}))),
		})
		wg.Go(func() {
			for ctx.Err() == nil {
				_, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
				if err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	sessions := map[string]bool{}
	for _, r := range s.Requests() {
		if strings.HasPrefix(r.AccessKeyID, "ASIA") {
			sessions[r.AccessKeyID] = true
		}
	}
	if len(sessions) < 2 {
		t.Errorf("the clients used %d sessions, want a second one", len(sessions))
	}
}
