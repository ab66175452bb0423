// Package awsregion knows the AWS Regions of the SDK's partition data. Nothing in it is computed at
// start-up.
package awsregion

import (
	"regexp"
	"slices"
	"strings"

	"aws-credproc/internal/nearest"
)

//go:generate go run ../../scripts/regions table.go

// IsKnown reports whether name is a region or a pseudo region, such as aws-global, of the SDK's
// partition data. A region that is newer than the SDK is not known.
func IsKnown(name string) bool { return slices.Contains(names[:], withoutFIPS(name)) }

// IsPossible reports whether name is known or matches the pattern of a partition's regions.
func IsPossible(name string) bool {
	if IsKnown(name) {
		return true
	}
	return slices.ContainsFunc(patterns[:], func(pattern string) bool {
		return regexp.MustCompile(pattern).MatchString(withoutFIPS(name))
	})
}

// withoutFIPS returns the region of a FIPS pseudo region: fips-REGION or REGION-fips.
func withoutFIPS(name string) string {
	if rest, ok := strings.CutPrefix(name, "fips-"); ok {
		return rest
	}
	return strings.TrimSuffix(name, "-fips")
}

// Nearest returns the known region that was probably meant by name, or "" if none is close enough.
func Nearest(name string) string {
	// An availability zone is a region and a letter.
	if zone := strings.TrimRight(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz"); zone != name &&
		IsKnown(zone) {
		return zone
	}
	return nearest.Name(name, names[:])
}

// Hint returns a hint for a region that is not known, to be set in a file or variable.
func Hint(name, where string) string {
	if near := Nearest(name); near != "" {
		return "did you mean " + near + "? Correct " + where
	}
	return "set " + where + " to a region such as eu-west-1"
}
