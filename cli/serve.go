package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/signal"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aws-credproc/cache"
	"aws-credproc/internal/credserver"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/files"
	"aws-credproc/internal/proc"
)

// serve is one run of the command.
type serve struct {
	credentialExport
	listen, tokenFile string
	anyUser           bool
	address           netip.AddrPort
}

func newServeCmd(a *app) *cobra.Command {
	s := &serve{credentialExport: credentialExport{app: a}}
	cmd := &cobra.Command{
		Use:   "serve PROFILE...",
		Short: "Serve the credentials of profiles on this machine",
		Long: `Opens a credentials endpoint, as exec --serve does, and serves the credentials of
profiles until it is interrupted: for a container that shares its network namespace
with the application, and for programs that are already running.

When the endpoint is ready, serve prints the environment variables that SDKs need to
find it. Each profile has a path of its own. Requests need the token in the file of
--token-file. If that file exists, it is read; otherwise it is created, and deleted
at the end.

serve listens on loopback or on one of the other addresses that SDKs accept:
169.254.170.2, 169.254.170.23 and fd00:ec2::23. SIGTERM and Ctrl-C end it with exit
code 0.`,
		Example: `  aws-credproc serve dev
  aws-credproc serve dev ops --listen 127.0.0.1:9911 --token-file /run/creds/token`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errMissingProfile
			}
			return notEmpty(args)
		},
		ValidArgsFunction: completeProfiles,
		PreRunE:           func(cmd *cobra.Command, _ []string) error { return s.checkFlags(cmd) },
		RunE: a.runE(func(ctx context.Context, args []string) error {
			return s.prepare(ctx, args)
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&s.listen, "listen", credserver.Loopback+":0",
		"`ADDRESS` and port to listen on; port 0 is a free one")
	flags.StringVar(&s.tokenFile, "token-file", "", "`FILE` of the token that requests need "+
		"(default: a new one in a private directory)")
	flags.BoolVar(&s.anyUser, "any-user", false,
		"accept connections of other users to a loopback address, as between containers")
	s.addFlags(cmd)
	completeFlag(cmd, "listen", "127.0.0.1:", "169.254.170.2:", "169.254.170.23:", "[fd00:ec2::23]:")
	return cmd
}

func (s *serve) checkFlags(cmd *cobra.Command) (err error) {
	if s.address, err = netip.ParseAddrPort(s.listen); err != nil {
		return fmt.Errorf("--listen: %q is not an IP address and a port, such as 127.0.0.1:9911", s.listen)
	}
	if err := credserver.CheckAddress(s.address.Addr()); err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	return s.credentialExport.checkFlags(cmd)
}

// served is a profile that is served.
type served struct {
	name, path string
	context    []variable // account and region
	lookup     credserver.Lookup
}

// prepare obtains the credentials of each profile, so that a failure or a question comes at the
// start. The endpoint is opened after it has returned: see app.then.
func (s *serve) prepare(ctx context.Context, names []string) error {
	f, err := s.files()
	if err != nil {
		return err
	}
	r, err := s.memoryResolver(ctx)
	if err != nil {
		return err
	}
	later := *r
	later.Waiting = nil // several lookups may run at once
	var all []served
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		chain, region, err := s.resolve(f, name)
		if err != nil {
			return err
		}
		var session cache.Session
		if session, err = r.Credentials(ctx, chain); err != nil {
			return err
		}
		all = append(all, served{
			name: name, path: credserver.Path + "/" + name,
			context: contextVariables(session, region), lookup: s.lookupOf(&later, name),
		})
	}
	s.then = func() (int, error) { return exitDone, s.run(all) }
	return nil
}

// run serves profiles until a signal arrives.
func (s *serve) run(all []served) error {
	interrupted, stop := signal.NotifyContext(context.Background(), proc.EndSignals()...)
	defer stop()
	s.log.throttle()
	token, err := s.readToken()
	if err != nil {
		return err
	}
	others := &throttledLogger{console: s.console, throttled: true}
	o := credserver.Options{
		Lookups: map[string]credserver.Lookup{}, Timeout: s.timeout, Grace: grace,
		Address: s.address, Token: token, AnyUser: s.anyUser,
		Failed: func(err error) { s.log.say("%v", err) },
		Refused: func(uid uint32) {
			others.say("%s", diag.WithHint(fmt.Sprintf("serve: closed a connection of user %d", uid),
				"use --any-user to accept other users, as between containers"))
		},
	}
	for _, p := range all {
		o.Lookups[p.path] = p.lookup
	}
	server, err := credserver.Start(o)
	if err != nil {
		return err
	}
	file, err := s.writeToken(server, token != "")
	if err == nil {
		err = s.print(servedVariables(server, all, file))
	}
	if err == nil {
		if s.screen().IsTerminal {
			s.say("serving until Ctrl-C")
		}
		<-interrupted.Done()
	}
	return errors.Join(err, server.Close())
}

// readToken returns the token in --token-file, or "" if there is none.
func (s *serve) readToken() (string, error) {
	if s.tokenFile == "" {
		return "", nil
	}
	s.tokenFile = files.Abs(s.tokenFile)
	token, err := credserver.ReadToken(s.tokenFile)
	if e := (*diag.Error)(nil); err != nil && !errors.As(err, &e) {
		err = fmt.Errorf("cannot read the token: %w", err)
	}
	return token, err
}

// writeToken writes the server's token, unless it was read, and returns the file's path.
func (s *serve) writeToken(server *credserver.Server, wasRead bool) (path string, err error) {
	switch {
	case wasRead:
		return s.tokenFile, nil
	case s.tokenFile == "":
		return server.WriteToken()
	}
	if err := server.CreateToken(s.tokenFile); err != nil {
		return "", fmt.Errorf("cannot write the token: %w", err)
	}
	return s.tokenFile, nil
}

// servedVariables returns the variables by which SDKs find the server, as lines of a .env file. It
// does not return the token: the output may go to a log.
func servedVariables(server *credserver.Server, all []served, tokenFile string) []byte {
	var out strings.Builder
	for _, p := range all {
		fmt.Fprintf(&out, "# %s\n", printable(p.name))
		for _, v := range append([]variable{
			{"AWS_CONTAINER_CREDENTIALS_FULL_URI", server.URL(p.path)},
			{"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", tokenFile},
		}, p.context...) {
			fmt.Fprintf(&out, "%s=%s\n", v.name, printable(v.value))
		}
	}
	return []byte(out.String())
}
