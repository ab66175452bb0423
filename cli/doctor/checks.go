package doctor

// check looks for one kind of problem. A problem is reported by one check only: the others leave it
// out.
type check struct {
	name string
	find func(*examination) []Finding
}

// The names of the checks that report faults of a chain; see classify.
const (
	checkProcessRecursion = "process-recursion"
	checkNoSuchProfile    = "no-such-profile"
	checkMissingSource    = "missing-source"
	checkCycle            = "cycle"
	checkHalfKeyPair      = "half-key-pair"
	checkBadARN           = "bad-arn"
	checkSessionName      = "session-name"
	checkDuration         = "duration"
	checkUnusableProfile  = "unusable-profile"
	checkIncludeProfile   = "include-profile"
)

var checks = []check{
	// The files.
	{"no-config", noConfig},
	{"file-form", fileForm},
	{"byte-order-mark", byteOrderMark},
	{"section-name", sectionName},
	{"default-section", defaultSection},
	{"duplicate-section", duplicateSection},
	{"duplicate-key", duplicateKey},
	{"inline-comment", inlineComment},
	{"file-access", fileAccess},
	{"directory-access", directoryAccess},
	// A credential_process.
	{"role-and-process", roleAndProcess},
	{"shadowed-process", shadowedProcess},
	{checkProcessRecursion, processRecursion},
	{"process-profile", processProfile},
	{"process-usage", processUsage},
	{"process-relative", processRelative},
	{"process-quoting", processQuoting},
	{"process-not-found", processNotFound},
	{"process-path", processPath},
	{"process-access", processAccess},
	{"process-program", processProgram},
	// A chain.
	{checkNoSuchProfile, noSuchProfile},
	{checkMissingSource, missingSource},
	{checkIncludeProfile, includeProfile},
	{"granted-sso", grantedSSO},
	{"mistyped-key", mistypedKey},
	{checkCycle, cycle},
	{checkHalfKeyPair, halfKeyPair},
	{checkBadARN, badARN},
	{checkSessionName, sessionName},
	{checkDuration, duration},
	{checkUnusableProfile, unusableProfile},
	{"unknown-region", unknownRegion},
	{"mfa-unread", mfaUnread},
	{"mfa-no-device", mfaNoDevice},
	// Keys.
	{"long-term-keys", longTermKeys},
	{"imported-keys", importedKeys},
	{"unfinished-rotation", unfinishedRotation},
	{"keys-and-role", keysAndRole},
	{"temporary-keys", temporaryKeys},
	// The environment.
	{"environment-keys", environmentKeys},
	{"environment-web-identity", environmentWebIdentity},
	{"environment-profile", environmentProfile},
	// The stores.
	{"state-directory", stateDirectory},
	{"keyring", keyring},
	{"kernel-store", kernelStore},
	{"newer-items", newerItems},
	{"leftovers", leftovers},
	{"last-failure", lastFailure},
	// STS.
	{"sts-proxy", stsProxy},
	{"sts-unreachable", stsUnreachable},
	{"clock", clock},
	{"caller", caller},
	{"assume-role", assumeRole},
}

// Checks returns the names of all checks, in the order in which they run.
func Checks() []string {
	var names []string
	for _, c := range checks {
		names = append(names, c.name)
	}
	return names
}
