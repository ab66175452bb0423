package profiles

import (
	"aws-credproc/internal/diag"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReadRawGivesTheFormWithoutValues(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	text := byteOrderMark + `# a comment
[ profile dev ] ; another
Role_ARN = arn:aws:iam::123456789012:role/Dev # see #7
external_id = a#b
  # of external_id
s3 =
  max_queue_size = 5
  max_bandwidth = 5MB/s # see \xe9
[bare
region = eu-west-1
[sso-session corp]
no property
region = eu-west-1
[DEFAULT]
`
	text = strings.Replace(text, `\xe9`, "\xe9", 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := ReadRaw(path, ConfigFile)
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	want := Raw{Path: path, ByteOrderMark: true, NotUTF8: path + ":8", Lines: []RawLine{
		{Where: path + ":2", IsHeader: true, Header: " profile dev ", Profile: "dev"},
		{Where: path + ":3", Key: "role_arn", Profile: "dev", HasComment: true},
		{Where: path + ":4", Key: "external_id", Profile: "dev"},
		{Where: path + ":6", Key: "s3", Profile: "dev"},
		{Where: path + ":7", Sub: "max_queue_size", Profile: "dev"},
		{Where: path + ":8", Sub: "max_bandwidth", Profile: "dev", HasComment: true},
		{Where: path + ":9", Profile: "dev", Err: broken},
		{Where: path + ":10", Key: "region"},
		{Where: path + ":11", IsHeader: true, Header: "sso-session corp"},
		{Where: path + ":12", Err: broken},
		{Where: path + ":13", Key: "region"},
		{Where: path + ":14", IsHeader: true, Header: "DEFAULT"},
	}}
	bothOrNone := cmp.Comparer(func(a, b error) bool { return (a == nil) == (b == nil) })
	if diff := cmp.Diff(want, got, bothOrNone); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, l := range got.Lines {
		if e := (*diag.Error)(nil); l.Err != nil && (!errors.As(l.Err, &e) || e.Where != l.Where) {
			t.Errorf("%s: the error is %v", l.Where, l.Err)
		}
	}

	got, err = ReadRaw(path, CredentialsFile)
	if err != nil || got.Lines[0].Profile != "" || got.Lines[len(got.Lines)-1].Profile != "DEFAULT" {
		t.Errorf("as the credentials file: %+v, %v", got, err)
	}
	if _, err := ReadRaw(t.TempDir(), ConfigFile); err == nil {
		t.Error("a directory is read")
	}
}

// TestChainErrorsSayWhatTheyAreAbout: who sorts errors finds the setting, the profile and the kind in them.
func TestChainErrorsSayWhatTheyAreAbout(t *testing.T) {
	f := mustFiles(t, `[profile dev]
role_arn = Dev
source_profile = base
[profile top]
role_arn = arn:aws:iam::123456789012:role/Top
source_profile = dev
[profile lost]
role_arn = arn:aws:iam::123456789012:role/Lost
source_profile = nowhere
[profile alone]
role_arn = arn:aws:iam::123456789012:role/Alone
[profile lead]
role_arn = arn:aws:iam::123456789012:role/Lead
source_profile = a
[profile a]
role_arn = arn:aws:iam::123456789012:role/A
source_profile = b
[profile b]
credential_process = aws-credproc get a
`, "")
	for name, want := range map[string]struct {
		fault, key string // the profile at fault, if it is another
		is         error
		cycle      string
	}{
		"dev":   {key: "role_arn"},
		"top":   {fault: "dev", key: "role_arn"},
		"lost":  {is: ErrNoSource},
		"alone": {key: "role_arn", is: ErrNoSource},
		"gone":  {is: ErrNoProfile},
		"a":     {cycle: "a -> b -> a"},
		"lead":  {cycle: "a -> b -> a"},
	} {
		_, err := f.Chain(name)
		var e *diag.Error
		if !errors.As(err, &e) || e.Profile != name {
			t.Fatalf("%s: %+v", name, err)
		}
		if errors.As(e.Err, &e) != (want.fault != "") || want.fault != "" && e.Profile != want.fault || e.Setting != want.key || want.is != nil && !errors.Is(err, want.is) {
			t.Errorf("%s: %+v", name, err)
		}
		var cycle Cycle
		if errors.As(err, &cycle); cycle.Error() != want.cycle {
			t.Errorf("%s: the cycle is %v, want %s", name, cycle, want.cycle)
		}
	}
}

func TestCommandWithKeepsWhatFollowsTheProgram(t *testing.T) {
	for command, want := range map[string]string{
		"aws-credproc get dev":                   `"/my bin/aws-credproc" get dev`,
		`"./aws-credproc"  --store file get dev`: `"/my bin/aws-credproc"  --store file get dev`,
		`"aws"-credproc get dev`:                 "",
		"":                                       "",
	} {
		if got, err := CommandWith(command, "/my bin/aws-credproc", "linux"); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v; want %q", command, got, err, want)
		}
	}
}

func TestLeftoversAreOldTemporaryFilesOfAnEdit(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config")
	now := time.Now()
	old := now.Add(-2 * leftoverAge)
	var want []string
	for name, isLeft := range map[string]bool{
		".config.123.tmp": true, ".config.aws-credproc.bak.4.tmp": true, ".config.x.tmp": false, ".credentials.1.tmp": false, "config.1.tmp": false, ".config.5.tmp": false,
	} {
		writeText(t, filepath.Join(dir, name), "")
		if name == ".config.5.tmp" {
			continue // it is being written
		}
		if err := os.Chtimes(filepath.Join(dir, name), old, old); err != nil {
			t.Fatal(err)
		}
		if isLeft {
			want = append(want, filepath.Join(dir, name))
		}
	}
	got := Leftovers(path, now)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := Leftovers(filepath.Join(dir, "none", "config"), now); len(got) > 0 {
		t.Errorf("beside nothing: %q", got)
	}
}
