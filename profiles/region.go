package profiles

// regionForm is what the region patterns of all partitions in the SDKs' partitions.json have in
// common, and their pseudo regions, such as aws-global.
var regionForm = form(`^([a-z]+(-[a-z]+)+-[0-9]+(-fips)?|aws(-[a-z]+)*-global)$`)

// IsRegion reports whether s has the form of a region of some partition.
func IsRegion(s string) bool { return regionForm().MatchString(s) }
