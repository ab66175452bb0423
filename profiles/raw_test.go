package profiles

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aws-credproc/internal/diag"

	"github.com/google/go-cmp/cmp"
)

func TestReadRaw(t *testing.T) {
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
		t.Error("a directory was read")
	}
}
