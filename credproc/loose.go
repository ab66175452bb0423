package credproc

import (
	"encoding/json"
	"strings"
	"time"
)

// looseTime is a time in one of the forms that the AWS CLI accepts in the output of a
// credential_process and in token files.
type looseTime time.Time

func (t *looseTime) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	parsed, err := parseTime(text)
	*t = looseTime(parsed)
	return err
}

// parseTime reads a time in the format of RFC 3339. It also accepts an offset without a colon, a
// space in place of the T, and UTC in place of the Z, which old versions of the AWS CLI write. A
// time without a zone is an error.
func parseTime(text string) (time.Time, error) {
	if rest, ok := strings.CutSuffix(text, "UTC"); ok {
		text = strings.TrimSpace(rest) + "Z"
	}
	parsed, err := time.Parse(time.RFC3339, text)
	for _, layout := range []string{
		"2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05Z0700",
	} {
		if other, otherErr := time.Parse(layout, text); err != nil && otherErr == nil {
			return other, nil
		}
	}
	return parsed, err
}

// accountID is an account ID that may be a number in JSON, which has lost its leading zeros.
type accountID string

func (a *accountID) UnmarshalJSON(b []byte) error {
	if b[0] == '"' || b[0] == 'n' { // a string or null
		return json.Unmarshal(b, (*string)(a))
	}
	text := string(b)
	if strings.Trim(text, "0123456789") != "" {
		return errOutput("has an AccountId that is not an account ID")
	}
	*a = accountID(strings.Repeat("0", max(0, accountDigits-len(text))) + text)
	return nil
}

const accountDigits = 12
