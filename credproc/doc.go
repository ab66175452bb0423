// Package credproc obtains the credentials of a profile: from the cache if a session is usable, or
// else from the profile's source and STS. All processes that need the same session at the same time
// make one call.
//
// Credentials that were obtained are returned even if they cannot be cached. Errors contain no
// secrets.
//
// The package reads no flags, prints nothing and never exits. Warnings go to [Resolver.Warnf].
package credproc

// ExecVariable is the environment variable that holds the profile of an exec command.
const ExecVariable = "AWS_CREDPROC_EXEC_PROFILE"

// ExpiresVariable is the environment variable that holds when the credentials of an exec command
// expire, in seconds since 1970. It is for shell prompts, which cannot parse a date.
const ExpiresVariable = "AWS_CREDPROC_EXEC_EXPIRES"
