// Package credproc gets credentials for a profile's chain: from the cache while they are fit to serve, else from STS,
// with one call for all processes that need the same session at the same time.
//
// Its promise: credentials that were obtained are never thrown away because something beside them failed, a failure
// is never answered with somebody else's session, and no error holds a secret.
//
// The package reads no flags, prints nothing and never exits. What a person should know beside the result goes to
// [Resolver.Warnf].
package credproc

// ExecVariable is the variable in which a command of exec finds the profile that it runs with.
const ExecVariable = "AWS_CREDPROC_EXEC_PROFILE"
