package credproc

import (
	"encoding/json"
	"testing"
	"time"
)

func TestParseTimeAcceptsTheFormsOfTheAWSCLI(t *testing.T) {
	want := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, text := range []string{
		"2030-01-02T03:04:05Z", "2030-01-02T03:04:05UTC", "2030-01-02T03:04:05 UTC",
		"2030-01-02T03:04:05+0000", "2030-01-02T03:04:05+00:00", "2030-01-02T05:04:05+0200",
		"2030-01-02 03:04:05Z", "2030-01-02 03:04:05+00:00", "2030-01-02 03:04:05-0000",
		"2030-01-02 03:04:05UTC", "2030-01-02T03:04:05.000Z",
	} {
		if got, err := parseTime(text); err != nil || !got.Equal(want) {
			t.Errorf("%q is read as %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "UTC", "2030-01-02T03:04:05", "2030-01-02", "1893553445"} {
		if got, err := parseTime(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

func TestAccountIDMayBeNumber(t *testing.T) {
	for text, want := range map[string]string{
		`"012345678901"`: "012345678901", `12345678901`: "012345678901", `123456789012`: "123456789012",
		`null`: "", `""`: "",
	} {
		var got accountID
		if err := json.Unmarshal([]byte(text), &got); err != nil || string(got) != want {
			t.Errorf("%s is read as %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"1.5", "-1", "1e11", "true", "{}", "[1]"} {
		if err := json.Unmarshal([]byte(text), new(accountID)); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}
