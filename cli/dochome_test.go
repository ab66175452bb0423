package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"aws-credproc/internal/ssotest"
	"aws-credproc/internal/ststest"
	"aws-credproc/profiles"
)

// docHome is a home directory to run the commands of a page in. Its STS has one user, with the
// key of [base], who may assume each role of the page.
type docHome struct {
	dir, bin string
	sts      *ststest.Server
	sso      *ssotest.Server
	key      ststest.AccessKey
}

const (
	exampleKeyID  = "AKIAIOSFODNN7EXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	exampleKeys   = "[base]\naws_access_key_id = " + exampleKeyID +
		"\naws_secret_access_key = " + exampleSecret + "\n"
)

func newDocHome(t *testing.T) docHome {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: the blocks are for sh")
	}
	s, err := ststest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	user, err := s.AddUser(testAccount, "jill", ststest.AllowAssume("*"))
	if err != nil {
		t.Fatal(err)
	}
	sso := ssotest.Start(ssotest.Settings{
		Consent: ssotest.Allow, StartURL: "https://corp.awsapps.com/start",
	})
	t.Cleanup(sso.Close)
	sso.SetAccounts(
		ssotest.Account{ID: testAccount, Name: "Main", Roles: []string{"Developer", "ReadOnly"}},
		ssotest.Account{ID: "210987654321", Name: "Sandbox", Roles: []string{"Admin"}})
	h := docHome{dir: t.TempDir(), bin: t.TempDir(), sts: s, sso: sso, key: user.Key}
	self, err := os.Executable()
	for _, name := range []string{"aws-credproc", "xdg-open", "open"} {
		if err == nil { // under these names, the test binary runs as programs
			err = os.Symlink(self, filepath.Join(h.bin, name))
		}
	}
	if err = errors.Join(err, os.Mkdir(filepath.Join(h.dir, ".aws"), 0o700)); err != nil {
		t.Fatal(err)
	}
	h.add(t, exampleKeys)
	return h
}

func (h docHome) path(file string) string { return filepath.Join(h.dir, ".aws", file) }

func (h docHome) load() (*profiles.Files, error) {
	return profiles.Load(h.path("config"), h.path("credentials"))
}

// toReal replaces the keys and paths of the pages with those of this home.
func (h docHome) toReal(text string) string {
	return strings.NewReplacer(exampleKeyID, h.key.ID, exampleSecret, h.key.Secret,
		"/home/jill/go/bin", h.bin, "/home/jill", h.dir).Replace(text)
}

// toExample replaces the keys and paths of this home with those of the pages.
func (h docHome) toExample(text string) string {
	return strings.NewReplacer(h.key.ID, exampleKeyID, h.key.Secret, exampleSecret,
		h.bin, "/home/jill/go/bin", h.dir, "/home/jill",
		h.sso.URL, "https://oidc.eu-west-1.amazonaws.com").Replace(text)
}

var headerRE = regexp.MustCompile(`(?m)^\[(.*)\]`)

// sections splits a config file before each header. The first piece precedes all headers.
func sections(text string) (pieces []string) {
	from := 0
	for _, at := range headerRE.FindAllStringIndex(text, -1) {
		pieces = append(pieces, text[from:at[0]])
		from = at[0]
	}
	return append(pieces, text[from:])
}

// add writes the sections of a block into the files. It returns the names of its profiles.
func (h docHome) add(t *testing.T, block string) (names []string) {
	t.Helper()
	for _, piece := range sections(h.toReal(block))[1:] {
		header := headerRE.FindStringSubmatch(piece)
		kind, name, typed := strings.Cut(header[1], " ")
		file := "credentials"
		if typed || kind == "default" {
			file = "config"
		}
		switch {
		case !typed:
			names = append(names, kind)
		case kind == "profile":
			names = append(names, name)
		}
		h.addSection(t, file, header[0], piece)
	}
	return names
}

// addSection appends a section to a file, or replaces the one with the same header.
func (h docHome) addSection(t *testing.T, file, header, section string) {
	t.Helper()
	old, err := os.ReadFile(h.path(file))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	all := sections(string(old))
	i := slices.IndexFunc(all, func(s string) bool { return strings.HasPrefix(s, header) })
	if i >= 0 {
		all[i] = strings.TrimRight(section, "\n") + "\n\n"
	} else {
		all = append(all, section)
	}
	if err := os.WriteFile(h.path(file), []byte(strings.Join(all, "")), 0o600); err != nil {
		t.Fatal(err)
	}
}

// addRoles creates the roles of the files in STS.
func (h docHome) addRoles(t *testing.T) {
	t.Helper()
	f, err := h.load()
	if err != nil {
		t.Fatal(err)
	}
	trust := ststest.Document(ststest.Statement{
		Principal: ststest.Principal{"AWS": {"*"}},
		Action:    []string{"sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"},
	})
	for _, name := range f.Names() {
		p, err := f.Profile(name)
		if err != nil {
			t.Fatal(err)
		}
		if role := p.Get("role_arn"); role != "" {
			// An error means that the role exists already.
			_ = h.sts.AddRole(ststest.Role{ARN: role, Trust: trust, Policy: ststest.AllowAssume("*")})
		}
	}
}

// desktopStore is the line that explain prints on a desktop; TestE2EStatusOpensNoSecret checks it.
const desktopStore = "store    keyring (unlocked)"

// run runs a command line with sh. It returns the exit code and the output, with the keys and paths
// of the pages.
func (h docHome) run(t *testing.T, command string) (code int, stdout, stderr string) {
	t.Helper()
	h.addRoles(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	args, isSetup := strings.CutPrefix(command, "aws-credproc setup ")
	if isSetup && !strings.Contains(args, "--dry-run") {
		command = "aws-credproc setup --yes " + args
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Dir = h.dir
	cmd.Env = append(demoEnviron(os.Environ()), "HOME="+h.dir, "XDG_STATE_HOME=",
		"PATH="+h.bin+":"+os.Getenv("PATH"), "SHELL=/bin/true", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CREDPROC_PROMPT=none", "AWS_CREDPROC_STORE=file", "DISPLAY=:1", "SSH_CONNECTION=",
		"AWS_ENDPOINT_URL_SSO="+h.sso.URL, "AWS_ENDPOINT_URL_SSO_OIDC="+h.sso.URL,
		"GORACE=atexit_sleep_ms=0") // by default, the race detector delays each exit by a second
	if !strings.HasPrefix(command, "aws-credproc explain") { // it sends nothing: show AWS's endpoint
		cmd.Env = append(cmd.Env, "AWS_ENDPOINT_URL_STS="+h.sts.URL)
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	stdout = strings.Replace(h.toExample(out.String()), "\nstore    file\n", "\n"+desktopStore+"\n", 1)
	return cmd.ProcessState.ExitCode(), stdout, h.toExample(errs.String())
}
