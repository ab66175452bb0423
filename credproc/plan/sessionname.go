package plan

import (
	"os"
	"strings"

	"aws-credproc/internal/users"
)

// SessionName returns the name of a role session, as it appears in CloudTrail: the configured one,
// or else the name of the current user in the form that STS accepts ([\w+=,.@-]{2,64}).
func SessionName(configured string) string {
	if configured != "" {
		return configured
	}
	name := os.Getenv("USER")
	if u, err := users.Current(); err == nil {
		name = u.Name
	}
	return validSessionName(name)
}

func validSessionName(name string) string {
	name = name[strings.LastIndexByte(name, '\\')+1:] // Windows: DOMAIN\name
	name = strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9',
			strings.ContainsRune("_+=,.@-", r):
			return r
		}
		return '-'
	}, name)
	if len(name) > 64 {
		name = name[:64]
	}
	if len(name) < 2 {
		name = "aws-credproc"
	}
	return name
}
