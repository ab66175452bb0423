package ststest

import (
	"fmt"
	"strings"
)

// arn is the ARN of an IAM resource.
type arn struct{ partition, account, resource string }

// parseARN parses the ARN of an IAM resource of a kind, such as "role".
func parseARN(s, kind string) (arn, error) {
	p := strings.SplitN(s, ":", 6)
	if len(p) != 6 || p[0] != "arn" || p[1] == "" || p[2] != "iam" || p[3] != "" ||
		!isAccount(p[4]) || !strings.HasPrefix(p[5], kind+"/") || strings.HasSuffix(p[5], "/") {
		return arn{}, fmt.Errorf("%q is not the ARN of an IAM %s", s, kind)
	}
	return arn{partition: p[1], account: p[4], resource: p[5]}, nil
}

func (a arn) String() string {
	return "arn:" + a.partition + ":iam::" + a.account + ":" + a.resource
}

// name returns the resource's name without type and path.
func (a arn) name() string { return a.resource[strings.LastIndexByte(a.resource, '/')+1:] }

func isAccount(s string) bool { return len(s) == 12 && strings.Trim(s, "0123456789") == "" }
