package credproc

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"time"

	smithyhttp "github.com/aws/smithy-go/transport/http"

	"aws-credproc/credproc/plan"
	"aws-credproc/internal/tui"
)

// refusedClock reports whether STS refused a signature because of this machine's clock, and how far
// that is ahead of AWS's; 0 if that is not known.
func (c *stsClient) refusedClock(err error, code, message string) (ahead time.Duration, ok bool) {
	byDate, hasDate := c.offsetByDate(err)
	switch code {
	case "RequestExpired", "RequestTimeTooSkewed":
	case "SignatureDoesNotMatch", "InvalidSignatureException":
		isExpired := strings.HasPrefix(message, "Signature expired: ") ||
			strings.HasPrefix(message, "Signature not yet current: ")
		if !isExpired && (byDate.Abs() <= plan.MaxSkew || strings.Contains(message, "valid region")) {
			return 0, false
		}
	default:
		return 0, false
	}
	if ahead, ok := offsetInMessage(message); ok {
		return ahead, true
	}
	if hasDate && byDate.Abs() > plan.MaxSkew {
		return byDate, true
	}
	return 0, true
}

// offsetByDate returns how far this machine's clock is ahead of the Date header of a response.
func (c *stsClient) offsetByDate(err error) (ahead time.Duration, ok bool) {
	var response *smithyhttp.ResponseError
	if !errors.As(err, &response) || response.Response == nil || response.Response.Response == nil {
		return 0, false
	}
	date, err := http.ParseTime(response.Response.Header.Get("Date"))
	return c.now().Sub(date), err == nil
}

// offsetInMessage returns the difference of the two times in a message of STS, that of the
// signature and that of its clock: "Signature expired: 20261126T114000Z is now earlier than
// 20261126T133500Z (20261126T134000Z - 5 min.)".
func offsetInMessage(message string) (ahead time.Duration, ok bool) {
	const layout = "20060102T150405Z"
	_, rest, _ := strings.Cut(message, ": ")
	signed, _, _ := strings.Cut(rest, " ")
	_, rest, _ = strings.Cut(rest, "(")
	clock, _, _ := strings.Cut(rest, " ")
	at, err := time.Parse(layout, signed)
	now, errNow := time.Parse(layout, clock)
	return at.Sub(now), err == nil && errNow == nil
}

// clockText describes a clock that is ahead of AWS's by a time, 0 if that is not known.
func clockText(ahead time.Duration) string {
	switch {
	case ahead > 0:
		return fmt.Sprintf("this machine's clock is %s ahead of AWS's", tui.Span(ahead))
	case ahead < 0:
		return fmt.Sprintf("this machine's clock is %s behind AWS's", tui.Span(-ahead))
	}
	return "this machine's clock differs from AWS's"
}

// clockHint returns the command that sets the clock.
func clockHint() string {
	switch runtime.GOOS {
	case "darwin":
		return "sudo sntp -sS time.apple.com sets the clock"
	case "windows":
		return "w32tm /resync sets the clock"
	}
	return "sudo timedatectl set-ntp true sets the clock"
}
