package credproc

import (
	"os"
	"os/user"
	"strings"

	"aws-credproc/profiles"
)

// roleSessionName gives the name under which a role session appears in CloudTrail: the configured one, else the name
// of the person who is logged in, brought into the form that STS takes ([\w+=,.@-]{2,64}).
func roleSessionName(h profiles.Hop) string {
	if h.RoleSessionName != "" {
		return h.RoleSessionName
	}
	name := os.Getenv("USER")
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return validSessionName(name)
}

func validSessionName(name string) string {
	// A Windows user name is DOMAIN\name.
	name = name[strings.LastIndexByte(name, '\\')+1:]
	name = strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("_+=,.@-", r) {
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
